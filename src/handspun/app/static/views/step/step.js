// Step: one training step on the drawing, one operation at a time, with the real numbers and the source that computes them.

import { button, field, iconButton, options, select } from "../../shared/base/controls.js";
import { element } from "../../shared/base/dom.js";
import { hasModifier } from "../../shared/base/keys.js";
import { announce } from "../../shared/base/messages.js";
import { Sketchpad } from "../../shared/drawing/sketchpad.js";
import { post } from "../../shared/server/api.js";
import { sameClasses } from "../../shared/server/models.js";
import { showOperation } from "./operation.js";

const PHASES = ["input", "forward", "loss", "backward", "update"];
const RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const USUAL_RATE = 0.01;

/** Milliseconds between two steps while playing. */
const PLAY_EVERY = 2200;

/** Milliseconds without a change before a drawing is stepped through. */
const REST = 350;

export default {
  mount(root, app) {
    this.app = app;
    this.found = null; // the server's answer
    this.at = 0; // the step on the screen
    this.asked = 0; // the number of the newest request
    this.label = null; // the right answer; null follows the network's answer
    this.build(root);
    app.drawing.addEventListener("change", () => {
      // After a blank sheet comes another drawing, even if this view was hidden in between.
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
    const clear = () => this.app.drawing.clear();
    this.labelMenu = element("select", { id: "step-label", onchange: () => {
      this.label = Number(this.labelMenu.value);
      this.load();
    } });
    this.rateMenu = select(RATES.map((name) => ({ name })), { id: "step-rate", onchange: () => this.load() });
    this.rateMenu.value = USUAL_RATE;
    this.back = button("Back", () => this.go(this.at - 1), { id: "step-back" });
    this.next = button("Next", () => this.go(this.at + 1), { class: "primary", id: "step-next" });
    this.play = button("Play", () => this.playing(this.timer === undefined), { id: "step-play", "aria-pressed": "false" });
    this.slider = element("input", {
      type: "range", id: "step-slider", min: "0", max: "0", value: "0", "aria-label": "Step",
      oninput: () => this.go(Number(this.slider.value)),
    });
    this.phases = element("div", { class: "step-phases" });
    this.count = element("p", { class: "step-count", id: "step-count" });
    this.body = element("div", { class: "step-body", id: "step-body", "data-test": "step" });
    root.append(
      element("h2", { class: "sr-only" }, "Step through"),
      element("div", { class: "step-head" },
        element("div", { class: "step-sheet" }, pad,
          iconButton("clear", "Clear the drawing", clear, { id: "step-clear", title: "Clear (C)" })),
        element("div", { class: "step-settings" },
          field("right answer", this.labelMenu), field("learning rate", this.rateMenu)),
        element("div", { class: "step-control" },
          element("div", { class: "step-line" }, this.phases, this.slider),
          element("div", { class: "step-buttons" }, this.back, this.next, this.play, this.count))),
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
    if (!sameClasses(model.classes, this.classes)) {
      this.classes = model.classes;
      this.label = null;
      this.labelMenu.replaceChildren(...options(model.classes.map((title, name) => ({ name, title }))));
    }
    if (model.name !== this.model) this.soon();
    this.model = model.name;
  },

  /** Take the network's answer as the right one until the person chooses another. */
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
    const { drawing, models } = this.app;
    this.changed = false;
    this.asked += 1;
    const number = this.asked;
    if (models.current === null) return;
    if (drawing.isEmpty) {
      this.empty("Draw something on the small sheet. This page then shows one training step on it, operation by operation.");
      return;
    }
    this.body.setAttribute("aria-busy", "true");
    try {
      const found = await post("/api/step", {
        model: models.current.name,
        picture: drawing.frameAsJson(),
        label: Number(this.labelMenu.value),
        learning_rate: Number(this.rateMenu.value),
      });
      if (number !== this.asked) return; // a newer one is on its way
      // With the same model, stay at the same place in the step.
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
    this.showControls();
  },

  showPhases() {
    const { steps } = this.found;
    this.slider.max = String(steps.length - 1);
    this.phases.replaceChildren(...PHASES.map((phase) => {
      const made = element("span", { class: "step-phase", "data-phase": phase }, phase);
      made.style.flexGrow = String(steps.filter((step) => step.phase === phase).length);
      return made;
    }));
  },

  go(at) {
    if (this.found === null) return;
    const { steps } = this.found;
    this.at = Math.min(Math.max(at, 0), steps.length - 1);
    const step = steps[this.at];
    this.slider.value = String(this.at);
    const place = [step.phase, step.layer].filter(Boolean).join(", ");
    this.slider.setAttribute("aria-valuetext", `${this.at + 1} of ${steps.length}: ${place}, ${step.title}`);
    this.count.textContent = `${this.at + 1} / ${steps.length}`;
    for (const phase of this.phases.children) phase.classList.toggle("is-current", phase.dataset.phase === step.phase);
    this.showControls();
    showOperation(this.body, step, this.found);
    announce(`Step ${this.at + 1} of ${steps.length}: ${place}. ${step.title}. ${step.explanation}`);
    if (this.at === steps.length - 1) this.playing(false);
  },

  showControls() {
    const { found, at } = this;
    // Not disabled: a disabled button would lose the keyboard's focus.
    const set = (one, off) => (off ? one.setAttribute("aria-disabled", "true") : one.removeAttribute("aria-disabled"));
    set(this.back, found === null || at === 0);
    set(this.next, found === null || at === found.steps.length - 1);
    set(this.play, found === null);
    this.slider.disabled = found === null;
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
    if (!this.isShown || taken || !(event.key in steps) || hasModifier(event)) return;
    this.go(this.at + steps[event.key]);
    event.preventDefault();
  },
};
