// Which cell one looks at, by pointer and by key.

import { ARROWS, hasModifier } from "../../shared/base/keys.js";
import { boxOf, hit, neighbour } from "./cells.js";
import { find } from "./columns.js";
import { classOf } from "./names.js";

const EDGE = 24; // pixels that stay between a chosen cell and the edge

/** Events: "change" (of the cell), "chosen" (by click or key), "asked" (of the class). */
export class Selection extends EventTarget {
  columns = [];
  /** The cell under the pointer: {layer, unit}. */
  hovered = null;
  /** The cell that was clicked or reached by key. */
  chosen = null;
  /** The class that the picture "for and against" is about; null follows the answer. */
  asked = null;

  /**
   * @param canvas shows the network
   * @param scroller holds the canvas
   * @param bestClass () → the class of the answer, where the keyboard starts
   */
  constructor(canvas, scroller, bestClass) {
    super();
    this.scroller = scroller;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return hit(this.columns, event.clientX - box.left, event.clientY - box.top);
    };
    const hover = (cell) => {
      canvas.style.cursor = cell === null ? "" : "pointer";
      this.#hover(cell);
    };
    canvas.addEventListener("pointermove", (event) => event.pointerType !== "touch" && hover(at(event)));
    canvas.addEventListener("pointerleave", () => hover(null));
    canvas.addEventListener("click", (event) => {
      const cell = at(event);
      this.#choose(cell);
      if (cell !== null) this.#ask(cell);
    });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => {
      if (this.chosen !== null || !canvas.matches(":focus-visible")) return;
      this.#choose({ column: this.columns.length - 1, cell: bestClass() ?? 0 });
    });
  }

  /** The cell whose threads are shown. */
  get current() {
    return this.hovered ?? this.chosen;
  }

  /** Forget everything: a cell of another model means something else. */
  clear() {
    Object.assign(this, { chosen: null, hovered: null, asked: null });
  }

  #unitAt(cell) {
    return cell === null ? null : { layer: this.columns[cell.column].shown, unit: cell.cell };
  }

  #hover(cell) {
    const unit = this.#unitAt(cell);
    if (JSON.stringify(unit) === JSON.stringify(this.hovered)) return;
    this.hovered = unit;
    this.dispatchEvent(new Event("change"));
  }

  #choose(cell) {
    this.chosen = this.#unitAt(cell);
    this.hovered = null;
    this.dispatchEvent(new Event("change"));
    this.dispatchEvent(new Event("chosen"));
  }

  /** Ask about the class of an output; if asked again, follow the answer. */
  #ask({ column, cell }) {
    if (this.columns[column].kind !== "outputs") return;
    const asked = classOf(this.columns[column], cell);
    this.asked = this.asked === asked ? null : asked;
    this.dispatchEvent(new Event("asked"));
  }

  #key(event) {
    if (hasModifier(event)) return;
    const last = this.columns.length - 1;
    const now = this.#find(this.chosen) ?? { column: last, cell: 0 };
    if (event.key in ARROWS) this.#choose(neighbour(this.columns, now, ARROWS[event.key]));
    else if (event.key === "PageUp") this.#choose({ column: Math.max(now.column - 1, 0), cell: 0 });
    else if (event.key === "PageDown") this.#choose({ column: Math.min(now.column + 1, last), cell: 0 });
    else if (event.key === "Home") this.#choose({ column: 0, cell: 0 });
    else if (event.key === "End") this.#choose({ column: last, cell: 0 });
    else if (event.key === "Enter" || event.key === " ") {
      this.#choose(now);
      this.#ask(now);
    } else if (event.key === "Escape") this.#choose(null);
    else return;
    event.preventDefault();
    this.#reveal();
  }

  #find(unit) {
    return unit && find(this.columns, unit.layer, unit.unit);
  }

  /** Scroll to the chosen cell. */
  #reveal() {
    const cell = this.#find(this.chosen);
    if (!cell) return;
    const { x, width } = boxOf(this.columns[cell.column], cell.cell);
    const { scrollLeft, clientWidth } = this.scroller;
    if (x < scrollLeft + EDGE || x + width > scrollLeft + clientWidth - EDGE) this.scroller.scrollLeft = x - clientWidth / 2;
  }
}
