// Everything that can be chosen before a training.

import { field, options, select } from "../../shared/base/controls.js";
import { element } from "../../shared/base/dom.js";
import { counted, whole } from "../../shared/base/numbers.js";
import { recall, remember } from "../../shared/base/storage.js";
import { tray } from "../../shared/drawing/tray.js";
import { get, post } from "../../shared/server/api.js";
import { isFinished } from "../../shared/server/trainings.js";
import { Augmentations } from "./augmentations.js";
import { Blocks } from "./blocks.js";

/** The form is stored, so that it survives a reload. */
const FORM = "handspun-form";

/** The data sets that the server was started with. If they changed since the last time, one of them is chosen. */
const GIVEN = "handspun-given";

/** Milliseconds after the last change before the server is asked about the network. */
const PAUSE = 150;

/** Events: "start" (detail: the settings). */
export class Form extends EventTarget {
  #asked = 0; // the number of the last question about the network
  #presets = new Map(); // from everything that a preset chooses to its name
  #timer = null;

  /** @param choices GET /api/options */
  constructor(choices) {
    super();
    this.choices = choices;
    const { limits } = choices;
    const number = (id, value, range) => element("input", { type: "number", id, value, required: true, ...range });
    this.preset = select([{ name: "", title: "your own" }, ...choices.presets], {
      id: "train-preset", onchange: () => this.#choosePreset(),
    });
    this.data = element("select", { id: "train-data" });
    this.blocks = new Blocks(choices.layer_kinds);
    this.total = element("p", { class: "network-total", id: "train-parameters", role: "status" });
    this.optimizer = select(choices.optimizers, {
      id: "train-optimizer", onchange: () => { this.rate.value = this.#usualRate(); },
    });
    this.rate = number("train-rate", 0.001, { min: 0, step: "any" });
    this.schedule = select(choices.schedules, { id: "train-schedule" });
    this.batch = number("train-batch", 64, { min: 1, max: limits.batch_size, step: 1 });
    this.epochs = number("train-epochs", 10, { min: 1, max: limits.epochs, step: 1 });
    this.validation = number("train-validation", 10, { min: 0, max: 50, step: 1 });
    this.decay = number("train-decay", 0, { min: 0, max: 1, step: "any" });
    this.seed = number("train-seed", 0, { min: 0, max: 2 ** 31 - 1, step: 1 });
    this.augment = new Augmentations(choices.augmentations);
    this.start = element("button", { type: "submit", class: "button primary", id: "train-start" }, "Start");
    this.note = element("p", { class: "soft small", id: "train-note" });
    this.root = element("form", {
      "aria-label": "What to train", novalidate: true, // our own messages appear beside the button
      onchange: () => this.#changed(),
      onsubmit: (event) => {
        event.preventDefault();
        this.#submit();
      },
    },
    element("section", { class: "panel" }, field("Start from", this.preset), field("Data set", this.data)),
    element("section", { class: "panel" }, element("h3", {}, "Network"), this.blocks.root, this.total),
    element("section", { class: "panel" }, element("h3", {}, "Training"),
      element("div", { class: "pairs" },
        field("Optimizer", this.optimizer), field("Learning rate", this.rate), field("Schedule", this.schedule),
        field("Batch size", this.batch), field("Epochs", this.epochs), field("Validation, %", this.validation),
        field("Weight decay", this.decay), field("Seed", this.seed))),
    this.augment.root,
    element("div", { class: "start" }, this.start, this.note));

    this.blocks.addEventListener("change", () => this.#changed());
    tray.addEventListener("change", () => this.#showDatasets());
    this.#showDatasets();
    for (const { name, settings } of choices.presets) {
      this.settings = settings;
      this.#presets.set(this.#chosen, name);
    }
    if (!this.#restore(recall(FORM))) this.settings = choices.presets[0].settings;
    this.#chooseGiven();
    this.#changed();
  }

  /** There may be more data sets now. */
  async refreshDatasets() {
    try {
      this.choices.datasets = (await get("api/options")).datasets;
      this.#showDatasets();
    } catch {
      // The choice stays as it was; the banner reports the lost connection.
    }
  }

  /** The body of POST /api/runs, without the drawings. */
  get settings() {
    return {
      data: this.data.value,
      layers: this.blocks.layers,
      hidden: [], // all layers are in `layers`
      optimizer: this.optimizer.value,
      learning_rate: Number(this.rate.value),
      schedule: this.choices.schedules.find(({ name }) => name === this.schedule.value).settings,
      batch_size: Number(this.batch.value),
      epochs: Number(this.epochs.value),
      validation: Number(this.validation.value) / 100,
      weight_decay: Number(this.decay.value),
      seed: Number(this.seed.value),
      augment: this.augment.value,
    };
  }

  set settings(settings) {
    if (this.choices.datasets.some(({ name }) => name === settings.data)) this.data.value = settings.data;
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

  /** Fill in stored settings. Returns whether they fit: another version of handspun may have had other choices. */
  #restore(stored) {
    if (stored === null) return false;
    try {
      this.settings = stored;
    } catch {
      return false; // something else is stored there
    }
    return [this.optimizer, this.schedule].every((menu) => menu.selectedIndex >= 0);
  }

  /** If the app was started with the user's own data, choose them once; a later choice stays. */
  #chooseGiven() {
    const given = this.choices.datasets.filter((offer) => offer.given);
    const names = given.map(({ name, title }) => `${name}: ${title}`).join("\n");
    if (given.length > 0 && names !== recall(GIVEN)) this.data.value = given[0].name;
    remember(GIVEN, names);
  }

  get #dataset() {
    return this.choices.datasets.find(({ name }) => name === this.data.value);
  }

  /** While a training is in progress, no other can start. */
  showState(run) {
    const going = run !== null && !isFinished(run);
    this.start.disabled = going;
    this.start.textContent = going ? "Training …" : "Start";
  }

  #showDatasets() {
    const chosen = this.data.value;
    this.data.replaceChildren(...options(this.choices.datasets.map(({ name, images }) => {
      const size = images ?? tray.drawings.length + (name === "drawings" ? 0 : this.choices.datasets[0].images);
      return { name, title: `${name} · ${whole(size)} images`, disabled: images === null && tray.drawings.length === 0 };
    })));
    if (chosen !== "") this.data.value = chosen;
    if (this.data.selectedIndex < 0) this.data.selectedIndex = 0;
  }

  #choosePreset() {
    const preset = this.choices.presets.find(({ name }) => name === this.preset.value);
    if (preset) this.settings = { ...preset.settings, data: this.data.value };
  }

