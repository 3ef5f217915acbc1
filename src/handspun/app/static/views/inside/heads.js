// Words around the network: the legend, and the heads of the columns.

import { element } from "../../shared/base/dom.js";
import { shapeText } from "../../shared/base/numbers.js";
import { titleLines } from "./columns.js";

export function legend() {
  const item = (kind, text) =>
    element("span", { class: "inside-key" }, element("span", { class: `inside-swatch ${kind}`, "aria-hidden": "true" }), text);
  return element("p", { class: "inside-legend" },
    item("is-ink", "activation"), item("is-positive", "adds"), item("is-negative", "subtracts"));
}

/** The head of a column: its layers, and the sizes of what it shows. */
export function head(column) {
  const { kind, layers, shape, units } = column;
  const size = { input: shape, maps: [units, ...shape.slice(1)] }[kind] ?? [units];
  const made = element("p", { class: "inside-head", title: layers.map(({ name }) => name).join(" → ") },
    element("span", { class: "inside-title" }, titleLines(column).join("\n")),
    element("span", { class: "inside-size" }, shapeText(size)));
  return placed(made, column.x + column.width / 2, column.y - 10);
}

/** The head of the picture that shows which pixels speak for a class, and which against it. */
export class SaliencyHead {
  constructor({ x, y, width }) {
    this.root = placed(element("p", { class: "inside-head inside-caption", id: "inside-saliency" }), x + width / 2, y - 14);
  }

  /** @param name of the class; null for none */
  show(name) {
    if (this.name === name) return;
    this.name = name;
    if (name === null) this.root.replaceChildren("for and against");
    else {
      this.root.replaceChildren(element("span", { class: "is-for" }, "for"), " and ",
        element("span", { class: "is-against" }, "against"), ` ${name}`);
    }
  }
}

/** Put text in the middle above a point. */
function placed(made, x, y) {
  made.style.left = `${x}px`;
  made.style.top = `${y}px`;
  return made;
}
