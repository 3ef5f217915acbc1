// Train: build a network, choose how it learns, and watch it.

import { Blocks } from "./blocks.js";
import { LineChart, plain, smooth } from "../../shared/figures/linechart.js";
import { element } from "../../shared/base/dom.js";
import { Follower, duration, isFinished, listRuns, statusLine } from "../../shared/server/follow.js";
import { Matrix } from "./matrix.js";
import { percent } from "../../shared/base/numbers.js";
import { decode, paintSigned } from "../../shared/figures/pixels.js";
import { differences, inWords } from "./settings.js";
import { tray } from "../../shared/drawing/tray.js";

/** The form and the training on the screen are remembered, so that a reload loses neither. */
const FORM = "handspun-form";
const SHOWN = "handspun-run";

/** The data sets that the server was started with; where they are others than the last time, one of them is chosen. */
const GIVEN = "handspun-given";

/** Runs that can be compared at a time: as many lines as can be told apart. */
const STYLES = ["first", "second", "third", "fourth", "fifth"];

/** What is said before the first training. Not where the settings are: beside it in a wide window, above it in a narrow one. */
const NOTHING_YET = "Choose what to train, or take what is there, and press Start.";

/** Milliseconds after the last change before the server is asked what network that makes. */
const PAUSE = 150;

const remember = (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* then not */ } };
const recall = (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } };

export default {
  mount(root, app) {
    this.app = app;
    this.watch = new Watch(app);
    this.table = new Runs(app, (run) => this.watch.follow(run));
    this.side = element("div", { class: "train-form" }, element("p", { class: "soft" }, "Asking what can be chosen …"));
    root.append(
      element("h2", { class: "sr-only" }, "Train"),
      element("div", { class: "train" }, this.side, element("div", { class: "train-watch" }, this.watch.root, this.table.root)));
    this.watch.addEventListener("settled", () => this.table.refresh(this.watch.run));
    this.watch.addEventListener("change", () => this.form?.showState(this.watch.run));
  },

  async show() {
    if (!this.form) {
      try {
        this.form = new Form(await this.app.api.get("api/options"), this.app);
      } catch (error) {
        this.side.replaceChildren(element("p", { class: "soft" }, error.message));
        return;
      }
      this.side.replaceChildren(this.form.root);
      this.form.addEventListener("start", (event) => this.start(event.detail));
    } else {
      this.form.refreshDatasets();
    }
    await this.table.refresh(this.watch.run);
    if (this.watch.run === null && this.table.runs.length > 0) {
      const last = recall(SHOWN);
      const { runs } = this.table;
      this.watch.follow(runs.find((run) => !isFinished(run)) ?? runs.find(({ id }) => id === last) ?? runs[0]);
    }
  },

  async start(settings) {
    try {
      const run = await this.app.api.post("api/runs", settings);
      this.watch.follow(run);
      this.table.refresh(run);
      this.app.announce("The training has begun.");
      const { top } = this.watch.root.getBoundingClientRect();
      if (top < 0 || top > innerHeight / 2) this.watch.root.scrollIntoView({ block: "start" });
    } catch (error) {
      this.app.toast(error.message, "error");
    }
  },
};

function field(label, input, note = null) {
  const inner = input.tagName === "SELECT" ? element("span", { class: "select" }, input) : input;
  return element("div", { class: "field" }, element("label", { for: input.id }, label), inner, note);
}

function number(id, value, limits) {
  return element("input", { type: "number", id, value, required: true, ...limits });
}

function select(id, entries) {
  return element("select", { id }, ...entries.map(({ name, title = name }) => element("option", { value: name }, title)));
}

/** Everything that can be chosen before a training. Events: "start" (detail: the settings). */
class Form extends EventTarget {
  #outlined = 0; // the number of the last question about the network
  #made = new Map(); // from all that a preset chooses to its name
  #timer = null;

