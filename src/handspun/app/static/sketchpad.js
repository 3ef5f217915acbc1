// A sheet to draw on, with mouse, pen, finger or keys. Any number of them show the same drawing.

import { element, icon } from "./dom.js";
import { CELLS, SIDE, paintMark } from "./marks.js";
import { WIDTHS } from "./drawing.js";
import { openPicture } from "./pictures.js";
import { toast } from "./messages.js";

const CELL = SIDE / CELLS;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let count = 0; // radio buttons of one sketchpad must not switch those of another

export class Sketchpad {
  #drawing;
  #canvas;
  #context;
  #guide; // what the empty sheet says
  #ring; // shows how much the eraser takes
  #cursor; // the outline that keys move
  #at = [CELLS / 2, CELLS / 2]; // its cell
  #keyDown = false; // whether a key holds the pen down
  #pointer = null; // the id of the pointer that draws

  /**
   * @param container an element, which becomes the sketchpad
   * @param options tools: whether pen, eraser, undo … come with it
   */
  constructor(container, drawing, { tools = true } = {}) {
    this.#drawing = drawing;
    container.classList.add("sketchpad");
    this.#canvas = element("canvas", {
      class: "sheet-canvas", tabindex: "0", role: "application", "data-test": "canvas", "aria-label": "Drawing sheet",
      "aria-description": "Arrow keys move, Space draws while it is held, Enter puts the pen down or lifts it. Z undo, Y redo, C clear.",
    });
    this.#cursor = element("div", { class: "sheet-cursor", hidden: true });
    this.#guide = element("p", { class: "sheet-guide", "data-test": "guide" });
    this.setGuide("digit");
    const hint = element("p", { class: "sheet-hint", "aria-hidden": "true" }, "arrow keys move · Space draws · Enter: pen down, up");
    this.#ring = element("div", { class: "sheet-ring" });
    const sheet = element("div", { class: "sheet", "data-test": "sheet" }, this.#guide, this.#canvas, this.#cursor, this.#ring, hint);
    container.append(sheet);
    if (tools) container.append(makeTools(drawing));

    this.#context = this.#canvas.getContext("2d");
    this.#listenToPointers();
    this.#listenToKeys();
    drawing.addEventListener("change", (event) => this.#show(event.detail));
    drawing.addEventListener("tool", () => this.#showTool());
    document.addEventListener("themechange", () => this.#repaint());
    new ResizeObserver(() => this.#fit()).observe(this.#canvas);
    this.#showTool();
    this.#show(null);
  }

  focus() {
    this.#canvas.focus();
  }

  /** What the empty sheet asks for: a "digit", or any "picture". */
  setGuide(kind) {
    if (kind === "digit") this.#guide.replaceChildren(icon("guide"), element("span", {}, "draw a digit"));
    else this.#guide.replaceChildren(element("span", {}, "draw, or open a picture"));
  }

  /** As many pixels as the screen has for the sheet. */
  #fit() {
    const size = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    if (size === 0 || size === this.#canvas.width) return;
    this.#canvas.width = this.#canvas.height = size;
    this.#repaint();
  }

  #show(grown) {
    if (grown === null) this.#repaint();
    else this.#painted(() => paintMark(this.#context, grown.mark, grown.from));
    this.#guide.hidden = this.#drawing.canUndo && (this.#drawing.isDrawing || !this.#drawing.isEmpty);
  }

  #repaint() {
    this.#context.resetTransform();
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#painted(() => {
      for (const mark of this.#drawing.visible) paintMark(this.#context, mark);
    });
  }

  #painted(paint) {
    const scale = this.#canvas.width / SIDE;
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#context.fillStyle = this.#context.strokeStyle = getComputedStyle(this.#canvas).color;
    paint();
  }

  #showTool() {
    this.#canvas.parentElement.dataset.mode = this.#drawing.mode;
    this.#canvas.parentElement.classList.toggle("is-erasing", this.#drawing.erase);
  }

  #listenToPointers() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => {
      const eraserEnd = (event.buttons & 32) !== 0;
      if (this.#pointer !== null || (event.button !== 0 && !eraserEnd)) return;
      this.#cursor.hidden = true;
      this.#pointer = event.pointerId;
      canvas.setPointerCapture(event.pointerId); // the stroke goes on beyond the edge
      this.#drawing.begin(...this.#place(event), eraserEnd || this.#drawing.erase);
    });
    canvas.addEventListener("pointermove", (event) => {
      this.#moveRing(event);
      if (event.pointerId !== this.#pointer) return;
      // All places since the last frame, not only the newest: quick strokes stay round.
      const events = event.getCoalescedEvents?.() ?? [];
      this.#drawing.extend((events.length > 0 ? events : [event]).map((one) => this.#place(one)));
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(name, (event) => {
        if (event.pointerId !== this.#pointer) return;
        this.#pointer = null;
        this.#drawing.end();
      });
    }
  }

  #moveRing({ offsetX, offsetY }) {
    const size = (1.5 * this.#drawing.width * this.#canvas.clientWidth) / SIDE;
    this.#ring.style.width = this.#ring.style.height = `${size}px`;
    this.#ring.style.transform = `translate(${offsetX - size / 2}px, ${offsetY - size / 2}px)`;
  }

  /** [x, y, factor] of an event in units of the sheet. Only pens know how hard they are pressed. */
  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    const scale = SIDE / box.width;
    const factor = event.pointerType === "pen" && event.pressure > 0 ? 0.5 + event.pressure : 1;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale, factor];
  }

  #listenToKeys() {
    const canvas = this.#canvas;
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in ARROWS) this.#moveCursor(ARROWS[event.key]);
      else if (event.key === " ") { if (!event.repeat) this.#penDown(); }
      else if (event.key === "Enter") { if (this.#keyDown) this.#penUp(); else this.#penDown(); }
      else return;
      event.preventDefault();
    });
    canvas.addEventListener("keyup", (event) => event.key === " " && this.#penUp());
    canvas.addEventListener("blur", () => {
      this.#penUp();
      this.#cursor.hidden = true;
    });
    // Keys for the whole page; of several sketchpads only the one that can be seen listens.
    document.addEventListener("keydown", (event) => {
      if (canvas.offsetParent === null || isTyping(event.target) || event.altKey || event.defaultPrevented) return;
      const key = event.key.toLowerCase();
      const control = event.ctrlKey || event.metaKey;
      if (key === "z" && event.shiftKey && control) this.#drawing.redo();
      else if (key === "z") this.#drawing.undo();
      else if (key === "y") this.#drawing.redo();
      else if (key === "c" && !control) this.#drawing.clear();
      else return;
      event.preventDefault();
    });
  }

  #centre() {
    return this.#at.map((cell) => (cell + 0.5) * CELL);
  }

  #penDown() {
    this.#showCursor();
    if (this.#keyDown) return;
    this.#keyDown = true;
    this.#drawing.begin(...this.#centre());
  }

  #penUp() {
    if (!this.#keyDown) return;
    this.#keyDown = false;
    this.#drawing.end();
  }

  #moveCursor([dx, dy]) {
    const wasHidden = this.#cursor.hidden;
    const move = (cell, step) => Math.min(Math.max(cell + step, 0), CELLS - 1);
    if (!wasHidden) this.#at = [move(this.#at[0], dx), move(this.#at[1], dy)]; // the first key only shows where it is
    this.#showCursor();
    if (this.#keyDown) this.#drawing.extend([[...this.#centre(), 1]]);
  }

  #showCursor() {
    this.#cursor.hidden = false;
    this.#cursor.style.left = `${(100 * this.#at[0]) / CELLS}%`;
    this.#cursor.style.top = `${(100 * this.#at[1]) / CELLS}%`;
  }
}

