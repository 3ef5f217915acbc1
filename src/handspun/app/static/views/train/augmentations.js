// Random changes of the training images.

import { element } from "../../shared/base/dom.js";

export class Augmentations {
  /** @param entries augmentations of GET /api/options */
  constructor(entries) {
    this.rows = entries.map(({ name, title, low, high, step, default: usual }) => {
      const on = element("input", {
        type: "checkbox", id: `augment-${name}`, onchange: () => { input.disabled = !on.checked; },
      });
      const input = element("input", {
        type: "range", id: `augment-${name}-value`, "aria-label": title, min: low, max: high, step, value: usual,
        disabled: true,
        oninput: () => { shown.textContent = input.value; },
      });
      const shown = element("output", { for: input.id }, String(usual));
      const node = element("li", { class: "augment-row" }, element("label", { class: "check" }, on, title), input, shown);
      return { name, on, input, shown, node };
    });
    this.root = element("details", { class: "panel", id: "train-augment" },
      element("summary", {}, "Augmentation"),
      element("p", { class: "soft small" },
        "Each image is changed at random, differently in every epoch, by at most these amounts."),
      element("ul", { class: "augment" }, ...this.rows.map(({ node }) => node)));
  }

  /** {name: amount} of what is switched on; null for none. */
  get value() {
    const chosen = this.rows.filter(({ on }) => on.checked).map(({ name, input }) => [name, Number(input.value)]);
    return chosen.length > 0 ? Object.fromEntries(chosen) : null;
  }

  set value(settings) {
    for (const { name, on, input, shown } of this.rows) {
      on.checked = settings !== null && name in settings;
      if (on.checked) input.value = settings[name];
      input.disabled = !on.checked;
      shown.textContent = input.value;
    }
    this.root.open = settings !== null;
  }
}
