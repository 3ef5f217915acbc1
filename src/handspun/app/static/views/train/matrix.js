// The confusion matrix as a table of buttons, and the images behind one of them.

import { get } from "../../shared/server/api.js";
import { element } from "../../shared/base/dom.js";
import { percent } from "../../shared/base/numbers.js";
import { decode, paintColour, paintGrey } from "../../shared/figures/pixels.js";

/** The colour of the fullest cell, of 100; more would take the contrast from its number. */
const FULL = 45;

export class Matrix {
  #classes = [];
  #buttons = [];
  #runId = null;
  #shown = null; // the cell whose images are shown

  constructor(onError) {
    this.onError = onError;
    this.table = element("table", { class: "matrix", id: "matrix" });
    this.images = element("div", { class: "cell-images", id: "cell-images", role: "region", "aria-label": "Images of the chosen cell", hidden: true });
    this.root = element("div", {},
      element("div", { class: "matrix-scroll", role: "region", "aria-label": "Confusion matrix", tabindex: "0" }, this.table), this.images);
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
      const button = this.#buttons[i][j];
      // Not written again, or a screen reader would begin anew; the colour changes with the scale, also of a number that stays.
      if (button.textContent !== String(number)) {
        button.textContent = number;
        button.disabled = number === 0;
        const name = i === j ? `${classes[i]} taken for what it is` : `${classes[i]} taken for ${classes[j]}`;
        button.setAttribute("aria-label", `${name}: ${number}`);
      }
      const share = number / (i === j ? right : wrong);
      const token = i === j ? "--cool" : "--thread";
      button.style.background = `color-mix(in srgb, var(${token}) ${(FULL * share).toFixed(0)}%, var(--paper-raised))`;
    }));
  }

  #build() {
    const heads = this.#classes.map((name) => element("th", { scope: "col" }, name));
    this.#buttons = this.#classes.map((_, i) => this.#classes.map((_, j) => {
      const button = element("button", { type: "button", class: "cell", "data-test": `cell-${i}-${j}` });
      button.addEventListener("click", () => this.#open(i, j));
      return button;
    }));
    const rows = this.#buttons.map((buttons, i) => element("tr", {}, element("th", { scope: "row" }, this.#classes[i]),
      ...buttons.map((button) => element("td", {}, button))));
    this.table.replaceChildren(
      element("caption", {}, "Each row is what the images show, each column what they were taken for. Choose a number to see them."),
      element("thead", {}, element("tr", {}, element("td", {}), ...heads)), element("tbody", {}, ...rows));
  }

  async #open(i, j) {
    const run = this.#runId;
    try {
      const { images, total } = await get(`api/runs/${run}/cell/${i}/${j}`);
      if (run !== this.#runId) return; // another training was chosen meanwhile
      this.#shown?.removeAttribute("aria-current");
      this.#shown = this.#buttons[i][j];
      this.#shown.setAttribute("aria-current", "true");
      const [shown, taken] = [this.#classes[i], this.#classes[j]];
      const what = i === j ? `${shown}, rightly seen` : `${shown}, taken for ${taken}`;
      const some = images.length < total ? `, ${images.length} of them` : "";
      const close = element("button", { type: "button", class: "button", "data-test": "cell-close" }, "Close");
      close.addEventListener("click", () => {
        this.images.hidden = true;
        this.#shown?.focus();
      });
      this.images.replaceChildren(
        element("div", { class: "panel-head" }, element("h4", {}, `${total} ${total === 1 ? "image" : "images"} of ${what}${some}`), close),
        element("ul", { class: "thumbnails" }, ...images.map(({ pixels, probability }) => element("li", { class: "judged" },
          picture(pixels), element("span", { class: "soft small" }, percent(probability, 0))))));
      this.images.hidden = false;
    } catch (error) {
      this.onError(error);
    }
  }
}

/** An image on a canvas; colour is by rows, (h, w, 3). */
function picture(pixels) {
  const canvas = element("canvas", { class: "thumbnail" });
  const { shape, values } = decode(pixels);
  if (shape.length === 3 && shape[2] === 3) paintColour(canvas, values, shape.slice(0, 2));
  else paintGrey(canvas, values, shape.length === 1 ? [1, shape[0]] : shape.slice(0, 2));
  return canvas;
}
