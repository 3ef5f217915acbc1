// Painting the network: its cells, and the threads of one of them.

import { decode } from "../../shared/base/arrays.js";
import { percent } from "../../shared/base/numbers.js";
import { colour, paintColour, paintGrey, paintSigned } from "../../shared/figures/pixels.js";
import { boxOf } from "./cells.js";
import { find, titleLines } from "./columns.js";
import { arrange } from "./layout.js";
import { outlineInk } from "./outline.js";

/** The thickest and the thinnest thread, in pixels. */
const THREAD = { most: 5, least: 0.75 };

/** The most room for the name of a class, in pixels. */
const MOST_NAME = 176;

/** The heights of the head above a column, and of the head above the picture "for and against", in pixels. */
const HEAD = 60;
const BELOW = 36;

// The colours of the theme. They are kept, because asking the document for one makes it compute all styles again.
const colours = new Map();
document.addEventListener("themechange", () => colours.clear());

function css(token, alpha = 1) {
  if (!colours.has(token)) colours.set(token, colour(token).join(" "));
  return `rgb(${colours.get(token)} / ${alpha})`;
}

/** Two canvases, one above the other: cells change with each answer, threads also with each move of the pointer. */
export class Diagram {
  constructor(cells, threads) {
    this.cells = cells;
    this.threads = threads;
    this.columns = [];
    this.strips = []; // for each column its values, one pixel each
    this.saliency = document.createElement("canvas");
  }

  /** Lay the columns out in this room. Returns the size that they take. */
  place(columns, width, height) {
    this.columns = columns;
    this.#measure(columns);
    this.strips = columns.map(() => document.createElement("canvas"));
    this.size = arrange(columns, width, height - HEAD - 4);
    for (const column of columns) column.y += HEAD;
    const input = columns[0];
    // Below the input there is room for the picture "for and against".
    input.y = Math.max(HEAD, HEAD + (this.size.height - 2 * input.height - BELOW) / 2);
    this.saliencyBox = { x: input.x, y: input.y + input.height + BELOW, width: input.width, height: input.height };
    this.size.height = Math.max(this.size.height + HEAD, this.saliencyBox.y + input.height) + 4;
    for (const canvas of [this.cells, this.threads]) {
      canvas.width = Math.round(this.size.width * devicePixelRatio);
      canvas.height = Math.round(this.size.height * devicePixelRatio);
      canvas.style.width = `${this.size.width}px`;
      canvas.style.height = `${this.size.height}px`;
    }
    return this.size;
  }

