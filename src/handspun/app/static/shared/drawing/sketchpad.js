// A sheet to draw on with mouse, pen, finger or keys. All sheets show the same drawing.

import { element, fill, icon, onDensity } from "../base/dom.js";
import { ARROWS, hasModifier, isTyping } from "../base/keys.js";
import { isDigits } from "../server/models.js";
import { CELLS, SIDE, paintMark } from "./marks.js";
import { makeTools } from "./tools.js";

const CELL = SIDE / CELLS;

export class Sketchpad {
  #drawing;
  #canvas;
  #context;
  #guide; // the hint on a blank sheet
  #ring; // shows the size of the eraser
  #cursor; // the outline that the keys move
  #at = [CELLS / 2, CELLS / 2]; // its cell
  #keyDown = false; // whether a key holds the pen down
  #pointer = null; // the id of the pointer that draws
  #isShown = false; // a hidden sheet paints nothing

  /**
   * @param container an element, which becomes the sketchpad
   * @param app drawing: what it shows; models: the chosen one sets the hint on a blank sheet
   * @param options tools: whether it has tools: pen, eraser, undo …
   */
  constructor(container, { drawing, models }, { tools = true } = {}) {
    this.#drawing = drawing;
    container.classList.add("sketchpad");
    this.#canvas = element("canvas", {
      class: "sheet-canvas", tabindex: "0", role: "application", "data-test": "canvas", "aria-label": "Drawing sheet",
      "aria-description":
        "Arrow keys move. Space draws while held; Enter puts the pen down or lifts it. Z undoes, Y redoes, C clears.",
    });
    this.#cursor = element("div", { class: "sheet-cursor", hidden: true });
    this.#guide = element("p", { class: "sheet-guide", "data-test": "guide" });
    this.#showGuide(models.current);
    this.#ring = element("div", { class: "sheet-ring" });
    const hint = element("p", { class: "sheet-hint", "aria-hidden": "true" },
      "arrow keys move · hold Space to draw · Enter: pen down or up");
    const sheet = element("div", { class: "sheet", "data-test": "sheet" },
      this.#guide, this.#canvas, this.#cursor, this.#ring, hint);
    container.append(sheet);
    if (tools) container.append(makeTools(drawing));

    this.#context = this.#canvas.getContext("2d");
    this.#listenToPointers();
    this.#listenToKeys();
    drawing.addEventListener("change", (event) => this.#show(event.detail));
    drawing.addEventListener("tool", () => this.#showTool());
    models.addEventListener("change", () => this.#showGuide(models.current));
    document.addEventListener("themechange", () => this.#show(null));
    new ResizeObserver(() => this.#fit()).observe(this.#canvas);
    onDensity(() => this.#fit());
    this.#showTool();
  }

  /** The hint on a blank sheet: draw a digit, or any picture. */
  #showGuide(model) {
    const asksForDigit = model === null || isDigits(model.classes);
    const text = element("span", {}, asksForDigit ? "draw a digit" : "draw, or open a picture");
    fill(this.#guide, asksForDigit ? icon("guide") : null, text);
  }

  /** Use all pixels of the screen. Called when the sheet is shown or hidden, or its size or density changes. */
  #fit() {
    const size = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    this.#isShown = size > 0;
    if (!this.#isShown) return;
    this.#canvas.width = this.#canvas.height = size;
    this.#show(null);
  }

  #show(grown) {
    if (!this.#isShown) return;
    if (grown === null) this.#repaint();
    else this.#painted(() => paintMark(this.#context, grown.mark, grown.from));
    this.#canvas.parentElement.classList.toggle("has-picture", this.#drawing.picture !== null);
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
      canvas.setPointerCapture(event.pointerId); // the stroke continues outside the sheet
      this.#drawing.begin(...this.#place(event), eraserEnd || this.#drawing.erase);
    });
    canvas.addEventListener("pointermove", (event) => {
      this.#moveRing(event);
      if (event.pointerId !== this.#pointer) return;
      // Take all places since the last frame, not only the newest, so that quick strokes stay round.
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

  /** [x, y, factor] of an event in units of the sheet. Only pens report pressure. */
  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    const scale = SIDE / box.width;
    const factor = event.pointerType === "pen" && event.pressure > 0 ? 0.5 + event.pressure : 1;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale, factor];
  }

  #listenToKeys() {
    const canvas = this.#canvas;
    canvas.addEventListener("keydown", (event) => {
      if (hasModifier(event)) return;
      if (event.key in ARROWS) this.#moveCursor(ARROWS[event.key]);
      else if (event.key === " " && !event.repeat) this.#penDown();
      else if (event.key === "Enter" && !event.repeat) this.#togglePen();
      else if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
    });
    canvas.addEventListener("keyup", (event) => event.key === " " && this.#penUp());
    canvas.addEventListener("blur", () => {
      this.#penUp();
      this.#cursor.hidden = true;
    });
    // Keys for the whole page. Only the visible sheet listens.
    document.addEventListener("keydown", (event) => {
      if (!this.#isShown || isTyping(event.target) || event.altKey || event.defaultPrevented) return;
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

  #togglePen() {
    if (this.#keyDown) this.#penUp();
    else this.#penDown();
  }

  #penUp() {
    if (!this.#keyDown) return;
    this.#keyDown = false;
    this.#drawing.end();
  }

  #moveCursor([dx, dy]) {
    const wasHidden = this.#cursor.hidden;
    const move = (cell, step) => Math.min(Math.max(cell + step, 0), CELLS - 1);
    if (!wasHidden) this.#at = [move(this.#at[0], dx), move(this.#at[1], dy)]; // the first key only shows the cursor
    this.#showCursor();
    if (this.#keyDown) this.#drawing.extend([[...this.#centre(), 1]]);
  }

  #showCursor() {
    this.#cursor.hidden = false;
    this.#cursor.style.left = `${(100 * this.#at[0]) / CELLS}%`;
    this.#cursor.style.top = `${(100 * this.#at[1]) / CELLS}%`;
  }
}
