// Step: one step of training on the drawing, one operation at a time, with the real numbers and the lines that made them.

import { element, icon } from "../../shared/base/dom.js";
import { formula } from "./formula.js";
import { Heatmap, shapeText, short } from "../../shared/figures/heatmap.js";
import { percent } from "../../shared/base/numbers.js";
import { decode } from "../../shared/figures/pixels.js";
import { Sketchpad } from "../../shared/drawing/sketchpad.js";

const PHASES = { input: "input", forward: "forward", loss: "loss", backward: "backward", update: "update" };
const ROLES = { input: "in", parameter: "parameters", gradient: "gradients", output: "out" };
const RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const USUAL_RATE = 0.01;

/** Where the right answer has more than this before the step, the step has next to nothing to do. */
const SURE = 0.99;

/** Pixels of the screen: the longer side of an array, and of those of the last step, which are many. */
const MAP = { most: 416, small: 184 };

/** Digits in which a float32 can be trusted. */
const MOST_DIGITS = 7;

/** What three digits after the point show as 0 or 1 is written in powers of ten. */
const NEAR = 0.0005;

/** Milliseconds: a step of the playback, and what a drawing must rest before it is stepped through. */
const PLAY_EVERY = 2200;
const REST = 350;

export default {
  mount(root, app) {
    this.app = app;
    this.found = null; // what the server answered
    this.at = 0; // the step that is shown
    this.asked = 0; // the number of the newest request
    this.label = null; // the right answer; null follows the network's own
    this.build(root);
    app.drawing.addEventListener("change", () => {
      // What is drawn next on an empty sheet is another drawing, whoever looked on while it was empty.
      if (this.label !== null && app.drawing.isEmpty) this.label = null;
      this.soon();
    });
    app.live.addEventListener("answer", () => this.isShown && this.follow());
    app.models.addEventListener("change", () => this.showModel());
    document.addEventListener("keydown", (event) => this.key(event));
    this.showModel();
  },

  build(root) {
    const pad = element("div", { class: "step-pad" });
    const clear = element(
      "button",
      { type: "button", class: "button icon-button", id: "step-clear", "aria-label": "Clear the drawing", title: "Clear (C)" },
      icon("clear"),
    );
    clear.addEventListener("click", () => this.app.drawing.clear());
    this.labelMenu = element("select", { id: "step-label" });
    this.labelMenu.addEventListener("change", () => {
      this.label = Number(this.labelMenu.value);
      this.load();
    });
    this.rateMenu = element(
      "select",
      { id: "step-rate" },
      ...RATES.map((rate) => element("option", { value: rate, selected: rate === USUAL_RATE }, String(rate))),
    );
    this.rateMenu.addEventListener("change", () => this.load());
    this.back = element("button", { type: "button", class: "button", id: "step-back" }, "Back");
    this.next = element("button", { type: "button", class: "button primary", id: "step-next" }, "Next");
    this.play = element("button", { type: "button", class: "button", id: "step-play", "aria-pressed": "false" }, "Play");
    this.back.addEventListener("click", () => this.go(this.at - 1));
    this.next.addEventListener("click", () => this.go(this.at + 1));
    this.play.addEventListener("click", () => this.playing(this.timer === undefined));
    this.slider = element("input", { type: "range", id: "step-slider", min: "0", max: "0", value: "0", "aria-label": "Step" });
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.phases = element("div", { class: "step-phases" });
    this.count = element("p", { class: "step-count", id: "step-count" });
    this.body = element("div", { class: "step-body", id: "step-body", "data-test": "step" });
    root.append(
      element("h2", { class: "sr-only" }, "Step through"),
      element(
        "div",
        { class: "step-head" },
        element("div", { class: "step-sheet" }, pad, clear),
        element(
          "div",
          { class: "step-settings" },
          field("step-label", "right answer", this.labelMenu),
          field("step-rate", "learning rate", this.rateMenu),
        ),
        element(
          "div",
          { class: "step-control" },
          element("div", { class: "step-line" }, this.phases, this.slider),
          element("div", { class: "step-buttons" }, this.back, this.next, this.play, this.count),
        ),
      ),
      this.body,
    );
    new Sketchpad(pad, this.app, { tools: false });
  },

  show() {
    this.isShown = true;
    this.follow();
    if (this.found === null || this.changed) this.load();
  },

  hide() {
    this.isShown = false;
    this.playing(false);
  },

  showModel() {
    const model = this.app.models.current;
    if (model === null) return;
    if (model.classes.join("\n") !== this.classes?.join("\n")) {
      this.classes = model.classes;
      this.label = null;
      this.labelMenu.replaceChildren(...model.classes.map((name, i) => element("option", { value: i }, name)));
    }
    if (model.name !== this.model) this.soon();
    this.model = model.name;
  },

  /** Take the network's own answer for the right one, until somebody says better. */
  follow() {
    const best = this.app.live.answer?.class ?? null;
    if (this.label === null && best !== null && this.labelMenu.value !== String(best)) {
      this.labelMenu.value = String(best);
      this.soon();
    }
  },

  /** Step through the drawing once it rests. */
  soon() {
    this.changed = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.isShown && this.load(), REST);
  },

  async load() {
    clearTimeout(this.resting);
    const { drawing, models, api } = this.app;
    this.changed = false;
    this.asked += 1;
    const number = this.asked;
    if (models.current === null) return;
    if (drawing.isEmpty) {
      this.empty("Draw something on the small sheet: then one step of training on it is shown here, operation by operation.");
      return;
    }
    this.body.setAttribute("aria-busy", "true");
    try {
      const found = await api.post("/api/step", {
        model: models.current.name,
        picture: drawing.frameAsJson(),
        label: Number(this.labelMenu.value),
        learning_rate: Number(this.rateMenu.value),
      });
      if (number !== this.asked) return; // a newer one is on its way
      // The same place in the step of another drawing, where the model is the same.
      const at = this.found?.steps.length === found.steps.length ? this.at : 0;
      this.found = found;
      this.showPhases();
      this.go(at);
    } catch (error) {
      if (number === this.asked) this.empty(error.message);
    } finally {
      if (number === this.asked) this.body.removeAttribute("aria-busy");
    }
  },

  empty(sentence) {
    this.playing(false);
    this.found = null;
    this.body.removeAttribute("aria-busy");
    this.body.replaceChildren(element("p", { class: "notice", id: "step-notice" }, sentence));
    this.phases.replaceChildren();
    this.count.textContent = "";
    this.slider.max = "0";
    this.setDisabled();
  },

  showPhases() {
    const steps = this.found.steps;
    this.slider.max = String(steps.length - 1);
    const counts = Object.keys(PHASES).map((phase) => [phase, steps.filter((step) => step.phase === phase).length]);
    this.phases.replaceChildren(
      ...counts.map(([phase, count]) => {
        const made = element("span", { class: "step-phase", "data-phase": phase }, PHASES[phase]);
        made.style.flexGrow = String(count);
        return made;
      }),
    );
  },

  go(at) {
    if (this.found === null) return;
    const { steps } = this.found;
    this.at = Math.min(Math.max(at, 0), steps.length - 1);
    const step = steps[this.at];
    this.slider.value = String(this.at);
    const place = [PHASES[step.phase], step.layer].filter(Boolean).join(", ");
    this.slider.setAttribute("aria-valuetext", `${this.at + 1} of ${steps.length}: ${place}, ${step.title}`);
    this.count.textContent = `${this.at + 1} / ${steps.length}`;
    for (const phase of this.phases.children) phase.classList.toggle("is-current", phase.dataset.phase === step.phase);
    this.setDisabled();
    this.showStep(step);
    this.app.announce(`Step ${this.at + 1} of ${steps.length}: ${place}. ${step.title}. ${step.explanation}`);
    if (this.at === steps.length - 1) this.playing(false);
  },

  setDisabled() {
    const last = this.found === null ? 0 : this.found.steps.length - 1;
    // Not "disabled": a button that loses the focus under somebody's fingers leaves them nowhere.
    const set = (button, off) => (off ? button.setAttribute("aria-disabled", "true") : button.removeAttribute("aria-disabled"));
    set(this.back, this.found === null || this.at === 0);
    set(this.next, this.found === null || this.at === last);
    set(this.play, this.found === null);
    this.slider.disabled = this.found === null;
  },

  playing(on) {
    clearInterval(this.timer);
    this.timer = undefined;
    if (on && this.found !== null) {
      if (this.at === this.found.steps.length - 1) this.go(0);
      this.timer = setInterval(() => this.go(this.at + 1), PLAY_EVERY);
    }
    const isOn = this.timer !== undefined;
    this.play.setAttribute("aria-pressed", String(isOn));
    this.play.textContent = isOn ? "Pause" : "Play";
  },

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    const taken = event.target.closest?.("input, select, textarea, canvas, pre, [contenteditable]");
    if (!this.isShown || taken || !(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    this.go(this.at + steps[event.key]);
    event.preventDefault();
  },

  showStep(step) {
    const { picture_shape: picture } = this.found;
    const isLast = step.phase === "update";
    this.body.classList.toggle("is-update", isLast);
    this.body.replaceChildren(
      element(
        "section",
        { class: "step-words", "aria-label": "What happens" },
        element(
          "p",
          { class: "step-place" },
          element("span", { class: "chip" }, PHASES[step.phase]),
          step.layer ? element("span", { class: "chip" }, step.layer) : null,
        ),
        element("h3", { class: "step-title" }, step.title),
        formula(step.formula),
        element("p", { class: "step-explanation" }, step.explanation),
        isLast ? this.beforeAndAfter(step) : null,
      ),
      element(
        "section",
        { class: "step-arrays", "aria-label": "The numbers", tabindex: "-1" },
        ...(isLast ? this.changes(step, picture) : this.arrays(step, picture)),
      ),
      this.source(step.source),
    );
    const code = this.body.querySelector("pre");
    const first = code.querySelector(".is-working");
    if (first) code.scrollTop = first.offsetTop - code.clientHeight / 4;
  },

  arrays({ arrays }, picture) {
    return Object.keys(ROLES)
      .map((role) => [role, arrays.filter((each) => each.role === role)])
      .filter(([, some]) => some.length > 0)
      .map(([role, some]) =>
        element(
          "div",
          { class: `step-role ${some.length > 1 ? "has-many" : ""}` },
          element("h4", {}, ROLES[role]),
          element("div", { class: "step-figures" }, ...some.map((each) => this.figure(each, picture))),
        ),
      );
  },

  figure({ symbol, label, array }, picture) {
    // A value for each class is a row with the classes' names.
    if (array.shape.length === 1 && array.shape[0] === this.found.classes.length && /^(p|t|d?z)$/.test(symbol))
      return this.row(symbol, label, array);
    const heat = new Heatmap(array, { symbol, label: `${symbol}, ${label}`, picture, most: MAP.most });
    return element("figure", { class: "step-figure" }, caption(symbol, label, array.shape), heat.root);
  },

  /** One value a class, with names and numbers. */
  row(symbol, label, array) {
    const heat = new Heatmap(array, { symbol, label: `${symbol}, ${label}` });
    const largest = Math.max(...heat.values.map(Math.abs)) || 1;
    const rows = this.found.classes.map((name, i) => {
      const value = heat.values[i];
      const bar = element("span", { class: `step-bar ${value < 0 ? "is-negative" : ""}`, "aria-hidden": "true" });
      bar.style.width = `${(100 * Math.abs(value)) / largest}%`;
      const number = symbol === "p" ? probability(value, withoutOne(heat.values, i)) : decimals(value);
      return element(
        "li",
        { class: i === this.found.label ? "is-right" : "" },
        element("span", {}, name),
        element("span", { class: "step-track" }, bar),
        element("span", {}, symbol === "t" ? String(value) : number),
      );
    });
    return element(
      "figure",
      { class: "step-figure step-classes" },
      caption(symbol, label),
      element("ul", {}, ...rows),
    );
  },

  /** What the step has changed: the probability of the right answer, and the loss. */
  beforeAndAfter({ arrays }) {
    const { classes, label, loss, loss_after: lossAfter } = this.found;
    const [before, after] = arrays.slice(0, 2).map(({ array }) => {
      const { values } = decode(array);
      return { share: values[label], others: withoutOne(values, label) };
    });
    const [first, second] = [before, after].map(({ share }) => percent(share, 2));
    const isClear = first !== second && !/[<>]/.test(first + second);
    const digits = digitsApart(before.others, after.others);
    const written = isClear ? [first, second] : [before, after].map(({ share, others }) => probability(share, others, digits));
    const losses = [loss, lossAfter];
    const line = (name, test, value, text, most) => {
      const bar = element("span", { class: "step-bar", "aria-hidden": "true" });
      bar.style.width = `${(100 * value) / most}%`;
      return element(
        "li",
        { "data-test": test },
        element("span", {}, name),
        element("span", { class: "step-track" }, bar),
        element("strong", {}, text),
      );
    };
    const most = Math.max(...losses) || 1;
    const hint =
      before.share > SURE
        ? `The network was sure of ${classes[label]} already, so that there is next to nothing to learn. ` +
          "Choose another right answer above to see it change its mind."
        : null;
    return element(
      "div",
      { class: "step-result" },
      element("h4", {}, `probability of ${classes[label]}`),
      element(
        "ul",
        {},
        line("before", "step-before", before.share, written[0], 1),
        line("after", "step-after", after.share, written[1], 1),
      ),
      element("h4", {}, "loss, minus the logarithm of it"),
      element(
        "ul",
        {},
        line("before", "step-loss-before", losses[0], short(losses[0], digitsApart(...losses)), most),
        line("after", "step-loss-after", losses[1], short(losses[1], digitsApart(...losses)), most),
      ),
      hint && element("p", { class: "step-hint", id: "step-hint" }, hint),
    );
  },

  /** Each parameter before the update, what is added to it, and it afterwards. */
  changes({ arrays }, picture) {
    const [before, after, ...parameters] = arrays;
    const groups = Map.groupBy?.(parameters, ({ group }) => group) ?? grouped(parameters);
    const rows = [...groups].map(([name, [old, gradient, fresh]]) =>
      element(
        "div",
        { class: "step-change" },
        element("h4", {}, name, " ", element("span", { class: "step-shape" }, shapeText(old.array.shape))),
        element(
          "div",
          { class: "step-figures" },
          this.small("before", old, picture),
          element("span", { class: "step-sign" }, "+"),
          this.small("−η · gradient", this.added(gradient), picture),
          element("span", { class: "step-sign" }, "="),
          this.small("after", fresh, picture),
        ),
      ),
    );
    return [
      element("div", { class: "step-pair" }, this.figure(before, picture), this.figure(after, picture)),
      element("div", { class: "step-changes" }, ...rows),
    ];
  },

  /** What an update by this gradient adds to its parameter. */
  added({ symbol, array }) {
    const { shape, values } = decode(array);
    return { symbol: `−η·${symbol}`, array: { shape, values: values.map((value) => -this.found.learning_rate * value) } };
  },

  small(label, { symbol, array }, picture) {
    const heat = new Heatmap(array, { symbol, label: `${symbol}, ${label}`, picture, most: MAP.small, signed: true });
    return element("figure", { class: "step-figure step-small" }, element("figcaption", {}, label), heat.root);
  },

  source({ file, first_line: first, lines, highlight }) {
    const working = new Set(highlight);
    const rows = lines.map((line, i) => {
      const comment = commentIn(line);
      const row = element(
        "span",
        { class: `code-line ${working.has(first + i) ? "is-working" : ""}` },
        element("span", { class: "code-number", "aria-hidden": "true" }, String(first + i)),
        element(
          "span",
          { class: "code-text" },
          line.slice(0, comment),
          element("span", { class: "code-comment" }, line.slice(comment)),
          "\n",
        ),
      );
      row.style.setProperty("--indent", `${indentOf(line)}ch`);
      return row;
    });
    return element(
      "section",
      { class: "step-source", "aria-label": "The source that does it" },
      element("p", { class: "step-file" }, `${file}:${highlight[0] ?? first}`),
      element("pre", { tabindex: "0", role: "region", "aria-label": `Source, ${file}` }, element("code", {}, ...rows)),
    );
  },
};

