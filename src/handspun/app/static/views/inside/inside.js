// Inside: the network as columns of cells, live while one draws, and one cell with its strongest connections.

import { element, onDensity } from "../../shared/base/dom.js";
import { announce, toast } from "../../shared/base/messages.js";
import { short } from "../../shared/base/numbers.js";
import { Sketchpad } from "../../shared/drawing/sketchpad.js";
import { get } from "../../shared/server/api.js";
import { Card } from "./card.js";
import { columnsOf, find } from "./columns.js";
import { Diagram } from "./diagram.js";
import { SaliencyHead, head, legend } from "./heads.js";
import { nameOf, valueNameOf } from "./names.js";
import { Selection } from "./selection.js";

/** Milliseconds without a key before a screen reader announces the selected cell. */
const QUIET = 600;

/** The height of the network, in pixels. */
const HEIGHT = { least: 440, most: 760, below: 32 };

const HELP =
  "Arrow keys move from cell to cell, Page Up and Page Down from column to column. Enter chooses a cell; on an output it "
  + "also shows which pixels speak for and against its class. Escape lets go.";

export default {
  mount(root, app) {
    this.app = app;
    this.every = false; // whether each layer has its own column
    this.build(root);
    const { live, models } = app;
    live.addEventListener("answer", () => this.whenShown(() => this.showAnswer()));
    live.addEventListener("error", ({ detail }) => this.whenShown(() => {
      this.note.textContent = detail;
      this.note.hidden = false;
    }));
    // Before other listeners: the server must not be asked for a cell of the old model.
    models.addEventListener("change", () => this.showModel(), { capture: true });
    document.addEventListener("themechange", () => this.whenShown(() => this.paint()));
    new ResizeObserver(() => this.whenShown(() => this.lay())).observe(this.scroller);
    onDensity(() => this.whenShown(() => this.lay()));
    this.showModel();
  },

  build(root) {
    const pad = element("div", { class: "inside-pad" });
    const cells = element("canvas", { class: "inside-cells", "aria-hidden": "true" });
    this.canvas = element("canvas", {
      id: "inside-network", class: "inside-threads", tabindex: "0", role: "application", "data-test": "network",
      "aria-label": "Network", "aria-description": HELP,
    });
    this.heads = element("div", { class: "inside-heads" });
    this.note = element("p", { id: "inside-note", class: "inside-note", hidden: true });
    this.stage = element("div", { class: "inside-stage" }, cells, this.canvas, this.heads);
    this.scroller = element("div", { class: "inside-scroller" }, this.stage);
    const every = element("input", { id: "inside-every", type: "checkbox", onchange: () => {
      this.every = every.checked;
      this.showModel();
    } });
    this.everyText = element("span", {}, "show all layers");
    this.card = new Card();
    root.append(
      element("h2", { class: "sr-only" }, "Look inside"),
      element("div", { class: "inside-layout" },
        element("div", { class: "inside-side" }, pad, this.card.root),
        element("div", { class: "inside-main" },
          element("div", { class: "inside-bar" }, legend(),
            element("label", { class: "inside-every", for: "inside-every" }, every, this.everyText)),
          this.note, this.scroller)),
    );
    new Sketchpad(pad, this.app);
    this.diagram = new Diagram(cells, this.canvas);
    this.selection = new Selection(this.canvas, this.scroller, () => this.answer?.class);
    this.selection.addEventListener("change", () => this.showCell());
    this.selection.addEventListener("chosen", () => this.say());
    this.selection.addEventListener("asked", () => {
      this.want();
      this.paint();
    });
    for (const name of ["focus", "blur"]) this.canvas.addEventListener(name, () => this.paintThreads());
  },

  show() {
    this.isShown = true;
    this.want();
    this.lay();
    this.showAnswer();
  },

  hide() {
    this.isShown = false;
    this.app.live.want({ layers: false, saliency: null, focus: null });
  },

  whenShown(act) {
    if (this.isShown) act();
  },

  /** The last answer, if it is from the chosen model. */
  get answer() {
    const { answer } = this.app.live;
    return answer !== null && answer.model === this.app.models.current?.name ? answer : null;
  },

  /** The class that the picture "for and against" is about. */
  get asked() {
    return this.selection.asked ?? this.answer?.class ?? null;
  },

  /** What the server said about the current cell; null until then. */
  get focus() {
    const [focus, cell] = [this.answer?.focus, this.selection.current];
    return focus && cell && focus.layer === cell.layer && focus.unit === cell.unit ? focus : null;
  },

  want() {
    if (this.isShown) this.app.live.want({ layers: true, saliency: this.asked, focus: this.selection.current });
  },

  showModel() {
    const model = this.app.models.current;
    if (model === null) return;
    if (model.name !== this.model) this.selection.clear();
    this.model = model.name;
    this.columns = columnsOf(model, this.every);
    this.columns.at(-1).classes = model.classes;
    this.selection.columns = this.columns;
    this.everyText.textContent = `show all ${columnsOf(model, true).length - 1} layers`;
    this.whenShown(() => {
      this.want();
      this.lay();
    });
  },

  /** Lay everything out in the room that there is. */
  lay() {
    if (!this.columns || this.scroller.clientWidth === 0) return;
    const top = this.scroller.getBoundingClientRect().top + scrollY;
    const height = Math.min(Math.max(innerHeight - top - HEIGHT.below, HEIGHT.least), HEIGHT.most);
    this.diagram.font = getComputedStyle(document.body).fontFamily;
    const size = this.diagram.place(this.columns, this.scroller.clientWidth, height);
    this.stage.style.width = `${size.width}px`;
    this.stage.style.height = `${size.height}px`;
    this.saliencyHead = new SaliencyHead(this.diagram.saliencyBox);
    this.heads.replaceChildren(...this.columns.map(head), this.saliencyHead.root);
    this.paint();
    this.describe();
  },

  showAnswer() {
    if (this.answer === null || !this.columns) return;
    this.note.hidden = true;
    this.want();
    this.paint();
    this.describe();
  },

  paint() {
    if (!this.diagram.size) return;
    this.diagram.paintCells(this.answer);
    this.paintThreads();
    this.saliencyHead.show(this.asked === null ? null : this.app.models.current?.classes[this.asked]);
  },

  paintThreads() {
    const { current } = this.selection;
    const outlined = document.activeElement === this.canvas && this.canvas.matches(":focus-visible");
    this.diagram.paintThreads(current && find(this.columns, current.layer, current.unit), this.focus, outlined);
  },

  /** Another cell is the current one. */
  async showCell() {
    this.want();
    this.paintThreads();
    this.describe();
    // Without a drawing there is no answer about the cell, but it still has weights.
    const cell = this.selection.current;
    if (cell === null || this.focus !== null || this.answer?.layers) return;
    const model = encodeURIComponent(this.app.models.current.name);
    try {
      const found = await get(`/api/models/${model}/weights?layer=${cell.layer}&unit=${cell.unit}`);
      if (this.selection.current === cell && this.focus === null) this.describe(found);
    } catch (error) {
      toast(error.message, "error");
    }
  },

  describe(known = this.focus) {
    this.card.show(this.columns, this.selection.current, known);
  },

  /** Let a screen reader announce the selected cell. */
  say() {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      const { chosen } = this.selection;
      if (chosen === null) return;
      const { focus } = this;
      const value = focus ? `, ${valueNameOf(this.columns, chosen)} ${short(focus.value)}` : "";
      const strongest = focus?.incoming[0];
      const fed = strongest ? `, fed most by ${nameOf(this.columns, strongest, true)}` : "";
      announce(`${nameOf(this.columns, chosen)}${value}${fed}`);
    }, QUIET);
  },
};
