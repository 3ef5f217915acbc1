// The card of a cell: its value and weights, what feeds it, and what it feeds.

import { element } from "../../shared/base/dom.js";
import { definitions } from "../../shared/base/tables.js";
import { short } from "../../shared/base/numbers.js";
import { Heatmap } from "../../shared/figures/heatmap.js";
import { nameOf, valueNameOf } from "./names.js";

/** The number of connections in a list. */
const LISTED = 5;

export class Card {
  constructor() {
    this.root = element("section", {
      id: "inside-unit", class: "inside-unit", "aria-labelledby": "inside-unit-title", "data-test": "unit",
    });
  }

  /**
   * @param cell {layer, unit}, or null for none
   * @param known what the server said about the cell; null while that is unknown
   */
  show(columns, cell, known) {
    const title = element("h3", { id: "inside-unit-title" }, cell === null ? "A single cell" : nameOf(columns, cell));
    if (cell === null) {
      this.root.replaceChildren(title, element("p", { class: "inside-soft" },
        "Point at a cell to see what it looks for, what feeds it and what it feeds. Click to hold it while you draw."));
      return;
    }
    const facts = [];
    if (known && known.value !== undefined) facts.push([valueNameOf(columns, cell), short(known.value)]);
    if (known && known.bias !== null) facts.push(["bias", short(known.bias)]);
    const about = element("div", { class: "inside-about" });
    if (known?.weights) {
      const label = `Weights of ${nameOf(columns, cell)}`;
      const heat = new Heatmap(known.weights, { symbol: "w", label, most: 144, signed: true });
      about.append(element("figure", { class: "inside-weights" }, element("figcaption", {}, "its weights"), heat.root));
    }
    about.append(definitions(facts, { class: "inside-facts" }));
    const lists = [["what feeds it most", known?.incoming], ["what it feeds most", known?.outgoing]];
    this.root.replaceChildren(title, about,
      ...lists.filter(([, list]) => list?.length).map(([text, list]) => connections(columns, text, list)));
  }
}

function connections(columns, text, list) {
  const most = Math.abs(list[0].contribution);
  const items = list.slice(0, LISTED).map(({ layer, unit, contribution }) => {
    const bar = element("span", {
      class: `inside-bar-mark ${contribution > 0 ? "is-positive" : "is-negative"}`, "aria-hidden": "true",
    });
    bar.style.width = `${Math.max((100 * Math.abs(contribution)) / most, 2)}%`;
    return element("li", {},
      element("span", { class: "inside-name" }, nameOf(columns, { layer, unit }, true)),
      element("span", { class: "inside-track" }, bar),
      element("span", { class: "inside-number" }, (contribution > 0 ? "+" : "") + short(contribution)));
  });
  return element("div", { class: "inside-connections" }, element("h4", {}, text), element("ul", {}, ...items));
}