  /** Measure the words, so that no column cuts them while there is room. */
  #measure(columns) {
    const context = this.cells.getContext("2d");
    const width = (font, texts) => {
      context.font = font;
      return Math.max(...texts.map((text) => context.measureText(text).width));
    };
    for (const column of columns) column.headWidth = Math.ceil(width(`600 12px ${this.font}`, titleLines(column))) + 4;
    const last = columns.at(-1);
    if (last.kind === "outputs") last.nameWidth = Math.min(width(`600 14px ${this.font}`, last.classes), MOST_NAME);
  }

  /** Paint the cells of an answer. They stay blank if it has no values. */
  paintCells(answer) {
    const values = new Map((answer?.layers ?? []).map((layer) => [layer.name, layer.values]));
    const seen = answer?.seen && answer.verdict !== "empty" ? decode(answer.seen) : null;
    this.columns.forEach((column, i) => this.#prepare(column, this.strips[i], seen, values.get(column.shown)));
    this.hasSaliency = Boolean(answer?.saliency);
    if (this.hasSaliency) {
      const { shape, values: slopes } = decode(answer.saliency);
      paintSigned(this.saliency, slopes, shape);
    }
    const context = this.#cleared(this.cells);
    context.imageSmoothingEnabled = false;
    context.lineWidth = 1;
    this.columns.forEach((column, i) => this.#column(context, column, this.strips[i], answer));
    this.#forAndAgainst(context, seen);
  }

  /** Paint a column's values, one pixel each: the picture, the maps one below the other, or the values of a flat layer. */
  #prepare(column, strip, seen, array) {
    column.values = null;
    column.hasInk = false;
    if (column.kind === "input") {
      if (seen === null) return;
      const paint = seen.shape.length === 3 ? paintColour : paintGrey;
      paint(strip, seen.values, seen.shape.slice(0, 2));
    } else {
      if (!array) return;
      column.values = decode(array).values;
      const shape = column.kind === "maps" ? [column.shape[0] * column.shape[1], column.shape[2]] : [1, column.units];
      const most = column.values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      if (column.values.some((value) => value < 0)) paintSigned(strip, column.values, shape, { limit: most });
      else paintGrey(strip, column.values, shape, { low: 0, high: most });
    }
    column.hasInk = true;
  }

  #column(context, column, strip, answer) {
    if (column.kind === "input") {
      const paint = () => context.drawImage(strip, column.x, column.y, column.width, column.height);
      this.#framed(context, column, paint, column.hasInk);
    } else if (column.kind === "outputs") {
      this.#outputs(context, column, answer);
    } else {
      const [high, wide] = column.kind === "maps" ? column.shape.slice(1) : [1, 1];
      for (let cell = 0; cell < column.units; cell += 1) {
        const box = boxOf(column, cell);
        const [left, top] = column.kind === "maps" ? [0, cell * high] : [cell, 0];
        const paint = () => context.drawImage(strip, left, top, wide, high, box.x, box.y, box.width, box.height);
        this.#framed(context, box, paint, column.hasInk);
      }
    }
  }

  #framed(context, { x, y, width, height }, paint, hasInk) {
    context.fillStyle = css("--sheet");
    context.fillRect(x, y, width, height);
    if (hasInk) paint();
    context.strokeStyle = css("--line");
    context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
  }

  #outputs(context, column, answer) {
    const shares = answer?.probabilities ?? null;
    const best = answer?.class ?? null;
    const labels = column.classes;
    context.textBaseline = "middle";
    for (let cell = 0; cell < column.units; cell += 1) {
      const box = boxOf(column, cell);
      const at = shares !== null && shares.length !== column.units ? 1 : cell; // a single output stands for "yes"
      const share = shares?.[at] ?? 0;
      const middle = box.y + box.height / 2;
      const size = Math.min(box.height - 2, 20);
      const isBest = at === best && answer.verdict === "known";
      const square = { x: box.x + 4, y: middle - size / 2, width: size, height: size };
      const paint = () => {
        context.fillStyle = css("--ink", share);
        context.fillRect(square.x, square.y, size, size);
      };
      this.#framed(context, square, paint, shares !== null);
      const [left, right] = [box.x + size + 12, box.x + box.width - 4];
      context.fillStyle = css(isBest ? "--ink" : "--ink-soft");
      context.font = `${isBest ? 600 : 400} 14px ${this.font}`;
      context.textAlign = "right";
      const text = shares === null ? "" : percent(share);
      context.fillText(text, right, middle + 1);
      const room = right - left - context.measureText(text).width - 6;
      context.textAlign = "left";
      context.fillText(shortened(context, labels[at], room), left, middle + 1);
    }
  }

  /** Paint which pixels speak for a class and which against it, with the outline of the drawing. */
  #forAndAgainst(context, seen) {
    const { x, y, width, height } = this.saliencyBox;
    this.#framed(context, this.saliencyBox, () => context.drawImage(this.saliency, x, y, width, height), this.hasSaliency);
    if (!this.hasSaliency || seen === null || seen.shape.length === 3) return;
    context.beginPath();
    outlineInk(context, seen, this.saliencyBox);
    context.strokeStyle = css("--ink", 0.55);
    context.stroke();
  }

  /**
   * Paint the threads of a cell.
   * @param chosen {column, cell}, or null for none
   * @param focus what the server says about it; null while that is unknown
   * @param outlined whether the cell has the keyboard's focus ring
   */
  paintThreads(chosen, focus, outlined) {
    const context = this.#cleared(this.threads);
    if (chosen === null) return;
    const own = boxOf(this.columns[chosen.column], chosen.cell);
    for (const [ends, isIncoming] of [[focus?.incoming ?? [], true], [focus?.outgoing ?? [], false]]) {
      const most = Math.max(...ends.map(({ contribution }) => Math.abs(contribution)));
      for (const { layer, unit, contribution } of [...ends].reverse()) { // the strongest last, on top
        const there = find(this.columns, layer, unit);
        if (there === null) continue;
        const other = boxOf(this.columns[there.column], there.cell);
        const share = Math.abs(contribution) / most;
        const token = contribution > 0 ? "--thread" : "--cool";
        const [from, to] = isIncoming ? [other, own] : [own, other];
        this.#thread(context, from, to, share, css(token, 0.35 + 0.6 * share));
        context.strokeStyle = css(token);
        context.lineWidth = 1.5;
        context.strokeRect(other.x - 1, other.y - 1, other.width + 2, other.height + 2);
      }
    }
    context.strokeStyle = css("--ink");
    context.lineWidth = 2;
    context.strokeRect(own.x - 2, own.y - 2, own.width + 4, own.height + 4);
    if (outlined) {
      context.strokeStyle = css("--focus");
      context.strokeRect(own.x - 5, own.y - 5, own.width + 10, own.height + 10);
    }
  }

  #thread(context, from, to, share, colour) {
    const [x0, y0] = [from.x + from.width + 1, from.y + from.height / 2];
    const [x1, y1] = [to.x - 1, to.y + to.height / 2];
    const bend = Math.max((x1 - x0) / 2, 16);
    context.beginPath();
    context.moveTo(x0, y0);
    context.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
    context.strokeStyle = colour;
    context.lineWidth = THREAD.least + (THREAD.most - THREAD.least) * share;
    context.stroke();
  }

  #cleared(canvas) {
    const context = canvas.getContext("2d");
    // Scale by the canvas's own pixels: the page may have moved to another screen since it was laid out.
    const { width, height } = this.size;
    context.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }
}

/** The part of a text that fits. */
function shortened(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let kept = text.length;
  while (kept > 1 && context.measureText(`${text.slice(0, kept)}…`).width > room) kept -= 1;
  return `${text.slice(0, kept)}…`;
}
