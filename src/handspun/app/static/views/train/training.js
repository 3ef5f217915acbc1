// One training on the screen.

import { button } from "../../shared/base/controls.js";
import { element } from "../../shared/base/dom.js";
import { definitions } from "../../shared/base/tables.js";
import { announce, toast } from "../../shared/base/messages.js";
import { structureText, whole } from "../../shared/base/numbers.js";
import { remember } from "../../shared/base/storage.js";
import { Curves, smooth } from "../../shared/figures/curves.js";
import { Follower } from "../../shared/server/follower.js";
import { isFinished, statusLine, testAccuracy } from "../../shared/server/trainings.js";
import { Matrix } from "./matrix.js";
import { inWords } from "./settings.js";
import { Weights } from "./weights.js";

/** The training on the screen is stored, so that it is shown again after a reload. */
export const SHOWN = "handspun-run";

/** Shown before the first training. It cannot say where the form is: beside it in a wide window, above it in a narrow one. */
const NOTHING_YET = "Choose what to train, or keep the preset, and press Start.";

/** Events: "change", "settled" (the training is over, kept or gone). */
export class Training extends EventTarget {
  #follower = null;

  constructor(app) {
    super();
    this.app = app;
    this.title = element("h3", { id: "watch-title" }, "No training yet");
    this.status = element("p", { id: "train-status", class: "soft" }, NOTHING_YET);
    const steer = () => this.#follower.steer(this.run.state === "paused" ? "resume" : "pause");
    this.pause = button("Pause", steer, { id: "train-pause" });
    this.stop = button("Stop", () => this.#follower.steer("stop"), { id: "train-stop" });
    this.use = button("Use this model", () => this.useModel(), { id: "train-use", class: "primary" });
    this.bar = element("progress", { max: "1", value: "0", "aria-label": "Progress of the training" });
    this.facts = element("div");
    this.charts = element("div", { class: "charts" });
    this.curves = new Curves(this.charts, { test: "train" });
    this.weights = new Weights();
    this.matrix = new Matrix();
    this.matrixPart = element("section", {}, element("h4", {}, "Confusion matrix (validation images)"), this.matrix.root);
    this.body = element("div", { class: "watch-body", hidden: true }, this.bar, this.facts, this.charts,
      element("div", { class: "watch-parts" }, this.weights.root, this.matrixPart));
    this.root = element("section", { class: "panel watch", "aria-labelledby": "watch-title" },
      element("div", { class: "panel-head" }, element("div", {}, this.title, this.status),
        element("div", { class: "row" }, this.pause, this.stop, this.use)), this.body);
    this.#showButtons();
  }

  get run() { return this.#follower?.run ?? null; }

  follow(run) {
    if (this.#follower?.id === run.id) return;
    this.#follower?.close();
    const follower = new Follower(run);
    this.#follower = follower;
    let wasFinished = false;
    follower.addEventListener("change", () => {
      if (this.#follower !== follower) return; // a late answer about the previous training
      this.show();
      if (follower.finished && !wasFinished) {
        announce(statusLine(this.run));
        this.dispatchEvent(new Event("settled"));
      }
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

  async useModel() {
    const follower = this.#follower; // another training may be chosen before the server answers
    if (await follower.use(this.app.models)) toast(`All views now use ${follower.run.model}.`);
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
    this.title.textContent = run.structure ? structureText(run.structure) : "A new network";
    this.status.textContent = statusLine(run);
    this.status.classList.toggle("is-wrong", run.state === "failed");
    this.bar.value = run.progress === null ? 0 : run.progress.step / run.progress.steps;
    this.bar.hidden = isFinished(run);
    this.#showFacts(run);
    this.#showCurves(run);
    this.weights.show(run);
    this.matrixPart.hidden = run.confusion === null;
    if (run.confusion !== null) this.matrix.show(run);
  }

  #showButtons() {
    const { run } = this;
    const state = run?.state;
    this.pause.hidden = !["training", "paused"].includes(state);
    this.pause.textContent = state === "paused" ? "Resume" : "Pause";
    this.stop.hidden = !["waiting", "training", "paused", "stopping"].includes(state);
    this.stop.disabled = state === "stopping";
    this.use.hidden = run === null || run.result === null || run.decision === "discarded";
    this.use.textContent = run?.model ? `Use ${run.model}` : "Use this model";
  }

  #showFacts({ settings, parameters, images, result }) {
    const facts = [
      ["test accuracy", testAccuracy(result)],
      ["images", images && whole(images)],
      ["parameters", parameters && whole(parameters)],
      ...inWords(settings),
    ].filter(([, value]) => value !== undefined && value !== null);
    const shown = definitions(facts, { class: "facts" });
    this.facts.replaceWith(shown);
    this.facts = shown;
  }

  #showCurves({ state, trace, history }) {
    // The last epoch of a stopped training is not whole.
    const end = state === "stopped" ? trace.at(-1)?.[0] ?? Infinity : Infinity;
    const places = { loss: 2, accuracy: 3 };
    this.curves.update((set, measure) => {
      if (set === "validation") {
        const column = `validation_${measure}`;
        const known = history.filter((record) => Number.isFinite(record[column]));
        return known.map((record) => [Math.min(record.epoch, end), record[column]]);
      }
      // Few epochs make few points; then the points between them are shown as well.
      const between = trace.map((point) => [point[0], point[places[measure]]]);
      return between.length > 2 * history.length ? smooth(between) : history.map((record) => [record.epoch, record[measure]]);
    });
  }
}
