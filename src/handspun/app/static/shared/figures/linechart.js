// Line charts: axes with units, each line with its name at its end, and the numbers as a table for who cannot see the lines.

import { element } from "../base/dom.js";
import { powers } from "../base/numbers.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 216;
const MARGIN = { top: 24, right: 12, bottom: 36, left: 52 };
const LINE = 16; // the least distance between two names, in pixels
const LETTER = 7; // about as wide is a character, in pixels
const ROOM_FOR_MORE = 200; // pixels for names from which on they say more than the least
const MOST_ROWS = 12; // of the table
let count = 0; // for ids

/** The way numbers are written: 1,234 and 0.05, never 0.05000000001; very small and very large ones in powers of ten, 2·10⁷. */
export function plain(value, digits = 3) {
  const size = Math.abs(value);
  // In full they would have no room beside an axis. The numbers of a training that diverges are that large.
  if (Number.isFinite(size) && (size >= 1e5 || (size > 0 && size < 1e-4))) {
    return `${value < 0 ? "−" : ""}${powers(Number(size.toPrecision(digits)))}`;
  }
  return value.toLocaleString("en", { maximumSignificantDigits: digits });
}

/** The mean of each point and the few before it: single batches jump. */
export function smooth(points, over = 5) {
  return points.map(([x], i) => {
    const near = points.slice(Math.max(0, i - over + 1), i + 1);
    return [x, near.reduce((sum, [, y]) => sum + y, 0) / near.length];
  });
}

/**
 * A chart that grows with its data.
 *
 * A series is {name, points: [[x, y], …], style}; style is "first", "second" … "fifth", each with a colour and a dash of its own,
 * with "-dots" behind it where single points matter. It may have an `about`, which stands behind its name where there is room.
 */
export class LineChart {
  #options;
  #figure;
  #svg;
  #table;
  #series = [];
  #width = 0;
  #waiting = false;

  /**
   * @param container an element, which gets the chart
   * @param options title; x and y: {label, unit, low, high, format}: what the axis shows, limits that it has in any case, and
   *   how its numbers are written; empty: what is said while there are no points
   */
  constructor(container, options) {
    count += 1;
    this.#options = options;
    const id = `chart-${count}`;
    this.#svg = made("svg", { role: "img", "aria-labelledby": `${id}-title ${id}-about`, height: HEIGHT });
    this.#table = element("table", {});
    this.#figure = element(
      "figure", { class: "chart", "data-test": options.test },
      element("figcaption", { id: `${id}-title` }, options.title), this.#svg,
      element("div", { class: "sr-only" }, this.#table), // a table itself is as wide as its columns, hidden or not
    );
    this.#svg.append(made("desc", { id: `${id}-about` }), made("g", {}));
    container.append(this.#figure);
    new ResizeObserver(() => this.#draw()).observe(this.#figure);
  }

  /** Show these lines, in the next frame of the screen. */
  update(series) {
    this.#series = series.filter(({ points }) => points.length > 0);
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#draw();
    });
  }