function isTyping(target) {
  return target instanceof Element && target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
}

/** Pen widths, eraser, undo, redo, clear; freehand or pixels; open a picture. */
function makeTools(drawing) {
  count += 1;
  const button = (name, symbol, label, act) => {
    const made = element("button", {
      type: "button", class: "button icon-button", "data-test": name, "aria-label": label, title: label,
    }, icon(symbol));
    made.addEventListener("click", act);
    return made;
  };
  const choice = (group, name, value, label, content, choose) => {
    const input = element("input", { type: "radio", name: `${group}-${count}`, value, "data-test": name, "aria-label": label });
    input.addEventListener("change", choose);
    return element("label", { class: "segment", title: label }, input, content);
  };

  const widths = Object.entries(WIDTHS).map(([name, width]) =>
    choice("width", `width-${name}`, width, `${name} pen`, icon(`pen-${name}`), () => drawing.setTool({ width })));
  const modes = [
    choice("mode", "mode-freehand", "freehand", "Freehand", content("freehand", "Freehand"), () => drawing.setMode("freehand")),
    choice("mode", "mode-pixels", "pixels", "Pixels 28 × 28", content("grid", "Pixels"), () => drawing.setMode("pixels")),
  ];
  const eraser = button("eraser", "eraser", "Eraser", () => drawing.setTool({ erase: !drawing.erase }));
  const undo = button("undo", "undo", "Undo (Z)", () => drawing.undo());
  const redo = button("redo", "redo", "Redo (Y)", () => drawing.redo());
  const clear = button("clear", "clear", "Clear (C)", () => drawing.clear());
  const file = element("input", { type: "file", accept: "image/*", class: "sr-only", tabindex: "-1", "aria-hidden": "true", "data-test": "file" });
  file.addEventListener("change", () => {
    if (file.files.length > 0) openPicture(file.files[0], drawing, toast);
    file.value = ""; // the same file can be opened again
  });
  const open = button("open", "picture", "Open picture", () => file.click());
  open.append(element("span", { class: "tool-text" }, "Open picture"));
  open.classList.add("with-text");

  const show = () => {
    for (const input of [...widths, ...modes].map((label) => label.querySelector("input"))) {
      input.checked = input.value === drawing.mode || Number(input.value) === drawing.width;
    }
    eraser.setAttribute("aria-pressed", drawing.erase);
    // Not disabled, which would take the focus away from whoever presses them by key.
    undo.setAttribute("aria-disabled", !drawing.canUndo);
    redo.setAttribute("aria-disabled", !drawing.canRedo);
    clear.setAttribute("aria-disabled", drawing.isEmpty);
  };
  // A stroke that grows changes none of them.
  drawing.addEventListener("change", ({ detail }) => (detail === null || detail.from === 0) && show());
  drawing.addEventListener("tool", show);
  show();

  return element("div", { class: "tools", role: "toolbar", "aria-label": "Drawing tools" },
    element("div", { class: "tool-group segments", role: "radiogroup", "aria-label": "Pen width" }, ...widths),
    element("div", { class: "tool-group" }, eraser, undo, redo, clear),
    element("div", { class: "tool-group segments", role: "radiogroup", "aria-label": "Way of drawing" }, ...modes),
    element("div", { class: "tool-group" }, file, open));
}

function content(symbol, text) {
  const fragment = document.createDocumentFragment();
  fragment.append(icon(symbol), element("span", { class: "tool-text" }, text));
  return fragment;
}
