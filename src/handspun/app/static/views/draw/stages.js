// What the network sees: the stages from the sheet to its input.

import { decode } from "../../shared/base/arrays.js";
import { element, icon } from "../../shared/base/dom.js";
import { seesStrokes } from "../../shared/server/models.js";
import { paintColour, paintGrey } from "../../shared/figures/pixels.js";

/** Pictures of at most this many pixels per side are shown enlarged. */
const SMALL = 64;

export class Stages {
  #steps = ["ink", "crop", "scaled", "seen"];
  #figures = {};
  #model = null;
  #hasStages = new Map(); // by the name of a model: whether it has all stages, or pictures are only scaled

  constructor() {
    this.box = element("span", { class: "stage-box", hidden: true });
    const items = this.#steps.map((name) => {
      const canvas = element("canvas", { width: 1, height: 1, role: "img", "data-test": `stage-${name}` });
      const caption = element("span", { class: "stage-caption" });
      const item = element("li", { class: `stage stage-${name}` },
        element("span", { class: "stage-frame" }, canvas, name === "ink" ? this.box : null), caption);
      this.#figures[name] = { canvas, caption, item };
      return item;
    });
    for (const item of items.slice(1)) item.prepend(icon("arrow"));
    this.root = element("section", { class: "stages-panel" },
      element("h3", { id: "stages-title" }, "What the network sees"),
      element("ol", { id: "stages", class: "stages", "aria-labelledby": "stages-title" }, ...items));
    this.#caption("ink", "ink", "The drawing");
    this.#caption("crop", "crop", "Cut out");
    this.clear();
  }

  /** Set the model. */
  set model(model) {
    const isOther = this.#model?.name !== model.name;
    this.#model = model;
    if (isOther) this.clear(); // until it has answered
  }

  show({ model, verdict, seen, stages, frame }) {
    if (verdict === "empty" || seen === null) {
      this.clear();
      return;
    }
    // Once true, it stays true: a later answer may have been requested without stages.
    this.#hasStages.set(model, this.#hasStages.get(model) || Boolean(stages));
    // For a model of photos, pictures are only scaled: there are no stages and no ink.
    this.root.classList.toggle("is-short", !stages);
    const { shape, values } = decode(seen);
    const [rows, columns] = shape[0] === 1 ? shape.slice(1) : shape;
    const { canvas } = this.#figures.seen;
    if (stages) paintGrey(canvas, values, [rows, columns]);
    else paintColour(canvas, shape.length === 3 && shape[2] === 3 ? values : greyAsColour(values), [rows, columns]);
    this.#caption("seen", `${rows} × ${columns}`, stages ? "Centred" : "Scaled");
    this.box.hidden = !stages;
    if (stages) this.#showStages(stages, frame);
  }

  /** Show that the network sees nothing. */
  clear() {
    for (const { canvas } of Object.values(this.#figures)) paintGrey(canvas, new Uint8Array(1), [1, 1]);
    this.box.hidden = true;
    const model = this.#model;
    const hasStages = model === null || (this.#hasStages.get(model.name) ?? seesStrokes(model));
    this.root.classList.toggle("is-short", !hasStages);
    const [rows, columns] = model?.picture_shape ?? [28, 28];
    this.#caption("scaled", "20 × 20", "Scaled");
    this.#caption("seen", `${rows} × ${columns}`, hasStages ? "Centred" : "Scaled");
  }

  #showStages({ ink, box: [top, left, bottom, right], scaled }, frame) {
    // If the answer has no ink, the frame itself was ink.
    const { shape: [rows, columns], values } = ink ? decode(ink) : { shape: [frame.height, frame.width], values: frame.bytes };
    paintGrey(this.#figures.ink.canvas, values, [rows, columns]);
    // Few pixels are drawn sharply; many are blended.
    this.#figures.ink.item.classList.toggle("is-small", Math.max(rows, columns) <= SMALL);
    this.#figures.crop.item.classList.toggle("is-small", Math.max(rows, columns) <= SMALL);
    const [height, width] = [bottom - top, right - left];
    const crop = new Uint8Array(height * width);
    for (let row = 0; row < height; row += 1) {
      const start = (top + row) * columns + left;
      crop.set(values.subarray(start, start + width), row * width);
    }
    if (crop.length > 0) paintGrey(this.#figures.crop.canvas, crop, [height, width]);
    // The frame is square, the picture need not be. It is centred, as by object-fit: contain.
    const longer = Math.max(rows, columns);
    const place = { left: left + (longer - columns) / 2, top: top + (longer - rows) / 2, width, height };
    for (const [side, size] of Object.entries(place)) this.box.style[side] = `${(100 * size) / longer}%`;
    if (!scaled) return;
    const small = decode(scaled);
    paintGrey(this.#figures.scaled.canvas, small.values, small.shape);
    this.#caption("scaled", `${small.shape[0]} × ${small.shape[1]}`, "Scaled");
  }

  #caption(name, text, label) {
    const { canvas, caption } = this.#figures[name];
    if (caption.textContent !== text) caption.textContent = text;
    canvas.setAttribute("aria-label", `${label}, ${text}`);
  }
}

/** Grey bytes as RGB. */
const greyAsColour = (values) => Uint8Array.from({ length: 3 * values.length }, (_, i) => values[Math.floor(i / 3)]);