  constructor(options, app) {
    super();
    this.options = options;
    this.app = app;
    const { limits } = options;
    this.preset = select("train-preset", [{ name: "", title: "your own" }, ...options.presets]);
    this.data = select("train-data", []);
    this.blocks = new Blocks(options.layer_kinds);
    this.total = element("p", { class: "network-total", id: "train-parameters", role: "status" });
    this.optimizer = select("train-optimizer", options.optimizers);
    this.rate = number("train-rate", 0.001, { min: 0, step: "any" });
    this.schedule = select("train-schedule", options.schedules);
    this.batch = number("train-batch", 64, { min: 1, max: limits.batch_size, step: 1 });
    this.epochs = number("train-epochs", 10, { min: 1, max: limits.epochs, step: 1 });
    this.validation = number("train-validation", 10, { min: 0, max: 50, step: 1 });
    this.decay = number("train-decay", 0, { min: 0, max: 1, step: "any" });
    this.seed = number("train-seed", 0, { min: 0, max: 2 ** 31 - 1, step: 1 });
    this.augment = new Augmentations(options.augmentations);
    this.start = element("button", { type: "submit", class: "button primary", id: "train-start" }, "Start");
    this.note = element("p", { class: "soft small", id: "train-note" });
    this.root = element("form", { "aria-label": "What to train" },
      element("section", { class: "panel" }, field("Begin with", this.preset), field("Data set", this.data)),
      element("section", { class: "panel" }, element("h3", {}, "Network"), this.blocks.root, this.total),
      element("section", { class: "panel" }, element("h3", {}, "Learning"),
        element("div", { class: "pairs" },
          field("Optimizer", this.optimizer), field("Learning rate", this.rate), field("Schedule", this.schedule),
          field("Images a step", this.batch), field("Epochs", this.epochs), field("Held out, %", this.validation),
          field("Weight decay", this.decay), field("Seed", this.seed))),
      this.augment.root,
      element("div", { class: "start" }, this.start, this.note));
    this.root.noValidate = true; // what is wrong is said in our words, next to the button

    this.preset.addEventListener("change", () => this.#choosePreset());
    this.optimizer.addEventListener("change", () => this.#chooseOptimizer());
    this.blocks.addEventListener("change", () => this.#changed());
    this.root.addEventListener("change", () => this.#changed());
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    tray.addEventListener("change", () => this.#showDatasets());
    this.#showDatasets();
    for (const { name, settings } of options.presets) {
      this.settings = settings;
      this.#made.set(this.#choices, name);
    }
    if (!this.#restore(recall(FORM))) this.settings = options.presets[0].settings;
    this.#chooseGiven();
    this.#changed();
  }

  /** What can be trained on may be more by now. */
  async refreshDatasets() {
    try {
      this.options.datasets = (await this.app.api.get("api/options")).datasets;
      this.#showDatasets();
    } catch {
      // Then the choice stays as it was; the banner says that the server is lost.
    }
  }

  /** As POST /api/runs takes them, without the drawings. */
  get settings() {
    return {
      data: this.data.value,
      layers: this.blocks.layers,
      hidden: [], // all layers are in `layers`
      optimizer: this.optimizer.value,
      learning_rate: Number(this.rate.value),
      schedule: this.options.schedules.find(({ name }) => name === this.schedule.value).settings,
      batch_size: Number(this.batch.value),
      epochs: Number(this.epochs.value),
      validation: Number(this.validation.value) / 100,
      weight_decay: Number(this.decay.value),
      seed: Number(this.seed.value),
      augment: this.augment.value,
    };
  }

  set settings(settings) {
    if (this.options.datasets.some(({ name }) => name === settings.data)) this.data.value = settings.data;
    this.blocks.layers = settings.layers ?? [];
    this.optimizer.value = settings.optimizer ?? "adam";
    this.rate.value = settings.learning_rate ?? this.#usualRate();
    this.schedule.value = settings.schedule?.name ?? "constant";
    this.batch.value = settings.batch_size ?? 64;
    this.epochs.value = settings.epochs ?? 10;
    this.validation.value = Math.round(100 * (settings.validation ?? 0.1));
    this.decay.value = settings.weight_decay ?? 0;
    this.seed.value = settings.seed ?? 0;
    this.augment.value = settings.augment ?? null;
  }

  /** Fill in what was stored. Whether it fits: another version of handspun may have had other things to choose from. */
  #restore(stored) {
    if (stored === null) return false;
    try {
      this.settings = stored;
    } catch {
      return false; // nothing that a form has ever stored
    }
    return [this.optimizer, this.schedule].every((menu) => menu.selectedIndex >= 0);
  }

  /** Who starts the page with data of their own wants to train on them; what they choose then stays. */
  #chooseGiven() {
    const given = this.options.datasets.filter((offer) => offer.given);
    const names = given.map(({ name, title }) => `${name}: ${title}`).join("\n");
    if (given.length > 0 && names !== recall(GIVEN)) this.data.value = given[0].name;
    remember(GIVEN, names);
  }

  get offer() {
    return this.options.datasets.find(({ name }) => name === this.data.value);
  }

  /** Another training may be under way. */
  showState(run) {
    const going = run !== null && !isFinished(run);
    this.start.disabled = going;
    this.start.textContent = going ? "Training …" : "Start";
  }

  #showDatasets() {
    const chosen = this.data.value;
    this.data.replaceChildren(...this.options.datasets.map(({ name, images }) => {
      const size = images ?? tray.drawings.length + (name === "drawings" ? 0 : this.options.datasets[0].images);
      const empty = images === null && tray.drawings.length === 0;
      return element("option", { value: name, disabled: empty }, `${name} · ${size.toLocaleString("en")} images`);
    }));
    if (chosen !== "") this.data.value = chosen;
    if (this.data.selectedIndex < 0) this.data.selectedIndex = 0;
  }

  #choosePreset() {
    const preset = this.options.presets.find(({ name }) => name === this.preset.value);
    if (preset) this.settings = { ...preset.settings, data: this.data.value };
  }

  #usualRate() {
    return this.options.optimizers.find(({ name }) => name === this.optimizer.value).learning_rate;
  }

  #chooseOptimizer() {
    this.rate.value = this.#usualRate();
  }

