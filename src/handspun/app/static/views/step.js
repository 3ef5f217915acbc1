// Step: one step of training on the drawing, one operation at a time, with the real numbers and the lines that made them.

import { element, icon } from "../dom.js";
import { formula } from "../formula.js";
import { Heatmap, shapeText } from "../heatmap.js";
import { percent } from "../numbers.js";
import { Sketchpad } from "../sketchpad.js";

const PHASES = { input: "input", forward: "forward", loss: "loss", backward: "backward", update: "update" };
const ROLES = { input: "in", parameter: "parameters", gradient: "gradients", output: "out" };
const RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const USUAL_RATE = 0.01;

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
    new Sketchpad(pad, this.app.drawing, { tools: false });
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
        isLast ? this.beforeAndAfter() : null,
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
          { class: "step-role" },
          element("h4", {}, ROLES[role]),
          element("div", { class: "step-figures" }, ...some.map((each) => this.figure(each, picture))),
        ),
      );
  },

  figure({ symbol, label, array }, picture) {
    // A value for each class is a row with the classes' names.
    if (array.shape.length === 1 && array.shape[0] === this.found.classes.length && /^(p|t|d?z)$/.test(symbol))
      return this.row(symbol, label, array);
    const heat = new Heatmap(array, { symbol, label: `${symbol}, ${label}`, picture });
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
      const number = symbol === "t" ? String(value) : value.toFixed(3).replace("-", "−");
      return element(
        "li",
        { class: i === this.found.label ? "is-right" : "" },
        element("span", {}, name),
        element("span", { class: "step-track" }, bar),
        element("span", {}, number),
      );
    });
    return element(
      "figure",
      { class: "step-figure step-classes" },
      caption(symbol, label, array.shape),
      element("ul", {}, ...rows),
    );
  },

  beforeAndAfter() {
    const { before, after, classes, label } = this.found;
    const line = (name, share) => {
      const bar = element("span", { class: "step-bar", "aria-hidden": "true" });
      bar.style.width = `${100 * share}%`;
      return element(
        "li",
        { "data-test": `step-${name}` },
        element("span", {}, name),
        element("span", { class: "step-track" }, bar),
        element("strong", {}, percent(share, 2)),
      );
    };
    return element(
      "div",
      { class: "step-result" },
      element("h4", {}, `probability of ${classes[label]}`),
      element("ul", {}, line("before", before), line("after", after)),
    );
  },

  /** Each parameter before the update, its gradient, and it afterwards. */
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
          this.small(old, picture),
          element("span", { class: "step-sign" }, "− η ·"),
          this.small(gradient, picture),
          element("span", { class: "step-sign" }, "="),
          this.small(fresh, picture),
        ),
      ),
    );
    return [element("div", { class: "step-figures" }, this.figure(before, picture), this.figure(after, picture)), ...rows];
  },

  small({ symbol, label, array }, picture) {
    const heat = new Heatmap(array, { symbol, label: `${symbol}, ${label}`, picture, most: 132, signed: true });
    return element("figure", { class: "step-figure step-small" }, element("figcaption", {}, label), heat.root);
  },

  source({ file, first_line: first, lines, highlight }) {
    const working = new Set(highlight);
    const rows = lines.map((line, i) => {
      const comment = commentIn(line);
      return element(
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

function caption(symbol, label, shape) {
  return element(
    "figcaption",
    {},
    element("i", {}, symbol),
    " ",
    label,
    " ",
    element("span", { class: "step-shape" }, shapeText(shape)),
  );
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
