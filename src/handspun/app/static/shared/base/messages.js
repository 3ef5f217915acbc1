// Messages: on the screen for a while, and to a screen reader.

import { element, icon } from "./dom.js";

const SECONDS = { info: 4, error: 9 };

/** Show a sentence for a while; `kind` is "info" or "error". */
export function toast(text, kind = "info") {
  const toasts = document.getElementById("toasts");
  for (const old of toasts.children) if (old.dataset.text === text) old.remove(); // not the same sentence twice
  const close = () => {
    clearTimeout(timer);
    made.remove();
  };
  const made = element("div", { class: `toast toast-${kind}`, "data-test": "toast", "data-text": text },
    element("p", {}, text),
    element("button", { type: "button", class: "toast-close", "aria-label": "Close", onclick: close }, icon("close")));
  const timer = setTimeout(close, 1000 * SECONDS[kind]);
  toasts.append(made);
}

/**
 * Do something that may fail; if it does, show the reason.
 * @param prefix a sentence that comes before the reason
 * @returns whether it succeeded
 */
export async function attempt(act, prefix = "") {
  try {
    await act();
    return true;
  } catch (error) {
    toast(`${prefix} ${error.message}`.trim(), "error");
    return false;
  }
}

/** Let a screen reader say something when it has time. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
