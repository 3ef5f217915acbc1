// The table of finished trainings, to look at them again and compare them.

import { button, iconButton } from "../../shared/base/controls.js";
import { element } from "../../shared/base/dom.js";
import { fillTable, scrollable } from "../../shared/base/tables.js";
import { attempt, toast } from "../../shared/base/messages.js";
import { duration, percent, structureText } from "../../shared/base/numbers.js";
import { accuracyChart } from "../../shared/figures/curves.js";
import { remove } from "../../shared/server/api.js";
import { isFinished, listTrainings, testAccuracy } from "../../shared/server/trainings.js";
import { differences } from "./settings.js";

/** The styles of lines that can be told apart, and so the number of trainings that can be compared. */
const STYLES = ["first", "second", "third", "fourth", "fifth"];

const HEADS = ["compare", "run", "network", "data", "epochs", "validation", "test", "time", null];

export class TrainingTable {
  /** All trainings, the newest first. */
  runs = [];
  #compared = new Set(); // ids

  /** @param onChoose called with the training that the person wants to see */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.table = element("table", { class: "runs", id: "runs" });
    this.charts = element("div", { class: "compare", hidden: true });
    this.names = element("ul", { class: "soft small compare-names" }); // shown if the lines have no room for them
    this.chart = accuracyChart(this.charts, { title: "Validation accuracy, compared", test: "train-compare" });
    this.charts.append(this.names);
    this.root = element("section", { class: "panel", "aria-labelledby": "runs-title", hidden: true },
      element("h3", { id: "runs-title" }, "Training runs"),
      scrollable("Table of training runs", this.table), this.charts);
  }

  /** @param shown the training on the screen */
  async refresh(shown) {
    try {
      // Lessons are evaluated on other images, and shown in Teach.
      this.runs = (await listTrainings()).filter(({ kind }) => kind === "train");
    } catch {
      return; // the banner reports the lost connection
    }
    const known = new Set(this.runs.map(({ id }) => id));
    for (const id of this.#compared) if (!known.has(id)) this.#compared.delete(id);
    this.shown = shown?.id;
    this.show();
  }

  show() {
    const numbered = this.runs.map((run, i) => ({ run, number: this.runs.length - i }));
    const finished = numbered.filter(({ run }) => isFinished(run));
    this.root.hidden = finished.length === 0;
    // Hidden layers and data have their own columns.
    const about = differences(finished.map(({ run }) => run.settings), ["hidden layers", "data"]);
    fillTable(this.table, null, HEADS, finished.map(({ run, number }, i) => this.#row(run, number, about[i])));
    this.#showCompared(numbered.filter(({ run }) => this.#compared.has(run.id)).reverse());
  }

  #showCompared(compared) {
    this.charts.hidden = compared.length === 0;
    const about = differences(compared.map(({ run }) => run.settings));
    const named = compared.map(({ number }, i) => element("li", {}, `run ${number}: ${about[i]}`));
    this.names.replaceChildren(...named.filter((_, i) => about[i] !== ""));
    this.chart.update(compared.map(({ run, number }, i) => ({
      name: `run ${number}`, about: about[i], style: STYLES[i],
      points: run.history.filter((record) => Number.isFinite(record.validation_accuracy))
        .map((record) => [record.epoch, record.validation_accuracy]),
    })));
  }

  /** @param about the settings in which it differs from the others */
  #row(run, number, about) {
    const last = run.history.at(-1);
    const compare = element("input", {
      type: "checkbox", "aria-label": `Compare run ${number}`, "data-test": `compare-${number}`,
      checked: this.#compared.has(run.id), disabled: last?.validation_accuracy === undefined,
      onchange: () => this.#compare(run, number, compare.checked),
    });
    const open = button(`run ${number}`, () => this.#open(run), { "data-test": `show-${number}` });
    const removal = iconButton("close", `Remove run ${number}`, () => this.#remove(run), { "data-test": `remove-${number}` });
    const cells = [
      run.settings.data, run.history.length,
      last?.validation_accuracy === undefined ? "–" : percent(last.validation_accuracy),
      testAccuracy(run.result) ?? "–",
      run.state === "failed" ? "failed" : duration(run.history.reduce((sum, record) => sum + record.seconds, 0)),
    ];
    return element("tr", { "aria-current": run.id === this.shown ? "true" : null },
      element("td", {}, compare), element("th", { scope: "row" }, open),
      element("td", {},
        run.structure ? structureText(run.structure) : "–", about && element("span", { class: "runs-name" }, about)),
      ...cells.map((cell) => element("td", {}, String(cell))),
      element("td", {}, removal));
  }

  #compare(run, number, isCompared) {
    if (!isCompared) this.#compared.delete(run.id);
    else if (this.#compared.size < STYLES.length) this.#compared.add(run.id);
    else toast(`At most ${STYLES.length} runs can be compared.`);
    this.show();
    this.table.querySelector(`[data-test="compare-${number}"]`).focus();
  }

  #open(run) {
    this.onChoose(run);
    this.shown = run.id;
    this.show();
    document.getElementById("watch-title").scrollIntoView({ block: "nearest" });
  }

  #remove(run) {
    return attempt(async () => {
      await remove(`api/runs/${run.id}`);
      await this.refresh({ id: this.shown });
    });
  }
}
