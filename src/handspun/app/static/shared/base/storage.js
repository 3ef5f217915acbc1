// What this browser remembers. Storage can be full or forbidden; then values last as long as the page.

export function remember(key, value) {
  try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* see above */ }
}

/** The stored value; null if there is none. */
export function recall(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}