  /** All that a preset chooses, as one text: not the data, which stay when another one is taken. */
  get #choices() {
    return JSON.stringify({ ...this.settings, data: null });
  }

  #changed() {
    remember(FORM, this.settings);
    this.preset.value = this.#made.get(this.#choices) ?? "";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#outline(), PAUSE);
  }

  /** Ask the server what network this is: its rules are the ones that count. */
  async #outline() {
    this.#outlined += 1;
    const asked = this.#outlined;
    const { image_shape: shape } = this.offer;
    try {
      const outline = await this.app.api.post("api/outline", this.settings);
      if (asked !== this.#outlined) return; // something else was changed meanwhile
      this.blocks.showOutline(outline, shape);
      this.total.textContent = outline.error ?? `${outline.parameters.toLocaleString("en")} parameters`;
      this.total.classList.toggle("is-wrong", outline.error !== null);
    } catch {
      // Without a server nothing can be said of the network; the banner says that it is lost.
    }
  }

  #submit() {
    // "min" includes its value, but a rate of 0 learns nothing.
    this.rate.setCustomValidity(this.rate.value !== "" && Number(this.rate.value) <= 0 ? "Value must be greater than 0." : "");
    for (const input of this.root.querySelectorAll("input[type=number]")) {
      if (input.checkValidity()) continue;
      const name = this.root.querySelector(`label[for="${input.id}"]`)?.textContent ?? input.getAttribute("aria-label");
      this.note.textContent = `${name}: ${input.validationMessage}`;
      input.focus();
      return;
    }
    this.note.textContent = "";
    const settings = this.settings;
    if (this.offer.images === null) settings.drawings = tray.drawings;
    this.dispatchEvent(new CustomEvent("start", { detail: settings }));
  }
}

/** Random changes of the images; none by default. */
class Augmentations {
  constructor(entries) {
    this.rows = entries.map(({ name, title, low, high, step, default: usual }) => {
      const on = element("input", { type: "checkbox", id: `augment-${name}` });
      const input = element("input", { type: "range", min: low, max: high, step, value: usual, "aria-label": title, id: `augment-${name}-value`, disabled: true });
      const shown = element("output", { for: input.id }, String(usual));
      on.addEventListener("change", () => { input.disabled = !on.checked; });
      input.addEventListener("input", () => { shown.textContent = input.value; });
      const node = element("li", { class: "augment-row" }, element("label", { class: "check" }, on, title), input, shown);
      return { name, on, input, shown, node };
    });
    this.root = element("details", { class: "panel", id: "train-augment" },
      element("summary", {}, "Deform the images"),
      element("p", { class: "soft small" }, "Each image is changed at random, each time anew, by at most so much."),
      element("ul", { class: "augment" }, ...this.rows.map(({ node }) => node)));
  }

  get value() {
    const chosen = this.rows.filter(({ on }) => on.checked).map(({ name, input }) => [name, Number(input.value)]);
    return chosen.length > 0 ? Object.fromEntries(chosen) : null;
  }

