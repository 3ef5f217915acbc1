// An array of any shape as one small picture, with the value under the pointer.

import { decode } from "../base/arrays.js";
import { element } from "../base/dom.js";
import { shapeText, short } from "../base/numbers.js";
import { paintGrey, paintSigned } from "./pixels.js";
import { indices, plane } from "./plane.js";

/** Width over height of a matrix's picture: its values become wider or higher to stay within these. */
const RATIO = { most: 4, least: 0.8 };

/** The longest side of a value, in pixels of the screen. */
const MOST_CELL = 24;

export class Heatmap {
  /**
   * @param array as the server sends it, or {shape, values}
   * @param options symbol: its name in the line below; label: its description for screen readers; picture: see `plane`;
   *   most: the longest side in pixels of the screen, if there is room; limit: the size that gets the full colour;
   *   signed: whether to use the colours for positive and negative values, by default only if some are negative
   */
  constructor(array, { symbol = "", label = "", picture = null, most = 168, limit = null, signed = null } = {}) {
    const { shape, values } = array.values ? array : decode(array);
    Object.assign(this, { shape, values, symbol, most });
    this.plane = plane(shape, picture);
    let [least, greatest] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
    this.summary = values.length === 1 ? short(values[0]) : `${short(least)} to ${short(greatest)}`;
    const point = (event) => this.#point(event);
    this.canvas = element("canvas", {
      class: "heatmap-canvas", role: "img", "aria-label": `${label || symbol}, ${shapeText(shape)}: ${this.summary}`,
      onpointermove: point, onpointerdown: point, onpointerleave: () => { this.readout.textContent = this.summary; },
    });
    this.readout = element("p", { class: "heatmap-value", "aria-hidden": "true" }, this.summary);
    this.root = element("div", { class: "heatmap" }, this.canvas, this.readout);
    this.#paint(signed ?? least < 0, limit ?? Math.max(Math.abs(least), Math.abs(greatest)));
    this.#fit(most);
    // Observe the line below, which takes the full width. The picture changes its size here and would trigger this again.
    new ResizeObserver(([{ contentRect }]) => this.#fit(contentRect.width)).observe(this.readout);
  }

  #paint(signed, limit) {
    const { rows, columns, at } = this.plane;
    const shown = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const place = at(row, column);
        shown[row * columns + column] = place < 0 ? 0 : this.values[place];
      }
    }
    if (signed) paintSigned(this.canvas, shown, [rows, columns], { limit });
    else paintGrey(this.canvas, shown, [rows, columns], { low: 0, high: limit });
  }

  /** Make it as large as `room` pixels allow, with whole screen pixels for each value if there are enough. */
  #fit(room) {
    if (room === 0) return; // hidden
    const { rows, columns, stretches } = this.plane;
    let [wide, high] = [1, 1]; // the sides of a value, relative to each other
    if (stretches && columns < RATIO.least * rows) wide = Math.round((RATIO.least * rows) / columns);
    if (stretches && columns > RATIO.most * rows) high = Math.round(columns / rows / RATIO.most);
    const longest = Math.max(columns * wide, rows * high);
    const scale = Math.min(room / (columns * wide), this.most / longest, MOST_CELL / Math.min(wide, high));
    const fitted = scale >= 1 ? Math.floor(scale) : scale;
    this.canvas.style.width = `${columns * wide * fitted}px`;
    this.canvas.style.aspectRatio = `${columns * wide} / ${rows * high}`;
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.plane.rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.plane.columns);
    const inside = row >= 0 && column >= 0 && row < this.plane.rows && column < this.plane.columns;
    const place = inside ? this.plane.at(row, column) : -1;
    const name = place < 0 ? "" : `${this.symbol}[${indices(place, this.shape).join(", ")}] = `;
    this.readout.textContent = place < 0 ? this.summary : `${name}${short(this.values[place])}`;
  }
}