  #usualRate() {
    return this.choices.optimizers.find(({ name }) => name === this.optimizer.value).learning_rate;
  }

  /** Everything that a preset chooses, as one text. The data set is not part of it. */
  get #chosen() {
    return JSON.stringify({ ...this.settings, data: null });
  }

  #changed() {
    remember(FORM, this.settings);
    this.preset.value = this.#presets.get(this.#chosen) ?? "";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#showOutline(), PAUSE);
  }

  /** Ask the server for the outline of this network: the server decides what is valid. */
  async #showOutline() {
    this.#asked += 1;
    const asked = this.#asked;
    const { image_shape: shape } = this.#dataset;
    try {
      const outline = await post("api/outline", this.settings);
      if (asked !== this.#asked) return; // the form has changed since
      this.blocks.showOutline(outline, shape);
      this.total.textContent = outline.error ?? counted(outline.parameters, "parameter");
      this.total.classList.toggle("is-wrong", outline.error !== null);
    } catch {
      // Without a server nothing is known about the network; the banner reports the lost connection.
    }
  }

  #submit() {
    // "min" allows its value, but with a rate of 0 the network learns nothing.
    this.rate.setCustomValidity(this.rate.value !== "" && Number(this.rate.value) <= 0 ? "Value must be greater than 0." : "");
    for (const input of this.root.querySelectorAll("input[type=number]")) {
      if (input.checkValidity()) continue;
      const name = this.root.querySelector(`label[for="${input.id}"]`)?.textContent ?? input.getAttribute("aria-label");
      this.note.textContent = `${name}: ${input.validationMessage}`;
      input.focus();
      return;
    }
    this.note.textContent = "";
    const { settings } = this;
    if (this.#dataset.images === null) settings.drawings = tray.drawings;
    this.dispatchEvent(new CustomEvent("start", { detail: settings }));
  }
}
