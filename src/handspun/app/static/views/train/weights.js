// The weights of the first layer as small pictures.

import { decode } from "../../shared/base/arrays.js";
import { element } from "../../shared/base/dom.js";
import { paintSigned } from "../../shared/figures/pixels.js";

/** Up to this many pictures can be shown larger. */
const FEW = 16;

export class Weights {
  #painted = null; // the weights on the screen

  constructor() {
    this.pictures = element("div", { class: "weights", id: "weights", role: "img" });
    this.note = element("p", { class: "soft small", id: "weights-note" });
    this.root = element("section", {}, element("h4", {}, "What the first layer looks for"), this.pictures, this.note);
  }

  /** Show the weights of a training. */
  show({ weights, settings }) {
    this.root.hidden = weights === null;
    if (weights === null || weights.data === this.#painted) return;
    this.#painted = weights.data;
    const { shape: [count, rows, columns], values } = decode(weights);
    const canvases = this.pictures.children;
    while (canvases.length > count) this.pictures.lastElementChild.remove();
    while (canvases.length < count) this.pictures.append(element("canvas", { class: "thumbnail" }));
    this.pictures.classList.toggle("is-few", count <= FEW);
    const total = unitsOfFirst(settings, count);
    const some = total > count ? `${count} of ${total}` : `${count}`;
    this.pictures.setAttribute("aria-label", `The weights of ${some} units of the first layer, ${rows} by ${columns} each`);
    this.note.textContent = "Each picture shows the weights of one unit: red pixels raise its value, grey-blue pixels lower it."
      + (total > count ? ` Here are ${some} units.` : "");
    // The largest 1 % must not make all other weights pale.
    const limit = Float32Array.from(values, Math.abs).sort()[Math.floor(0.99 * (values.length - 1))];
    const size = rows * columns;
    [...canvases].forEach((canvas, i) => {
      paintSigned(canvas, values.subarray(i * size, (i + 1) * size), [rows, columns], { limit });
    });
  }
}

/** The number of units or filters in the first layer with weights; `shown` if the settings do not say. */
function unitsOfFirst({ layers = [] }, shown) {
  const first = layers.find(({ units, filters }) => units !== undefined || filters !== undefined);
  return first?.units ?? first?.filters ?? shown;
}
