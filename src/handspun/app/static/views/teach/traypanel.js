// The tray on the screen: small pictures by class, each of which can be removed.

import { button, fileInput } from "../../shared/base/controls.js";
import { element, icon } from "../../shared/base/dom.js";
import { counted } from "../../shared/base/numbers.js";
import { DIGITS, tray } from "../../shared/drawing/tray.js";
import { thumbnail } from "../../shared/figures/thumbnail.js";
import { loadDrawings, saveDrawings } from "./files.js";

export class TrayPanel {
  #nodes = new Map(); // from a drawing to its button, so that adding a drawing paints only one

  constructor() {
    this.title = element("h3", { id: "tray-title" }, "Tray");
    this.groups = element("div", { class: "tray-groups", id: "tray", "data-test": "tray" });
    this.save = button("Save to a file", saveDrawings, { id: "tray-save" });
    this.clear = button("Remove all", () => tray.clear(), { id: "tray-clear" });
    const file = fileInput(".npz", loadDrawings, { id: "tray-file", "aria-label": "A file of drawings" });
    const load = button("Load from a file", () => file.click(), { id: "tray-load" });
    this.root = element("section", { class: "panel tray", "aria-labelledby": "tray-title" },
      element("div", { class: "panel-head" }, this.title, element("div", { class: "row" }, this.save, load, this.clear, file)),
      this.groups,
      element("p", { class: "soft small" },
        "This browser keeps the tray; nothing leaves your machine. A saved file is a data set: ",
        element("code", {}, "handspun train drawings.npz"), "."));
  }

  /** @param canTeach whether the chosen model can be taught */
  show(drawings, canTeach) {
    const isEmpty = drawings.length === 0;
    this.title.textContent = isEmpty ? "Tray" : `Tray: ${counted(drawings.length, "drawing")}`;
    this.save.disabled = this.clear.disabled = isEmpty;
    if (isEmpty) {
      this.#nodes.clear();
      const text = canTeach
        ? "Draw a digit that the model gets wrong, and say what it was meant to be. Three drawings are enough."
        : "Choose a model of drawn digits to teach it.";
      this.groups.replaceChildren(element("p", { class: "tray-empty" }, `The tray is empty. ${text}`));
      return;
    }
    const labels = [...new Set(drawings.map(({ label }) => label))].sort((a, b) => a - b);
    const nodes = new Map();
    this.groups.replaceChildren(...labels.map((label) => {
      const name = DIGITS[label];
      const own = drawings.filter((drawing) => drawing.label === label);
      const items = own.map((drawing, i) => {
        const node = this.#nodes.get(drawing) ?? makeItem(drawing);
        node.setAttribute("aria-label", `Remove drawing ${i + 1} of ${own.length} of ${name}`);
        nodes.set(drawing, node);
        return element("li", {}, node);
      });
      return element("div", { class: "tray-group", "data-test": `tray-${label}` },
        element("h4", {}, name), element("ul", { class: "thumbnails", "aria-label": `Drawings of ${name}` }, ...items));
    }));
    this.#nodes = nodes;
  }
}

function makeItem(drawing) {
  const remove = () => {
    // The focus moves to a neighbour; otherwise the keyboard would start from the top of the page.
    const all = [...document.querySelectorAll(".tray-item")];
    const next = all[all.indexOf(node) + 1] ?? all[all.indexOf(node) - 1];
    tray.remove(drawing);
    next?.focus();
  };
  const node = element("button", { type: "button", class: "tray-item", title: "Remove", onclick: remove },
    thumbnail(drawing.pixels), icon("close"));
  return node;
}
