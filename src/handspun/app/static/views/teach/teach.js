// Teach: say what a drawing was meant to be, let a copy of the model learn it, and choose between the two.

import { decode } from "../../shared/base/arrays.js";
import { element } from "../../shared/base/dom.js";
import { hasModifier, isTyping } from "../../shared/base/keys.js";
import { announce, toast } from "../../shared/base/messages.js";
import { counted, whole } from "../../shared/base/numbers.js";
import { Sketchpad } from "../../shared/drawing/sketchpad.js";
import { DIGITS, MOST_DRAWINGS, tray } from "../../shared/drawing/tray.js";
import { DigitKeys } from "./digitkeys.js";
import { Lesson } from "./lesson.js";
import { otherPictures, whyNot } from "./teachable.js";
import { TrayPanel } from "./traypanel.js";

/** Milliseconds to wait for the answer to the latest stroke. */
const PATIENCE = 3000;

export default {
  mount(root, app) {
    this.app = app;
    this.keys = new DigitKeys((label) => this.answer(label));
    this.panel = new TrayPanel();
    this.lesson = new Lesson(app);
    const pad = element("div", {});
    root.append(
      element("h2", { class: "sr-only" }, "Teach"),
      element("div", { class: "teach" },
        element("div", { class: "teach-draw" }, pad, this.keys.root),
        element("div", { class: "teach-learn" }, this.panel.root, this.lesson.root)),
    );
    new Sketchpad(pad, app);
    tray.addEventListener("change", () => this.showTray());
    app.models.addEventListener("change", () => this.showModel());
    app.live.addEventListener("answer", () => this.showGuess());
    document.addEventListener("keydown", (event) => this.pressed(event));
    this.showTray();
    this.showModel();
  },

  show() {
    this.isShown = true;
    // Only models of strokes have stages, and only what they see fits the tray.
    this.app.live.want({ stages: true });
    this.showModel();
    this.lesson.find();
  },

  hide() {
    this.isShown = false;
    this.app.live.want({ stages: false });
  },

  /** Why the model cannot be taught; "" if it can. */
  get refusal() {
    const { live, models } = this.app;
    // Only this view requests stages, so only here is an answer without them meaningful.
    return whyNot(models.current, this.isShown && live.isCurrent ? live.answer : null);
  },

  showTray() {
    this.panel.show(tray.drawings, this.refusal === "");
    this.lesson.showButton();
  },

  /** Say at once whether the model can be taught, before anyone tries. */
  showModel() {
    const why = this.refusal;
    this.keys.setRefused(why !== "");
    this.lesson.refuse(why);
    this.showTray();
    this.showGuess();
  },

  /** Show what the model takes the drawing for, or why it cannot be taught. */
  showGuess() {
    const why = this.refusal;
    if (why !== this.lesson.refusal) this.showModel(); // only now has its first answer shown what it sees
    else if (why !== "") this.keys.say(why);
    else this.keys.guess(this.app.live.answer);
  },

  pressed(event) {
    if (!this.isShown || isTyping(event.target) || hasModifier(event) || event.defaultPrevented) return;
    const label = DIGITS.indexOf(event.key);
    if (label < 0) return;
    event.preventDefault();
    this.answer(label);
  },

  /** The drawing was meant to be the digit `label`: put it into the tray, and clear the sheet for the next one. */
  async answer(label) {
    const { drawing } = this.app;
    const why = this.refusal;
    if (why !== "") {
      toast(why, "error");
      return;
    }
    const answer = drawing.isEmpty ? { verdict: "empty" } : await this.answered();
    if (answer === null) {
      toast("The model has not answered yet, so there is nothing to learn from. Try again.", "error");
      return;
    }
    if (answer.verdict === "empty") {
      toast("Draw something first, then say what it was meant to be.");
      return;
    }
    const { values: seen } = decode(answer.seen);
    if (!answer.stages || seen.length !== 28 * 28) {
      toast(otherPictures(answer.model), "error");
      return;
    }
    if (!tray.add(seen, label)) {
      toast(`The tray is full: it holds ${whole(MOST_DRAWINGS)} drawings.`, "error");
      return;
    }
    drawing.clear();
    announce(`Added as ${DIGITS[label]}. The tray holds ${counted(tray.drawings.length, "drawing")}.`);
  },

  /** The model's answer to the present drawing; null if none comes in time. */
  answered() {
    const { live } = this.app;
    if (live.isCurrent) return Promise.resolve(live.answer);
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(null), PATIENCE);
      const listen = () => { if (live.isCurrent) done(live.answer); };
      const done = (value) => {
        clearTimeout(timer);
        live.removeEventListener("answer", listen);
        resolve(value);
      };
      live.addEventListener("answer", listen);
    });
  },
};
