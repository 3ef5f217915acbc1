// Draw: the sheet, what the network answers, and what it sees.

import { element } from "../../shared/base/dom.js";
import { Sketchpad } from "../../shared/drawing/sketchpad.js";
import { Answer } from "./answer.js";
import { Stages } from "./stages.js";

export default {
  mount(root, app) {
    this.app = app;
    const pad = element("div", { class: "draw-pad" });
    this.answer = new Answer(app.announce);
    this.stages = new Stages();
    root.append(
      element("h2", { class: "sr-only" }, "Draw"),
      element("div", { class: "draw-layout" }, pad,
        element("div", { class: "draw-result" }, this.answer.root, this.stages.root)),
    );
    new Sketchpad(pad, app);

    app.models.addEventListener("change", () => this.showModel());
    app.live.addEventListener("answer", () => this.showAnswer());
    app.live.addEventListener("error", (event) => this.showFailure(event.detail));
    app.live.addEventListener("lost", () => this.answer.lose());
    this.showModel();
    this.showAnswer();
  },

  show() {
    this.isShown = true;
    this.app.live.want({ stages: true });
    this.showAnswer();
  },

  hide() {
    this.isShown = false;
    this.app.live.want({ stages: false });
  },

  showModel() {
    const model = this.app.models.current;
    if (model === null) return;
    this.answer.classes = model.classes;
    this.stages.model = model;
  },

  /** The network could not answer: why. */
  showFailure(sentence) {
    this.answer.fail(sentence);
    this.stages.clear();
  },

  showAnswer() {
    const { answer } = this.app.live;
    // Another view may be on the screen: what nobody sees is not painted.
    if (answer === null || this.isShown === false) return;
    this.answer.show(answer);
    this.stages.show(answer);
  },
};