  set value(settings) {
    for (const { name, on, input, shown } of this.rows) {
      on.checked = settings !== null && name in settings;
      if (on.checked) input.value = settings[name];
      input.disabled = !on.checked;
      shown.textContent = input.value;
    }
    this.root.open = settings !== null;
  }
}

/** One training on the screen. Events: "change", "settled" (it is over, kept or gone). */
class Watch extends EventTarget {
  #follower = null;
  #painted = null; // the weights that are on the screen

  constructor(app) {
    super();
    this.app = app;
    const action = (id, label, act, kind = "") => {
      const made = element("button", { type: "button", class: `button ${kind}`, id }, label);
      made.addEventListener("click", act);
      return made;
    };
    this.title = element("h3", { id: "watch-title" }, "No training yet");
    this.status = element("p", { id: "train-status", class: "soft" }, NOTHING_YET);
    this.pause = action("train-pause", "Pause", () => this.#steer(this.run.state === "paused" ? "resume" : "pause"));
    this.stop = action("train-stop", "Stop", () => this.#steer("stop"));
    this.use = action("train-use", "Use this model", () => this.useModel(), "primary");
    this.bar = element("progress", { max: "1", value: "0", "aria-label": "Progress of the training" });
    this.facts = element("dl", { class: "facts" });
    this.charts = element("div", { class: "charts" });
    const x = { label: "epochs", low: 0, format: plain };
    this.loss = new LineChart(this.charts, {
      title: "Loss", test: "train-loss", x, y: { label: "cross-entropy", unit: "nats", low: 0, format: (v) => plain(v, 2) },
    });
    this.accuracy = new LineChart(this.charts, {
      title: "Accuracy", test: "train-accuracy", x, y: { label: "right answers", high: 1, format: (v) => percent(v) },
    });
    this.weights = element("div", { class: "weights", id: "weights", role: "img" });
    this.weightsNote = element("p", { class: "soft small", id: "weights-note" });
    this.weightsPart = element("section", {}, element("h4", {}, "What the first layer looks for"), this.weights, this.weightsNote);
    this.matrix = new Matrix((error) => app.toast(error.message, "error"));
    this.matrixPart = element("section", {}, element("h4", {}, "Confusion matrix of the held-out images"), this.matrix.root);
    this.body = element("div", { class: "watch-body", hidden: true }, this.bar, this.facts, this.charts,
      element("div", { class: "watch-parts" }, this.weightsPart, this.matrixPart));
    this.root = element("section", { class: "panel watch", "aria-labelledby": "watch-title" },
      element("div", { class: "panel-head" }, element("div", {}, this.title, this.status),
        element("div", { class: "row" }, this.pause, this.stop, this.use)), this.body);
    this.#showButtons();
  }

  get run() { return this.#follower?.run ?? null; }

  follow(run) {
    if (this.#follower?.id === run.id) return;
    this.#follower?.close();
    this.#painted = null;
    const follower = new Follower(run);
    this.#follower = follower;
    let wasFinished = false;
    follower.addEventListener("change", () => {
      if (this.#follower !== follower) return; // the late answer to a request
      this.show();
      if (follower.finished && !wasFinished) this.#ended();
      wasFinished = follower.finished;
    });
    follower.addEventListener("gone", () => {
      if (this.#follower === follower) this.#follower = null;
      this.show();
      this.dispatchEvent(new Event("settled"));
    });
    remember(SHOWN, run.id);
    this.show();
  }

  #ended() {
    this.app.announce(statusLine(this.run));
    this.dispatchEvent(new Event("settled"));
  }

  #steer(action) {
    return this.#follower.steer(action, this.app.toast);
  }

  async useModel() {
    const follower = this.#follower; // another training may be chosen, or this one be gone, before the server has answered
    if (await follower.use(this.app)) this.app.toast(`${follower.run.model} now answers everywhere.`);
    this.dispatchEvent(new Event("settled"));
  }

  show() {
    const { run } = this;
    this.#showButtons();
    this.body.hidden = run === null;
    this.dispatchEvent(new Event("change"));
    if (run === null) {
      this.title.textContent = "No training yet";
      this.status.textContent = NOTHING_YET;
      return;
    }
    this.title.textContent = run.structure?.replaceAll(/(\d)x(?=\d)/g, "$1×") ?? "A new network";
    this.status.textContent = statusLine(run);
    this.status.classList.toggle("is-wrong", run.state === "failed");
    this.bar.value = run.progress === null ? 0 : run.progress.step / run.progress.steps;
    this.bar.hidden = isFinished(run);
    this.#showFacts(run);
    this.#showCurves(run);
    this.#showWeights(run);
    this.matrixPart.hidden = run.confusion === null;
    if (run.confusion !== null) this.matrix.show(run);
  }

  #showButtons() {
    const { run } = this;
    const state = run?.state;
    this.pause.hidden = !["training", "paused"].includes(state);
    this.pause.textContent = state === "paused" ? "Go on" : "Pause";
    this.stop.hidden = !["waiting", "training", "paused", "stopping"].includes(state);
    this.stop.disabled = state === "stopping";
    const usable = run !== null && run.result !== null && run.decision !== "discarded";
    this.use.hidden = !usable;
    this.use.textContent = run?.model ? `Use ${run.model}` : "Use this model";
  }

  #showFacts({ settings, parameters, images, result }) {
    const facts = [
      ["test accuracy", testAccuracy(result)],
      ["images", images?.toLocaleString("en")],
      ["parameters", parameters?.toLocaleString("en")],
      ...inWords(settings),
    ].filter(([, value]) => value !== undefined && value !== null);
    this.facts.replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  }

  #showCurves({ state, trace, history }) {
    const line = (place, column) => {
      // A few epochs make few points: then those between them are shown as well.
      const between = trace.map((point) => [point[0], point[place]]);
      return between.length > 2 * history.length ? smooth(between) : history.map((record) => [record.epoch, record[column]]);
    };
    // The last epoch of a training that was stopped is not whole.
    const made = state === "stopped" ? trace.at(-1)?.[0] ?? Infinity : Infinity;
    const ends = (column) => (
      history.filter((record) => Number.isFinite(record[column])).map((record) => [Math.min(record.epoch, made), record[column]]));
    this.loss.update([
      { name: "training", style: "first", points: line(2, "loss") },
      { name: "held out", style: "second-dots", points: ends("validation_loss") },
    ]);
    this.accuracy.update([
      { name: "training", style: "first", points: line(3, "accuracy") },
      { name: "held out", style: "second-dots", points: ends("validation_accuracy") },
    ]);
  }

  #showWeights({ weights, settings }) {
    this.weightsPart.hidden = weights === null;
    if (weights === null || weights.data === this.#painted) return;
    this.#painted = weights.data;
    const { shape: [count, rows, columns], values } = decode(weights);
    while (this.weights.children.length > count) this.weights.lastElementChild.remove();
    while (this.weights.children.length < count) this.weights.append(element("canvas", { class: "thumbnail" }));
    this.weights.classList.toggle("is-few", count <= 16);
    const total = unitsOfFirst(settings, count);
    const some = total > count ? `${count} of ${total}` : `${count}`;
    this.weights.setAttribute("aria-label", `The weights of ${some} units of the first layer, ${rows} by ${columns} each`);
    this.weightsNote.textContent = "Each picture is the weights of one unit: red raises its value, grey-blue lowers it."
      + (total > count ? ` Here are ${some} units.` : "");
    // A few stray weights must not pale all others.
    const limit = Float32Array.from(values, Math.abs).sort()[Math.floor(0.99 * (values.length - 1))];
    const size = rows * columns;
    [...this.weights.children].forEach((canvas, i) => paintSigned(canvas, values.subarray(i * size, (i + 1) * size), [rows, columns], { limit }));
  }
}

/** How many units or filters the first layer with weights has; `shown` where the settings do not say. */
function unitsOfFirst({ layers = [] }, shown) {
  const first = layers.find(({ units, filters }) => units !== undefined || filters !== undefined);
  return first?.units ?? first?.filters ?? shown;
}

const testAccuracy = (result) => (result === null || result.accuracy === null ? undefined : percent(result.accuracy, 2));

/** The trainings that are over, to be looked at again and compared. */
class Runs {
  runs = [];
  #compared = new Set();

