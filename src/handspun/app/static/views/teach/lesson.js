// Learning what is in the tray: the button, the curves while the copy learns, and the choice between old and new model.

import { button, select, withArrow } from "../../shared/base/controls.js";
import { element } from "../../shared/base/dom.js";
import { announce, attempt, toast } from "../../shared/base/messages.js";
import { whole } from "../../shared/base/numbers.js";
import { recall, remember } from "../../shared/base/storage.js";
import { tray } from "../../shared/drawing/tray.js";
import { Curves, smooth } from "../../shared/figures/curves.js";
import { post } from "../../shared/server/api.js";
import { Follower } from "../../shared/server/follower.js";
import { isFinished, listTrainings, statusLine } from "../../shared/server/trainings.js";
import { showComparison } from "./comparison.js";

/** The lesson's drawings are stored with its id, so that both answers to them can be shown after a reload. */
const LESSON = "handspun-lesson";

const SECONDS = [4, 8, 15, 30, 60];
const USUAL_SECONDS = 8;

export class Lesson {
  #follower = null;
  #drawings = []; // the drawings of the lesson
  /** Why the model cannot be taught; "" if it can. */
  refusal = "";

  constructor(app) {
    this.app = app;
    this.learn = button("Learn these", () => this.start(), { class: "primary", id: "teach-learn" });
    this.seconds = select(SECONDS.map((name) => ({ name, title: `for ${name} seconds` })), { id: "teach-seconds" });
    this.seconds.value = USUAL_SECONDS;
    this.why = element("p", { class: "soft small", id: "teach-why" });
    this.status = element("p", { class: "lesson-status", id: "teach-status", role: "status", tabindex: "-1" });
    this.bar = element("progress", { max: "1", value: "0", "aria-label": "Progress of learning" });
    this.stop = button("Stop", () => this.#follower.steer("stop"), { id: "teach-stop" });
    this.going = element("div", { class: "lesson-going", hidden: true }, this.bar, this.stop);
    this.charts = element("div", { class: "charts", hidden: true });
    this.curves = new Curves(this.charts, { test: "teach", x: "seconds" });
    this.result = element("div", { class: "lesson-result", id: "teach-result", hidden: true });
    this.root = element("section", { class: "panel lesson", "aria-labelledby": "lesson-title" },
      element("h3", { id: "lesson-title" }, "Learn"),
      element("p", { class: "soft small" },
        "A copy of the model trains on your drawings, with small random changes each time, ",
        "mixed with 4,000 digits so that it does not forget. The model itself does not change until you decide."),
      element("div", { class: "row" }, this.learn,
        element("label", { class: "sr-only", for: "teach-seconds" }, "How long"), withArrow(this.seconds)),
      this.why, this.status, this.going, this.result, this.charts);
  }

  get run() { return this.#follower?.run ?? null; }

  /** After a reload, resume the last lesson: one that is in progress or undecided. */
  async find() {
    if (this.#follower !== null) return;
    let run;
    try {
      run = (await listTrainings()).find(({ kind, state, decision, result }) => (
        kind === "teach" && (!isFinished({ state }) || (decision === null && result !== null))));
    } catch {
      return; // no server; the banner says so
    }
    if (run === undefined || this.#follower !== null) return;
    const stored = recall(LESSON);
    this.#follow(run, stored?.id === run.id ? stored.drawings : []);
  }

  start() {
    return attempt(async () => {
      const { drawings } = tray;
      const run = await post("api/teach", {
        model: this.app.models.current?.name, drawings, seconds: Number(this.seconds.value),
      });
      remember(LESSON, { id: run.id, drawings });
      this.#follow(run, drawings);
      announce("Learning.");
    });
  }

  #follow(run, drawings) {
    this.#follower?.close();
    this.#drawings = drawings;
    const follower = new Follower(run);
    this.#follower = follower;
    follower.addEventListener("change", () => this.show());
    follower.addEventListener("gone", () => {
      if (this.#follower === follower) this.#follower = null;
      this.show();
    });
    this.show();
  }

  /** Set why the model cannot be taught; "" if it can. */
  refuse(why) {
    this.refusal = why;
    this.why.textContent = why;
    this.why.hidden = why === "";
    this.seconds.disabled = why !== "";
    this.showButton();
  }

  /** Whether "Learn these" can be pressed. */
  showButton() {
    const going = this.run !== null && !isFinished(this.run);
    this.learn.disabled = going || tray.drawings.length === 0 || this.refusal !== "";
  }

  show() {
    const { run } = this;
    this.showButton();
    this.going.hidden = run === null || isFinished(run);
    this.charts.hidden = run === null;
    const isNew = this.result.hidden && run?.result && run.decision === null;
    this.result.hidden = run === null || run.result === null;
    this.status.textContent = run === null ? "" : status(run);
    if (run === null) return;
    this.bar.value = run.progress === null ? 0 : Math.min(run.progress.seconds / run.settings.seconds, 1);
    this.stop.disabled = run.state === "stopping";
    this.#showCurves(run);
    if (run.result !== null) this.#showResult(run);
    if (isNew) this.#reveal();
  }

  /** Scroll to the decision, unless somebody is drawing. */
  #reveal() {
    if (!this.app.drawing.isEmpty) return;
    const { bottom } = this.status.getBoundingClientRect();
    const decision = this.result.querySelector(".decision")?.getBoundingClientRect();
    if (!decision || (bottom > 0 && decision.bottom <= innerHeight)) return;
    this.status.scrollIntoView({ block: "start" });
  }

  #showCurves({ trace, history }) {
    // An epoch ends at the second when the trace reaches its number.
    const secondOf = (epoch) => trace.findLast(([epochs]) => epochs <= epoch + 1e-6)?.[1] ?? 0;
    const places = { loss: 2, accuracy: 3 };
    this.curves.update((set, measure) => (set === "training"
      ? smooth(trace.map((point) => [point[1], point[places[measure]]]))
      : history.map((record) => [secondOf(record.epoch), record[`validation_${measure}`]])));
  }

  #showResult(run) {
    const decided = run.decision !== null;
    const keep = button("Keep the new model", () => this.keep(), { class: "primary", id: "teach-keep" });
    const discard = button("Discard it", () => this.#follower.steer("discard"), { id: "teach-discard" });
    const hadFocus = this.result.querySelector(".decision")?.contains(document.activeElement);
    const decision = decided ? null : element("div", { class: "row decision" }, keep, discard);
    showComparison(this.result, run, this.#drawings, decision);
    // The pressed button is gone. The keyboard continues from the outcome, not from the top of the page.
    if (hadFocus) (decided ? this.status : keep).focus();
  }

  async keep() {
    const follower = this.#follower; // another lesson may start before the server answers
    if (await follower.use(this.app.models)) toast(`${follower.run.model} is kept and chosen.`);
  }
}

/** One line that says how the lesson is going. */
function status(run) {
  if (run.decision === "kept") return `Kept as ${run.model}.`;
  if (run.decision === "discarded") return "Discarded. The model is as it was.";
  if (run.state === "training" && run.progress !== null) {
    const { images_per_second: speed, seconds_left: left } = run.progress;
    return `Learning: ${whole(Math.round(speed))} images/s, ${Math.ceil(left)} s left.`;
  }
  return run.result === null ? statusLine(run) : "Compare the two, then decide.";
}
