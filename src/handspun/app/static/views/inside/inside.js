// Inside: the network as columns of cells, alive while one draws, and one cell with what feeds it.

import { element, onDensity } from "../../shared/base/dom.js";
import { Heatmap, short } from "../../shared/figures/heatmap.js";
import { Sketchpad } from "../../shared/drawing/sketchpad.js";
import { columnsOf, find, hit, neighbour, boxOf, titleLines } from "./columns.js";
import { Diagram } from "./diagram.js";

/** How many of the strongest connections are listed. */
const LISTED = 5;

/** Milliseconds between two things said to a screen reader. */
const SAY_EVERY = 600;

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const HELP =
  "Arrow keys move from cell to cell, Page Up and Page Down from column to column. Enter chooses a cell, and of an output " +
  "also what the pixels say about it. Escape lets go.";

export default {
  mount(root, app) {
    this.app = app;
    this.every = false;
    this.chosen = null; // the cell that was clicked or reached by key: {layer, unit}
    this.hovered = null; // the cell under the pointer
    this.asked = null; // the class that the pixels are asked about; null follows the answer
    this.build(root);
    const { live, models } = app;
    live.addEventListener("answer", () => this.whenShown(() => this.showAnswer()));
    live.addEventListener("error", (event) => this.whenShown(() => this.fail(event.detail)));
    // Before anybody else hears of it: the server must not be asked for a cell of the model before.
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
      id: "inside-network",
      class: "inside-threads",
      tabindex: "0",
      role: "application",
      "data-test": "network",
      "aria-label": "Network",
      "aria-description": HELP,
    });
    this.heads = element("div", { class: "inside-heads" });
    this.note = element("p", { id: "inside-note", class: "inside-note", hidden: true });
    this.stage = element("div", { class: "inside-stage" }, cells, this.canvas, this.heads);
    this.scroller = element("div", { class: "inside-scroller" }, this.stage);
    this.everyBox = element("input", { id: "inside-every", type: "checkbox" });
    this.everyText = element("span", {}, "show all layers");
    this.unit = element("section", {
      id: "inside-unit",
      class: "inside-unit",
      "aria-labelledby": "inside-unit-title",
      "data-test": "unit",
    });
    root.append(
      element("h2", { class: "sr-only" }, "Look inside"),
      element(
        "div",
        { class: "inside-layout" },
        element("div", { class: "inside-side" }, pad, this.unit),
        element(
          "div",
          { class: "inside-main" },
          element(
            "div",
            { class: "inside-bar" },
            legend(),
            element("label", { class: "inside-every", for: "inside-every" }, this.everyBox, this.everyText),
          ),
          this.note,
          this.scroller,
        ),
      ),
    );
    new Sketchpad(pad, this.app);
    this.diagram = new Diagram(cells, this.canvas);
    this.everyBox.addEventListener("change", () => {
      this.every = this.everyBox.checked;
      this.showModel();
    });
    this.listen();
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

  /** The cell that threads are shown of: under the pointer, or else the chosen one. */
  get current() {
    return this.hovered ?? this.chosen;
  },

  want() {
    if (!this.isShown) return;
    const best = this.app.live.answer?.class ?? null;
    const asked = this.asked ?? (this.app.live.answer?.model === this.app.models.current?.name ? best : null);
    this.app.live.want({ layers: true, saliency: asked, focus: this.current });
  },

  showModel() {
    const model = this.app.models.current;
    if (model === null) return;
    // A cell of another model means something else.
    if (model.name !== this.model) Object.assign(this, { chosen: null, hovered: null, asked: null, model: model.name });
    this.columns = columnsOf(model, this.every);
    this.everyText.textContent = `show all ${columnsOf(model, true).length - 1} layers`;
    const last = this.columns.at(-1);
    last.classes = model.classes;
    this.whenShown(() => {
      this.want();
      this.lay();
    });
  },

  /** Give everything its place in the room that there is. */
  lay() {
    if (!this.columns || this.scroller.clientWidth === 0) return;
    const top = this.scroller.getBoundingClientRect().top + scrollY;
    const height = Math.min(Math.max(innerHeight - top - 32, 440), 760);
    this.diagram.font = getComputedStyle(document.body).fontFamily;
    const size = this.diagram.place(this.columns, this.scroller.clientWidth, height);
    this.stage.style.width = `${size.width}px`;
    this.stage.style.height = `${size.height}px`;
    this.heads.replaceChildren(...this.columns.map((column) => head(column)));
    const { x, y, width } = this.diagram.saliencyBox;
    this.caption = element("p", { class: "inside-head inside-caption", id: "inside-saliency" });
    placeText(this.caption, x + width / 2, y - 14);
    this.heads.append(this.caption);
    this.paint();
    this.describe();
  },

  get answer() {
    const { answer } = this.app.live;
    return answer !== null && answer.model === this.app.models.current?.name ? answer : null;
  },

  showAnswer() {
    const answer = this.answer;
    if (answer === null || !this.columns) return;
    this.note.hidden = true;
    this.want();
    this.paint();
    this.describe();
  },

  fail(sentence) {
    this.note.textContent = sentence;
    this.note.hidden = false;
  },

  paint() {
    if (!this.diagram.size) return;
    this.diagram.paintCells(this.answer);
    this.paintThreads();
    const asked = this.asked ?? this.answer?.class ?? null;
    if (this.caption.dataset.class === String(asked)) return;
    const classes = this.app.models.current?.classes ?? [];
    this.caption.dataset.class = String(asked);
    this.caption.replaceChildren(
      ...(asked === null
        ? ["for and against"]
        : [
            element("span", { class: "is-for" }, "for"),
            " and ",
            element("span", { class: "is-against" }, "against"),
            ` ${classes[asked]}`,
          ]),
    );
  },

  /** What the server said of the current cell; null until then. */
  get focus() {
    const [focus, cell] = [this.answer?.focus, this.current];
    return focus && cell && focus.layer === cell.layer && focus.unit === cell.unit ? focus : null;
  },

  paintThreads() {
    const cell = this.current && find(this.columns, this.current.layer, this.current.unit);
    this.diagram.paintThreads(
      cell,
      this.focus,
      document.activeElement === this.canvas && this.canvas.matches(":focus-visible"),
    );
  },

  // Choosing ---------------------------------------------------------------------------------------------------------

  listen() {
    const { canvas } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return hit(this.columns, event.clientX - box.left, event.clientY - box.top);
    };
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      this.hover(at(event));
    });
    canvas.addEventListener("pointerleave", () => this.hover(null));
    canvas.addEventListener("click", (event) => {
      const cell = at(event);
      this.choose(cell);
      if (cell !== null) this.ask(cell);
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => {
      if (this.chosen === null && canvas.matches(":focus-visible"))
        this.choose({ column: this.columns.length - 1, cell: this.answer?.class ?? 0 });
      this.paintThreads();
    });
    canvas.addEventListener("blur", () => this.paintThreads());
  },

  unitAt(cell) {
    return cell === null ? null : { layer: this.columns[cell.column].shown, unit: cell.cell };
  },

  hover(cell) {
    const unit = this.unitAt(cell);
    this.canvas.style.cursor = cell === null ? "" : "pointer";
    if (JSON.stringify(unit) === JSON.stringify(this.hovered)) return;
    this.hovered = unit;
    this.changed();
  },

  choose(cell) {
    this.chosen = this.unitAt(cell);
    this.hovered = null;
    this.changed();
    this.say();
  },

  /** Ask the pixels about the class of an output; asked again, follow the answer. */
  ask({ column, cell }) {
    if (this.columns[column].kind !== "outputs") return;
    const { classes, units } = this.columns[column];
    const asked = units < classes.length ? 1 : cell; // a single output is that of "yes"
    this.asked = this.asked === asked ? null : asked;
    this.want();
    this.paint();
  },

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const now = (this.chosen && find(this.columns, this.chosen.layer, this.chosen.unit)) ?? {
      column: this.columns.length - 1,
      cell: 0,
    };
    const last = this.columns.length - 1;
    if (event.key in STEPS) this.choose(neighbour(this.columns, now, STEPS[event.key]));
    else if (event.key === "PageUp") this.choose({ column: Math.max(now.column - 1, 0), cell: 0 });
    else if (event.key === "PageDown") this.choose({ column: Math.min(now.column + 1, last), cell: 0 });
    else if (event.key === "Home") this.choose({ column: 0, cell: 0 });
    else if (event.key === "End") this.choose({ column: last, cell: 0 });
    else if (event.key === "Enter" || event.key === " ") {
      this.choose(now);
      this.ask(now);
    } else if (event.key === "Escape") this.choose(null);
    else return;
    event.preventDefault();
    this.reveal();
  },

  /** Scroll to the chosen cell. */
  reveal() {
    const cell = this.chosen && find(this.columns, this.chosen.layer, this.chosen.unit);
    if (!cell) return;
    const { x, width } = boxOf(this.columns[cell.column], cell.cell);
    const { scrollLeft, clientWidth } = this.scroller;
    if (x < scrollLeft + 24 || x + width > scrollLeft + clientWidth - 24) this.scroller.scrollLeft = x - clientWidth / 2;
  },

  changed() {
    this.want();
    this.paintThreads();
    this.describe();
    // Without a drawing there is no answer to hold it, but a cell has its weights all the same.
    const cell = this.current;
    if (cell === null || this.focus !== null || this.answer?.layers) return;
    const model = encodeURIComponent(this.app.models.current.name);
    this.app.api.get(`/api/models/${model}/weights?layer=${cell.layer}&unit=${cell.unit}`).then(
      (found) => {
        if (this.current === cell && this.focus === null) this.describe(found);
      },
      (error) => this.app.toast(error.message, "error"),
    );
  },

  // The cell in words --------------------------------------------------------------------------------------------------

  /** A cell by its column's title, or in a list by the layer whose values the column shows. */
  name({ layer, unit }, inList = false) {
    const there = find(this.columns, layer, unit);
    const column = there && this.columns[there.column];
    if (!column) return `${layer}, ${unit}`;
    if (column.kind === "outputs") return `output ${column.classes[column.units < column.classes.length ? 1 : there.cell]}`;
    if (column.kind === "input") return `pixel ${Math.floor(unit / column.shape[1])}, ${unit % column.shape[1]}`;
    // Whichever of its layers is asked for: what one sees has one name.
    return `${inList ? column.shown : column.title}, ${column.kind === "maps" ? "map" : "unit"} ${there.cell}`;
  },

  /** What the number of a cell is. */
  valueName({ layer, unit }) {
    const there = find(this.columns, layer, unit);
    return there && this.columns[there.column].kind === "maps" ? "mean of the map" : "value";
  },

  describe(known = this.focus) {
    const cell = this.current;
    const title = element("h3", { id: "inside-unit-title" }, cell === null ? "A single cell" : this.name(cell));
    if (cell === null) {
      this.unit.replaceChildren(
        title,
        element(
          "p",
          { class: "inside-soft" },
          "Point at a cell to see what it looks for, what feeds it and what it feeds. A click holds it while you draw.",
        ),
      );
      return;
    }
    const rows = [];
    if (known && known.value !== undefined) rows.push(fact(this.valueName(cell), short(known.value)));
    if (known && known.bias !== null) rows.push(fact("bias", short(known.bias)));
    const about = element("div", { class: "inside-about" });
    if (known?.weights) {
      const heat = new Heatmap(known.weights, { symbol: "w", label: `Weights of ${this.name(cell)}`, most: 144, signed: true });
      about.append(element("figure", { class: "inside-weights" }, element("figcaption", {}, "its weights"), heat.root));
    }
    about.append(element("dl", { class: "inside-facts" }, ...rows));
    const parts = [title, about];
    for (const [list, text] of [
      [known?.incoming, "what feeds it most"],
      [known?.outgoing, "what it feeds most"],
    ]) {
      if (list?.length) parts.push(this.connections(list, text));
    }
    this.unit.replaceChildren(...parts);
  },

  connections(list, text) {
    const most = Math.abs(list[0].contribution);
    const items = list.slice(0, LISTED).map(({ layer, unit, contribution }) => {
      const bar = element("span", {
        class: `inside-bar-mark ${contribution > 0 ? "is-positive" : "is-negative"}`,
        "aria-hidden": "true",
      });
      bar.style.width = `${Math.max((100 * Math.abs(contribution)) / most, 2)}%`;
      return element(
        "li",
        {},
        element("span", { class: "inside-name" }, this.name({ layer, unit }, true)),
        element("span", { class: "inside-track" }, bar),
        element("span", { class: "inside-number" }, (contribution > 0 ? "+" : "") + short(contribution)),
      );
    });
    return element("div", { class: "inside-connections" }, element("h4", {}, text), element("ul", {}, ...items));
  },

  /** Tell a screen reader where the keys have led. */
  say() {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      if (this.chosen === null) return;
      const { focus } = this;
      const strongest = focus?.incoming[0];
      const fed = strongest ? `, fed most by ${this.name(strongest, true)}` : "";
      this.app.announce(`${this.name(this.chosen)}${focus ? `, ${this.valueName(this.chosen)} ${short(focus.value)}` : ""}${fed}`);
    }, SAY_EVERY);
  },
};

function legend() {
  const item = (kind, text) =>
    element("span", { class: "inside-key" }, element("span", { class: `inside-swatch ${kind}`, "aria-hidden": "true" }), text);
  return element(
    "p",
    { class: "inside-legend" },
    item("is-ink", "activation"),
    item("is-positive", "adds"),
    item("is-negative", "takes away"),
  );
}

/** What stands above a column: the layer, and the sizes of what it shows. */
function head(column) {
  const sizes = {
    input: () => column.shape.join(" × "),
    maps: () => `${column.units} × ${column.shape.slice(1).join(" × ")}`,
    dots: () => `${column.units}`,
    outputs: () => `${column.units}`,
  };
  const chain = column.layers.map(({ name }) => name).join(" → ");
  const made = element(
    "p",
    { class: "inside-head", title: chain },
    element("span", { class: "inside-title" }, titleLines(column).join("\n")),
    element("span", { class: "inside-size" }, sizes[column.kind]()),
  );
  placeText(made, column.x + column.width / 2, column.y - 10);
  return made;
}

/** Text in the middle above a point. */
function placeText(made, x, y) {
  made.style.left = `${x}px`;
  made.style.top = `${y}px`;
}

function fact(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value));
}