function field(id, text, menu) {
  return element("div", { class: "field" }, element("label", { for: id }, text), element("span", { class: "select" }, menu));
}

function caption(symbol, label, shape = null) {
  return element(
    "figcaption",
    {},
    element("i", {}, symbol),
    " ",
    label,
    " ",
    shape && element("span", { class: "step-shape" }, shapeText(shape)),
  );
}

/** The sum of all values but one. */
const withoutOne = (values, i) => values.reduce((sum, value, j) => (j === i ? sum : sum + value), 0);

/** A number with three digits after the point; what they would show as 0 and is not, in powers of ten. */
function decimals(value) {
  return value !== 0 && Math.abs(value) < NEAR ? short(value) : value.toFixed(3).replace("-", "−");
}

/** A probability, and of one that is nearly 1 how much is missing: the others' sum, which it cannot hold itself. */
function probability(share, others, digits = 3) {
  return share > 1 - NEAR && others > 0 ? `1 − ${short(others, digits)}` : decimals(share);
}

/** In how many digits two numbers that differ can be told apart: three, or some more. */
function digitsApart(one, other) {
  let digits = 3;
  while (digits < MOST_DIGITS && short(one, digits) === short(other, digits)) digits += 1;
  return digits;
}

/** Blanks at the start of a line, and four more: where it goes on that has no room in one. */
function indentOf(line) {
  return line.length - line.trimStart().length + 4;
}

/** Where the comment of a line of Python begins: at the first # outside of a string. */
function commentIn(line) {
  let quote = null;
  for (let i = 0; i < line.length; i += 1) {
    if (quote !== null) {
      if (line[i] === quote) quote = null;
    } else if (line[i] === '"' || line[i] === "'") quote = line[i];
    else if (line[i] === "#") return i;
  }
  return line.length;
}

function grouped(arrays) {
  const groups = new Map();
  for (const each of arrays) groups.set(each.group, [...(groups.get(each.group) ?? []), each]);
  return groups;
}
