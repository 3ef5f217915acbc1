// Train: build a network, choose how it learns, and watch it.

import { element } from "../../shared/base/dom.js";
import { announce, attempt } from "../../shared/base/messages.js";
import { recall } from "../../shared/base/storage.js";
import { get, post } from "../../shared/server/api.js";
import { isFinished } from "../../shared/server/trainings.js";
import { Form } from "./form.js";
import { SHOWN, Training } from "./training.js";
import { TrainingTable } from "./table.js";

export default {
  mount(root, app) {
    this.training = new Training(app);
    this.table = new TrainingTable((run) => this.training.follow(run));
    this.side = element("div", { class: "train-form" }, element("p", { class: "soft" }, "Loading the choices …"));
    root.append(
      element("h2", { class: "sr-only" }, "Train"),
      element("div", { class: "train" }, this.side,
        element("div", { class: "train-watch" }, this.training.root, this.table.root)));
    this.training.addEventListener("settled", () => this.table.refresh(this.training.run));
    this.training.addEventListener("change", () => this.form?.showState(this.training.run));
  },

  async show() {
    if (!this.form) {
      try {
        this.form = new Form(await get("api/options"));
      } catch (error) {
        this.side.replaceChildren(element("p", { class: "soft" }, error.message));
        return;
      }
      this.side.replaceChildren(this.form.root);
      this.form.addEventListener("start", ({ detail }) => this.start(detail));
    } else {
      this.form.refreshDatasets();
    }
    await this.table.refresh(this.training.run);
    const { runs } = this.table;
    if (this.training.run === null && runs.length > 0) {
      const last = recall(SHOWN);
      this.training.follow(runs.find((run) => !isFinished(run)) ?? runs.find(({ id }) => id === last) ?? runs[0]);
    }
  },

  start(settings) {
    return attempt(async () => {
      const run = await post("api/runs", settings);
      this.training.follow(run);
      this.table.refresh(run);
      announce("The training has started.");
      const { top } = this.training.root.getBoundingClientRect();
      if (top < 0 || top > innerHeight / 2) this.training.root.scrollIntoView({ block: "start" });
    });
  },
};