  #draw() {
    this.#width = this.#figure.clientWidth;
    if (this.#width === 0) return; // in a view that is not shown
    const { x, y, empty = "No numbers yet." } = this.#options;
    this.#svg.setAttribute("width", this.#width);
    this.#svg.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    const group = made("g", {});
    this.#svg.lastElementChild.replaceWith(group);
    const most = this.#width * 0.42; // for names
    const least = this.#series.map((one) => `${one.name} ${y.format(one.points.at(-1)[1])}`);
    const whole = least.map((name, i) => (this.#series[i].about ? `${name} · ${this.#series[i].about}` : name));
    const names = most < ROOM_FOR_MORE ? least : whole.map((name) => shortened(name, (most - 8) / LETTER));
    this.#svg.firstElementChild.textContent = names.length > 0 ? `${y.label}: ${whole.join("; ")}.` : empty;
    this.#fillTable();
    if (names.length === 0) {
      group.append(text(this.#width / 2, HEIGHT / 2, empty, { "text-anchor": "middle", class: "chart-empty" }));
      return;
    }

    // As much room on the right as the longest name takes.
    const right = MARGIN.right + Math.min(LETTER * Math.max(...names.map((name) => name.length)) + 8, most);
    const points = this.#series.flatMap((one) => one.points);
    const along = scale(points.map(([value]) => value), x, MARGIN.left, this.#width - right, Math.max(this.#width / 110, 2));
    const up = scale(points.map(([, value]) => value), y, HEIGHT - MARGIN.bottom, MARGIN.top, 4);
    this.#drawAxes(group, along, up, right);
    this.#nameLines(group, names, along, up, this.#width - right);
    for (const one of this.#series) drawLine(group, one, along, up);
  }

  #drawAxes(group, along, up, right) {
    const { x, y } = this.#options;
    const [from, to] = [MARGIN.left, this.#width - right];
    for (const value of up.ticks) {
      const at = up.place(value);
      group.append(made("line", { x1: from, x2: to, y1: at, y2: at, class: "chart-grid" }));
      group.append(text(from - 8, at + 4, y.format(value), { "text-anchor": "end" }));
    }
    const base = HEIGHT - MARGIN.bottom;
    group.append(made("line", { x1: from, x2: to, y1: base, y2: base, class: "chart-axis" }));
    for (const value of along.ticks) {
      const at = along.place(value);
      group.append(made("line", { x1: at, x2: at, y1: base, y2: base + 4, class: "chart-axis" }));
      group.append(text(at, base + 18, x.format(value), { "text-anchor": "middle" }));
    }
    group.append(text(to, base + 33, withUnit(x), { "text-anchor": "end", class: "chart-title" }));
    group.append(text(0, 12, withUnit(y), { class: "chart-title" }));
  }

  /** The names at the right, at the height of their lines' ends, and pushed apart where they would cover each other. */
  #nameLines(group, names, along, up, edge) {
    const ends = this.#series.map(({ points, style }, i) => {
      const [px, py] = points.at(-1);
      return { name: names[i], style, end: [along.place(px), up.place(py)], y: up.place(py) };
    });
    ends.sort((a, b) => a.y - b.y);
    const lowest = HEIGHT - MARGIN.bottom - 2;
    for (let i = 1; i < ends.length; i += 1) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + LINE);
    for (let i = ends.length - 1; i >= 0; i -= 1) {
      const below = i === ends.length - 1 ? lowest : ends[i + 1].y - LINE;
      ends[i].y = Math.min(ends[i].y, below);
    }
    for (const { name, style, end: [x, from], y } of ends) {
      group.append(made("line", { x1: x, y1: from, x2: edge + 5, y2: y, class: "chart-leader" }));
      group.append(text(edge + 8, y + 4, name, { class: `chart-name chart-${style}` }));
    }
  }

  #fillTable() {
    const { title, x, y } = this.#options;
    const places = [...new Set(this.#series.flatMap((one) => one.points.map(([at]) => at)))].sort((a, b) => a - b);
    const step = Math.max(1, Math.ceil(places.length / MOST_ROWS));
    const rows = places.filter((_, i) => i % step === 0 || i === places.length - 1).map((at) => element(
      "tr", {}, element("th", { scope: "row" }, x.format(at)),
      ...this.#series.map((one) => {
        const near = one.points.findLast(([place]) => place <= at);
        return element("td", {}, near ? y.format(near[1]) : "–");
      }),
    ));
    const head = element(
      "tr", {}, element("th", { scope: "col" }, withUnit(x)),
      ...this.#series.map((one) => element("th", { scope: "col" }, one.name)),
    );
    this.#table.replaceChildren(element("caption", {}, title), element("thead", {}, head), element("tbody", {}, ...rows));
  }
}

const shortened = (name, letters) => (name.length <= letters ? name : `${name.slice(0, Math.floor(letters) - 1)}…`);

const withUnit = ({ label, unit }) => (unit ? `${label}, ${unit}` : label);

function drawLine(group, { points, style }, along, up) {
  const places = points.map(([x, y]) => [along.place(x), up.place(y)]);
  const path = places.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  group.append(made("path", { d: path, class: `chart-line chart-${style}` }));
  // Single points where they are few enough to be told apart, and always the last one.
  const shown = style.endsWith("-dots") && places.length <= 40 ? places : places.slice(-1);
  for (const [cx, cy] of shown) group.append(made("circle", { cx, cy, r: 3, class: `chart-dot chart-${style}` }));
}

/** From values to pixels, with marks at round numbers: {place(value), ticks}. */
function scale(values, { low, high }, from, to, marks) {
  let [least, most] = [low ?? Infinity, high ?? -Infinity];
  for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  if (most - least < 1e-9) most = least + (Math.abs(least) || 1);
  const step = roundStep((most - least) / marks);
  const bottom = low !== undefined && least >= low ? low : Math.floor(least / step + 1e-9) * step;
  const ticks = [];
  for (let i = Math.ceil(bottom / step - 1e-9); i * step <= most + step * 1e-6; i += 1) ticks.push(Number((i * step).toPrecision(12)));
  const range = most - bottom;
  return { ticks, place: (value) => from + ((value - bottom) / range) * (to - from) };
}

/** The smallest of 1, 2, 5, 10, 20, … (and of their tenths …) that is not below `least`. */
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9)) * power;
}

function made(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function text(x, y, content, attributes = {}) {
  const node = made("text", { x, y, ...attributes });
  node.textContent = content;
  return node;
}
