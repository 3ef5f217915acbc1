// Saying things to the person: on the screen for a while, and to a screen reader.

import { element, icon } from "./dom.js";

const SECONDS = { info: 4, error: 9 };

/** Show a sentence for a while; `kind` is "info" or "error". */
export function toast(text, kind = "info") {
  const toasts = document.getElementById("toasts");
  for (const old of toasts.children) if (old.dataset.text === text) old.remove(); // said again, not twice
  const close = element("button", { type: "button", class: "toast-close", "aria-label": "Close" }, icon("close"));
  const made = element("div", { class: `toast toast-${kind}`, "data-test": "toast", "data-text": text },
    element("p", {}, text), close);
  const timer = setTimeout(() => made.remove(), 1000 * SECONDS[kind]);
  close.addEventListener("click", () => {
    clearTimeout(timer);
    made.remove();
  });
  toasts.append(made);
}

/** Let a screen reader say something when it has time. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
