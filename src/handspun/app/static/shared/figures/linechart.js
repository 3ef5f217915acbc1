// Line charts: axes with units, each line's name at its end, and a table of the numbers for screen readers.

import { element, svg } from "../base/dom.js";
import { fillTable } from "../base/tables.js";
import { makeAxis } from "./axis.js";

const HEIGHT = 216;
const MARGIN = { top: 24, right: 12, bottom: 36, left: 52 };
const LINE = 16; // the least distance between two names, in pixels
const LETTER = 7; // the width of a character, in pixels
const ROOM_FOR_MORE = 200; // pixels for the names, above which they say more than the minimum
const MOST_ROWS = 12; // of the table
const MOST_DOTS = 40; // more points cannot be told apart
let count = 0; // for ids

/**
 * A chart that grows with its data.
 *
 * A series is {name, points: [[x, y], …], style, about}. The style is "first", "second" … "fifth", each with its own colour and
 * dash, with "-dots" after it if single points matter. `about` is optional and follows the name if there is room.
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
   * @param container the element that gets the chart
   * @param options title; x and y: {label, unit, low, high, format}: what the axis shows, values that it shows in any case, and
   *   how its numbers are written; empty: the text while there are no points; test: its name for tests
   */
  constructor(container, options) {
    count += 1;
    this.#options = options;
    const id = `chart-${count}`;
    this.#svg = svg("svg", { role: "img", "aria-labelledby": `${id}-title ${id}-about`, height: HEIGHT },
      svg("desc", { id: `${id}-about` }), svg("g"));
    this.#table = element("table");
    this.#figure = element("figure", { class: "chart", "data-test": options.test },
      element("figcaption", { id: `${id}-title` }, options.title), this.#svg,
      element("div", { class: "sr-only" }, this.#table)); // a hidden table would still be as wide as its columns
    container.append(this.#figure);
    new ResizeObserver(() => this.#draw()).observe(this.#figure);
  }

  /** Show these lines in the next frame of the screen. */
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
    if (this.#width === 0) return; // its view is hidden
    const { x, y, empty = "No numbers yet." } = this.#options;
    this.#svg.setAttribute("width", this.#width);
    this.#svg.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    const group = svg("g");
    this.#svg.lastElementChild.replaceWith(group);
    const most = this.#width * 0.42; // for names
    const least = this.#series.map((one) => `${one.name} ${y.format(one.points.at(-1)[1])}`);
    const long = least.map((name, i) => (this.#series[i].about ? `${name} · ${this.#series[i].about}` : name));
    const names = most < ROOM_FOR_MORE ? least : long.map((name) => shortened(name, (most - 8) / LETTER));
    this.#svg.firstElementChild.textContent = names.length > 0 ? `${y.label}: ${long.join("; ")}.` : empty;
    this.#fillTable();
    if (names.length === 0) {
      group.append(text(this.#width / 2, HEIGHT / 2, empty, { "text-anchor": "middle", class: "chart-empty" }));
      return;
    }

    // The longest name sets the room on the right.
    const right = MARGIN.right + Math.min(LETTER * Math.max(...names.map((name) => name.length)) + 8, most);
    const points = this.#series.flatMap((one) => one.points);
    const along = makeAxis(points.map(([value]) => value), x, MARGIN.left, this.#width - right, Math.max(this.#width / 110, 2));
    const up = makeAxis(points.map(([, value]) => value), y, HEIGHT - MARGIN.bottom, MARGIN.top, 4);
    this.#drawAxes(group, along, up, right);
    this.#nameLines(group, names, along, up, this.#width - right);
    for (const one of this.#series) drawLine(group, one, along, up);
  }

  #drawAxes(group, along, up, right) {
    const { x, y } = this.#options;
    const [from, to] = [MARGIN.left, this.#width - right];
    for (const value of up.ticks) {
      const at = up.place(value);
      group.append(svg("line", { x1: from, x2: to, y1: at, y2: at, class: "chart-grid" }));
      group.append(text(from - 8, at + 4, y.format(value), { "text-anchor": "end" }));
    }
    const base = HEIGHT - MARGIN.bottom;
    group.append(svg("line", { x1: from, x2: to, y1: base, y2: base, class: "chart-axis" }));
    for (const value of along.ticks) {
      const at = along.place(value);
      group.append(svg("line", { x1: at, x2: at, y1: base, y2: base + 4, class: "chart-axis" }));
      group.append(text(at, base + 18, x.format(value), { "text-anchor": "middle" }));
    }
    group.append(text(to, base + 33, withUnit(x), { "text-anchor": "end", class: "chart-title" }));
    group.append(text(0, 12, withUnit(y), { class: "chart-title" }));
  }

  /** The names on the right, at the height of their lines' ends, pushed apart if they would overlap. */
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
      group.append(svg("line", { x1: x, y1: from, x2: edge + 5, y2: y, class: "chart-leader" }));
      group.append(text(edge + 8, y + 4, name, { class: `chart-name chart-${style}` }));
    }
  }

  #fillTable() {
    const { title, x, y } = this.#options;
    const places = [...new Set(this.#series.flatMap((one) => one.points.map(([at]) => at)))].sort((a, b) => a - b);
    const step = Math.max(1, Math.ceil(places.length / MOST_ROWS));
    const rows = places.filter((_, i) => i % step === 0 || i === places.length - 1).map((at) => element("tr", {},
      element("th", { scope: "row" }, x.format(at)),
      ...this.#series.map((one) => {
        const near = one.points.findLast(([place]) => place <= at);
        return element("td", {}, near ? y.format(near[1]) : "–");
      })));
    fillTable(this.#table, element("caption", {}, title), [withUnit(x), ...this.#series.map(({ name }) => name)], rows);
  }
}

const shortened = (name, letters) => (name.length <= letters ? name : `${name.slice(0, Math.floor(letters) - 1)}…`);

const withUnit = ({ label, unit }) => (unit ? `${label}, ${unit}` : label);

const text = (x, y, content, attributes = {}) => svg("text", { x, y, ...attributes }, content);

function drawLine(group, { points, style }, along, up) {
  const places = points.map(([x, y]) => [along.place(x), up.place(y)]);
  const path = places.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  group.append(svg("path", { d: path, class: `chart-line chart-${style}` }));
  // The last point always; all points if they are few.
  const dots = style.endsWith("-dots") && places.length <= MOST_DOTS ? places : places.slice(-1);
  for (const [cx, cy] of dots) group.append(svg("circle", { cx, cy, r: 3, class: `chart-dot chart-${style}` }));
}
