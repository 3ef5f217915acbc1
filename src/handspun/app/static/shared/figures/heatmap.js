// An array of any shape as one small picture, with the value under the pointer.

import { element } from "../base/dom.js";
import { powers } from "../base/numbers.js";
import { decode, paintGrey, paintSigned } from "./pixels.js";

/** How many times as wide as high the picture of a matrix is at most, and at least: its values get wider or higher for it. */
const RATIO = { most: 4, least: 0.8 };

/** Pixels of the screen that a value takes at most a side. */
const MOST_CELL = 24;

/** A flat array that is no longer than this is shown as one row. */
const ONE_ROW = 16;

/** Values of a pixel in colour. */
const COLOURS = 3;

/** A number in about so many digits, with a real minus sign; very small and very large ones in powers of ten, in one less. */
export function short(value, digits = 3) {
  if (Number.isNaN(value)) return "not a number";
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  let text;
  if (size === 0) text = "0";
  else if (size >= 1e5 || size < 1e-4) text = powers(size, digits - 2);
  else if (size >= 1000) text = size.toFixed(0);
  else if (size >= 0.01) text = size.toPrecision(digits);
  else text = size.toFixed(digits + 2).replace(/0+$/, "");
  return value < 0 ? `−${text}` : text;
}

/** A shape as one reads it: "16 × 12 × 12". */
export const shapeText = (shape) => shape.map((size) => size.toLocaleString("en")).join(" × ");

/** In how many columns n equal cells make a pleasant rectangle: as near a square as a divisor of n allows. */
function across(n) {
  const root = Math.ceil(Math.sqrt(n));
  for (let columns = root; columns <= 2.5 * root; columns += 1) if (n % columns === 0) return columns;
  return root;
}

/**
 * How an array is laid out in a plane: {rows, columns, at(row, column)}, where `at` gives the flat index of the value, or -1;
 * `stretches` where nothing is a picture, so that values need not be squares.
 *
 * (n,) is laid out in rows. (r, c) is a matrix; where its rows are the pixels of a picture each column is a picture, side by
 * side. (c, h, w) are maps side by side, (o, c, h, w) a table of them. A coloured picture, (h, w, 3) or all of it in one row, is
 * three pictures: its red, green and blue.
 * @param picture [rows, columns] of the pictures that the network sees
 */
export function plane(shape, picture = null) {
  const tiles = (count, columns, [height, width], index) => {
    const gap = height * width > 1 ? 1 : 0;
    const rows = Math.ceil(count / columns);
    return {
      rows: rows * (height + gap) - gap,
      columns: columns * (width + gap) - gap,
      at(row, column) {
        const [i, j] = [row % (height + gap), column % (width + gap)];
        const tile = Math.floor(row / (height + gap)) * columns + Math.floor(column / (width + gap));
        return i < height && j < width && tile < count ? index(tile, i * width + j) : -1;
      },
    };
  };
  const size = picture === null ? 0 : picture[0] * picture[1];
  const inColour = shape.length === 3 && shape[0] === picture?.[0] && shape[1] === picture[1] && shape[2] === COLOURS;
  if (inColour || (shape.length === 1 && shape[0] === COLOURS * size)) {
    return tiles(COLOURS, COLOURS, picture, (tile, i) => i * COLOURS + tile);
  }
  if (shape.length <= 1) {
    const n = shape[0] ?? 1;
    return n === size ? tiles(1, 1, picture, (_, i) => i) : tiles(n, n <= ONE_ROW ? n : across(n), [1, 1], (tile) => tile);
  }
  if (shape.length === 2) {
    const [rows, columns] = shape;
    if (rows === size) return tiles(columns, across(columns), picture, (tile, i) => i * columns + tile);
    return { rows, columns, stretches: true, at: (row, column) => row * columns + column };
  }
  const inner = shape.slice(-2);
  const count = shape.slice(0, -2).reduce((a, b) => a * b, 1);
  const columns = shape.length > 3 && shape[1] > 1 ? shape[1] : across(count);
  return tiles(count, columns, inner, (tile, i) => tile * inner[0] * inner[1] + i);
}

/** The indices of a flat place in an array: [2, 0, 13]. */
export function indices(place, shape) {
  const found = [];
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    found.unshift(place % shape[axis]);
    place = Math.floor(place / shape[axis]);
  }
  return found;
}

export class Heatmap {
  /**
   * @param array as the server sends it, or {shape, values}
   * @param options symbol: of the value in the line below; label: for those who cannot see it; picture: see `plane`; most:
   *   the longer side in pixels of the screen, where there is so much room; limit: the size that gets the full colour; signed: whether 0 is the
   *   middle, also where nothing is negative
   */
  constructor(array, { symbol = "", label = "", picture = null, most = 168, limit = null, signed = null } = {}) {
    const { shape, values } = array.values ? array : decode(array);
    Object.assign(this, { shape, values, symbol });
    this.plane = plane(shape, picture);
    let [least, greatest] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
    this.summary = values.length === 1 ? short(values[0]) : `${short(least)} to ${short(greatest)}`;
    this.canvas = element("canvas", {
      class: "heatmap-canvas",
      role: "img",
      "aria-label": `${label || symbol}, ${shapeText(shape)}: ${this.summary}`,
    });
    this.readout = element("p", { class: "heatmap-value", "aria-hidden": "true" }, this.summary);
    this.root = element("div", { class: "heatmap" }, this.canvas, this.readout);
    const size = Math.max(Math.abs(least), Math.abs(greatest));
    this.#paint(signed ?? least < 0, limit ?? size);
    this.most = most;
    this.#fit(most);
    // The line below the picture is as wide as there is room, and no higher for it: of the whole the observer would hear again.
    new ResizeObserver(([{ contentRect }]) => this.#fit(contentRect.width)).observe(this.readout);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.#point(event));
    this.canvas.addEventListener("pointerleave", () => {
      this.readout.textContent = this.summary;
    });
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

  /** As large as `room` pixels lets it be, with whole pixels of the screen for each value if they are enough for one. */
  #fit(room) {
    if (room === 0) return; // not on the screen
    const { rows, columns, stretches } = this.plane;
    let [wide, high] = [1, 1]; // of a value, to each other
    if (stretches && columns < RATIO.least * rows) wide = Math.round((RATIO.least * rows) / columns);
    if (stretches && columns > RATIO.most * rows) high = Math.round(columns / rows / RATIO.most);
    const scale = Math.min(room / (columns * wide), this.most / Math.max(columns * wide, rows * high), MOST_CELL / Math.min(wide, high));
    const whole = scale >= 1 ? Math.floor(scale) : scale;
    this.canvas.style.width = `${columns * wide * whole}px`;
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
