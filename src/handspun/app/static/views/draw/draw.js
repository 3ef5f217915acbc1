// Draw: the sheet, the network's answer, and what the network sees.

import { element } from "../../shared/base/dom.js";
import { Sketchpad } from "../../shared/drawing/sketchpad.js";
import { Answer } from "./answer.js";
import { Stages } from "./stages.js";

export default {
  mount(root, app) {
    this.app = app;
    const pad = element("div", { class: "draw-pad" });
    this.answer = new Answer();
    this.stages = new Stages();
    root.append(
      element("h2", { class: "sr-only" }, "Draw"),
      element("div", { class: "draw-layout" }, pad,
        element("div", { class: "draw-result" }, this.answer.root, this.stages.root)),
    );
    new Sketchpad(pad, app);

    app.models.addEventListener("change", () => this.showModel());
    app.live.addEventListener("answer", () => this.showAnswer());
    app.live.addEventListener("error", ({ detail }) => {
      this.answer.fail(detail);
      this.stages.clear();
    });
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

  showAnswer() {
    const { answer } = this.app.live;
    if (answer === null || this.isShown === false) return; // a hidden view paints nothing
    this.answer.show(answer);
    this.stages.show(answer);
  },
};
