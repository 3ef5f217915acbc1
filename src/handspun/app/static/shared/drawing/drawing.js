// The drawing that all views share: its marks, undo and redo, and the frame that goes to the network.

import { base64 } from "../base/arrays.js";
import { CELLS, SIDE, brushCells, coversAll, paintMark } from "./marks.js";

/** The number of steps that can be undone. */
const MOST_MARKS = 300;

/** Pen widths in units of the sheet, which is 280 wide: 28 cells of 10. */
export const WIDTHS = { thin: 12, medium: 20, thick: 30 };

/**
 * Events: "change" (of the drawing; its detail is {mark, from} if a stroke only grew), "tool" (pen, width or mode changed).
 */
export class Drawing extends EventTarget {
  #marks = [];
  #undone = [];
  #current = null; // the mark under the pen
  #ink; // a canvas; its alpha is the ink that the network gets
  #bytes = null; // the bytes of #ink; null after a change
  #tool = { mode: "freehand", erase: false, width: WIDTHS.medium };

  constructor() {
    super();
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIDE;
    // It is read after every movement of the pen, so it must not lie in graphics memory.
    this.#ink = canvas.getContext("2d", { willReadFrequently: true });
  }

  get mode() { return this.#tool.mode; }
  get erase() { return this.#tool.erase; }
  get width() { return this.#tool.width; }
  get canUndo() { return this.#marks.length > 0; }
  get canRedo() { return this.#undone.length > 0; }
  get isDrawing() { return this.#current !== null; }

  /** The visible marks, the lowest first. */
  get visible() {
    const base = this.#marks.findLastIndex(coversAll);
    return this.#marks.slice(Math.max(base, 0));
  }

  /** The opened picture {source, width, height, bytes}; null if there is none. */
  get picture() {
    return this.visible[0]?.picture ?? null;
  }

  /** Whether the sheet is blank: nothing was drawn, or all was erased. */
  get isEmpty() {
    return this.picture === null && this.#inkBytes().every((ink) => ink === 0);
  }

  /** Choose pen or eraser, and its width: {erase, width}. */
  setTool(tool) {
    Object.assign(this.#tool, tool);
    this.dispatchEvent(new Event("tool"));
  }

  /** Choose "freehand", or "pixels" to draw straight into 28 × 28 cells. The drawing stays; strokes become cells. */
  setMode(mode) {
    if (mode === this.mode) return;
    this.#finish();
    if (mode === "pixels" && this.picture === null && !this.isEmpty) {
      this.#push({ kind: "cells", mode, values: this.#cellsOfInk() });
    }
    this.setTool({ mode });
    this.#changed();
  }

  /** Put the pen down. `factor` scales its width; `erase` is for pens with an eraser at their end. */
  begin(x, y, factor = 1, erase = this.erase) {
    this.#finish();
    const onPicture = this.picture !== null; // the first stroke on a picture starts a new drawing
    if (this.mode === "pixels") {
      const values = onPicture ? new Uint8Array(CELLS * CELLS) : this.#cells().slice();
      this.#current = { kind: "cells", mode: "pixels", values, erase, last: [x, y] };
      brushCells(values, [x, y, x, y], this.width, erase);
    } else {
      const width = erase ? this.width * 1.5 : this.width;
      this.#current = { kind: "stroke", mode: "freehand", erase, width, points: [[x, y, factor]], fresh: onPicture };
    }
    this.#push(this.#current);
    this.#changed(this.#current.kind === "stroke" ? { mark: this.#current, from: 0 } : null);
  }

  /** Move the pen through points [[x, y, factor], …] while it is down. */
  extend(points) {
    const mark = this.#current;
    if (mark === null || points.length === 0) return;
    if (mark.kind === "cells") {
      for (const [x, y] of points) {
        brushCells(mark.values, [...mark.last, x, y], this.width, mark.erase);
        mark.last = [x, y];
      }
      this.#changed();
    } else {
      const from = mark.points.length;
      mark.points.push(...points);
      this.#changed({ mark, from });
    }
  }

  /** Lift the pen. */
  end() {
    const mark = this.#current;
    if (mark === null) return;
    const from = mark.points?.length;
    this.#finish();
    // Only now the end of the stroke is painted, from the middle of its last segment.
    if (mark.kind === "stroke") this.#changed({ mark, from });
    this.#takePen();
  }

  /** Show a picture (of pictures.js) instead of strokes. */
  open(picture) {
    this.#finish();
    this.#push({ kind: "picture", mode: this.mode, picture });
    this.#changed();
  }

  undo() {
    this.#finish();
    if (!this.canUndo) return;
    this.#undone.push(this.#marks.pop());
    this.#stepped();
  }

  redo() {
    this.#finish();
    if (!this.canRedo) return;
    this.#marks.push(this.#undone.pop());
    this.#stepped();
  }

  clear() {
    this.#finish();
    if (this.isEmpty) return;
    this.#push({ kind: "clear", mode: this.mode });
    this.#changed();
    this.#takePen();
  }

  /** The frame for the network: {width, height, kind, bytes}. Kind 0 is ink (0 paper … 255 ink), kind 1 a picture as RGB. */
  frame() {
    const picture = this.picture;
    if (picture !== null) return { width: picture.width, height: picture.height, kind: 1, bytes: picture.bytes };
    // A copy: the cells change in place.
    if (this.mode === "pixels") return { width: CELLS, height: CELLS, kind: 0, bytes: this.#cells().slice() };
    return { width: SIDE, height: SIDE, kind: 0, bytes: this.#inkBytes() };
  }

  /** The frame for a JSON body. */
  frameAsJson() {
    const { width, height, kind, bytes } = this.frame();
    return { width, height, kind, data: base64(bytes) };
  }

  #push(mark) {
    this.#marks.push(mark);
    if (this.#marks.length > MOST_MARKS) this.#forgetOldest();
    this.#undone = [];
  }

  /** Forget only marks that a later one covers; otherwise visible strokes would vanish. */
  #forgetOldest() {
    const next = this.#marks.findIndex((mark, i) => i > 0 && coversAll(mark));
    if (next > 0) this.#marks.splice(0, next);
  }

  /** A blank sheet has nothing to erase: take the pen. */
  #takePen() {
    if (this.erase && this.isEmpty) this.setTool({ erase: false });
  }

  #finish() {
    if (this.#current !== null) this.#current.ended = true;
    this.#current = null;
  }

  /** After undo or redo, go back to the mode of the last mark. */
  #stepped() {
    const mode = this.#marks.at(-1)?.mode ?? this.mode;
    if (mode !== this.mode) this.setTool({ mode });
    this.#changed();
  }

  #changed(grown = null) {
    if (grown === null) {
      this.#ink.clearRect(0, 0, SIDE, SIDE);
      for (const mark of this.visible) if (mark.kind !== "picture") paintMark(this.#ink, mark);
    } else {
      paintMark(this.#ink, grown.mark, grown.from);
    }
    this.#bytes = null;
    this.dispatchEvent(new CustomEvent("change", { detail: grown }));
  }

  /** The ink, (280, 280) bytes. */
  #inkBytes() {
    if (this.#bytes === null) {
      const { data } = this.#ink.getImageData(0, 0, SIDE, SIDE);
      this.#bytes = new Uint8Array(SIDE * SIDE);
      for (let i = 0; i < this.#bytes.length; i += 1) this.#bytes[i] = data[4 * i + 3];
    }
    return this.#bytes;
  }

  /** The cells of the pixel mode; all 0 if none are drawn. */
  #cells() {
    const mark = this.visible.at(-1);
    return mark?.kind === "cells" ? mark.values : new Uint8Array(CELLS * CELLS);
  }

  /** The freehand ink as cells: the mean of each. */
  #cellsOfInk() {
    const ink = this.#inkBytes();
    const cell = SIDE / CELLS;
    const sums = new Float64Array(CELLS * CELLS);
    ink.forEach((value, i) => {
      const row = Math.floor(i / SIDE / cell);
      sums[row * CELLS + Math.floor((i % SIDE) / cell)] += value;
    });
    return Uint8Array.from(sums, (sum) => Math.round(sum / cell ** 2));
  }
}
