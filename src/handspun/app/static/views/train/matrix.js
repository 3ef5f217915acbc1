// The confusion matrix as a table of buttons, and the images behind one of them.

import { button } from "../../shared/base/controls.js";
import { element } from "../../shared/base/dom.js";
import { fillTable, scrollable } from "../../shared/base/tables.js";
import { attempt } from "../../shared/base/messages.js";
import { counted, percent } from "../../shared/base/numbers.js";
import { thumbnail } from "../../shared/figures/thumbnail.js";
import { get } from "../../shared/server/api.js";

/** The share of colour in the fullest cell, in per cent. More would make its number hard to read. */
const FULL = 45;

export class Matrix {
  #classes = [];
  #buttons = [];
  #runId = null;
  #shown = null; // the cell whose images are shown

  constructor() {
    this.table = element("table", { class: "matrix", id: "matrix" });
    this.images = element("div", {
      class: "cell-images", id: "cell-images", role: "region", "aria-label": "Images of the chosen cell", hidden: true,
    });
    this.root = element("div", {}, scrollable("Confusion matrix", this.table), this.images);
  }

  /** Show the counts of a training: rows are the true classes, columns the answers. */
  show({ id, confusion, classes }) {
    if (id !== this.#runId || classes.length !== this.#classes.length) {
      this.#runId = id;
      this.#classes = classes;
      this.#shown = null;
      this.images.hidden = true;
      this.#build();
    }
    const right = Math.max(...confusion.map((row, i) => row[i]), 1);
    const wrong = Math.max(...confusion.flatMap((row, i) => row.filter((_, j) => j !== i)), 1);
    confusion.forEach((row, i) => row.forEach((number, j) => {
      const cell = this.#buttons[i][j];
      // A screen reader starts again when a text is set, even to the same one. The colour may change while the number does not.
      if (cell.textContent !== String(number)) {
        cell.textContent = number;
        cell.disabled = number === 0;
        cell.setAttribute("aria-label", `${this.#nameOf(i, j)}: ${number}`);
      }
      const share = number / (i === j ? right : wrong);
      const token = i === j ? "--cool" : "--thread";
      cell.style.background = `color-mix(in srgb, var(${token}) ${(FULL * share).toFixed(0)}%, var(--paper-raised))`;
    }));
  }

  #nameOf(i, j) {
    const [shown, taken] = [this.#classes[i], this.#classes[j]];
    return i === j ? `${shown}, correct` : `${shown}, taken for ${taken}`;
  }

  #build() {
    this.#buttons = this.#classes.map((_, i) => this.#classes.map((__, j) => (
      element("button", { type: "button", class: "cell", "data-test": `cell-${i}-${j}`, onclick: () => this.#open(i, j) }))));
    const rows = this.#buttons.map((cells, i) => element("tr", {}, element("th", { scope: "row" }, this.#classes[i]),
      ...cells.map((cell) => element("td", {}, cell))));
    const caption = "Rows are true classes, columns are the network's answers. Choose a number to see its images.";
    fillTable(this.table, element("caption", {}, caption), [null, ...this.#classes], rows);
  }

  #open(i, j) {
    const run = this.#runId;
    return attempt(async () => {
      const { images, total } = await get(`api/runs/${run}/cell/${i}/${j}`);
      if (run !== this.#runId) return; // another training has been chosen since
      this.#shown?.removeAttribute("aria-current");
      this.#shown = this.#buttons[i][j];
      this.#shown.setAttribute("aria-current", "true");
      const some = images.length < total ? ` (${images.length} shown)` : "";
      const close = button("Close", () => {
        this.images.hidden = true;
        this.#shown?.focus();
      }, { "data-test": "cell-close" });
      this.images.replaceChildren(
        element("div", { class: "panel-head" },
          element("h4", {}, `${counted(total, "image")} of ${this.#nameOf(i, j)}${some}`), close),
        element("ul", { class: "thumbnails" }, ...images.map(({ pixels, probability }) => element("li", { class: "judged" },
          thumbnail(pixels), element("span", { class: "soft small" }, percent(probability, 0))))));
      this.images.hidden = false;
    });
  }
}