  constructor(app, onChoose) {
    this.app = app;
    this.onChoose = onChoose;
    this.table = element("table", { class: "runs", id: "runs" });
    this.charts = element("div", { class: "compare", hidden: true });
    this.legend = element("ul", { class: "soft small compare-names" }); // where the lines have no room for it
    const x = { label: "epochs", low: 0, format: plain };
    this.chart = new LineChart(this.charts, {
      title: "Accuracy on held-out images, compared", test: "train-compare", x,
      y: { label: "right answers", high: 1, format: (v) => percent(v) },
    });
    this.charts.append(this.legend);
    this.root = element("section", { class: "panel", "aria-labelledby": "runs-title", hidden: true },
      element("h3", { id: "runs-title" }, "Trainings"),
      element("div", { class: "matrix-scroll", role: "region", "aria-label": "Table of trainings", tabindex: "0" }, this.table), this.charts);
  }

  async refresh(shown) {
    try {
      // A lesson is judged on other images than a training, and has its own place.
      this.runs = (await listRuns()).filter(({ kind }) => kind === "train");
    } catch {
      return; // the banner says that the server is lost
    }
    const known = new Set(this.runs.map(({ id }) => id));
    for (const id of this.#compared) if (!known.has(id)) this.#compared.delete(id);
    this.shown = shown?.id;
    this.show();
  }

  show() {
    const finished = this.runs.filter(isFinished);
    this.root.hidden = finished.length === 0;
    const total = this.runs.length;
    // Hidden layers and data have columns of their own.
    const names = differences(finished.map(({ settings }) => settings), ["hidden layers", "data"]);
    const rows = this.runs.map((run, i) => [run, total - i]).filter(([run]) => isFinished(run))
      .map(([run, number], i) => this.#row(run, number, names[i]));
    const heads = ["compare", "run", "network", "data", "epochs", "held out", "test", "time", ""].map((name) => (
      name === "" ? element("td", {}) : element("th", { scope: "col" }, name)));
    this.table.replaceChildren(element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
    const compared = this.runs.map((run, i) => [run, total - i]).filter(([{ id }]) => this.#compared.has(id)).reverse();
    this.charts.hidden = compared.length === 0;
    const about = differences(compared.map(([{ settings }]) => settings));
    const lines = compared.map(([, number], i) => element("li", {}, `run ${number}: ${about[i]}`));
    this.legend.replaceChildren(...lines.filter((_, i) => about[i] !== ""));
    this.chart.update(compared.map(([run, number], i) => ({
      name: `run ${number}`, about: about[i], style: STYLES[i],
      points: run.history.filter((record) => Number.isFinite(record.validation_accuracy)).map((record) => [record.epoch, record.validation_accuracy]),
    })));
  }

  /** @param name its short name by the settings in which it differs from others */
  #row(run, number, name) {
    const last = run.history.at(-1);
    const compare = element("input", {
      type: "checkbox", checked: this.#compared.has(run.id), "aria-label": `Compare run ${number}`, "data-test": `compare-${number}`,
      disabled: last?.validation_accuracy === undefined,
    });
    compare.addEventListener("change", () => {
      if (!compare.checked) this.#compared.delete(run.id);
      else if (this.#compared.size < STYLES.length) this.#compared.add(run.id);
      else this.app.toast(`${STYLES.length} trainings are the most that can be told apart.`);
      this.show();
      this.table.querySelector(`[data-test="compare-${number}"]`).focus();
    });
    const open = element("button", { type: "button", class: "button", "data-test": `show-${number}` }, `run ${number}`);
    open.addEventListener("click", () => {
      this.onChoose(run);
      this.shown = run.id;
      this.show();
      document.getElementById("watch-title").scrollIntoView({ block: "nearest" });
    });
    const forget = element("button", { type: "button", class: "button", "aria-label": `Forget run ${number}`, "data-test": `forget-${number}` }, "Forget");
    forget.addEventListener("click", () => this.#forget(run));
    const seconds = run.history.reduce((sum, record) => sum + record.seconds, 0);
    const cells = [
      run.settings.data, run.history.length,
      last?.validation_accuracy === undefined ? "–" : percent(last.validation_accuracy),
      testAccuracy(run.result) ?? "–",
      run.state === "failed" ? "failed" : duration(seconds),
    ];
    return element("tr", { "aria-current": run.id === this.shown ? "true" : null },
      element("td", {}, compare), element("th", { scope: "row" }, open),
      element("td", {},
        run.structure?.replaceAll(/(\d)x(?=\d)/g, "$1×") ?? "–", name && element("span", { class: "runs-name" }, name)),
      ...cells.map((cell) => element("td", {}, String(cell))),
      element("td", {}, forget));
  }

  async #forget(run) {
    try {
      await this.app.api.remove(`api/runs/${run.id}`);
      await this.refresh({ id: this.shown });
    } catch (error) {
      this.app.toast(error.message, "error");
    }
  }
}
