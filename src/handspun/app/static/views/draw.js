// Draw: the sheet, what the network answers, and what it sees.

import { element, icon } from "../dom.js";
import { hundredths, percent } from "../numbers.js";
import { decode, paintColour, paintGrey } from "../pixels.js";
import { Sketchpad } from "../sketchpad.js";

/** Below this probability the answer also names the next best class. */
const SURE = 0.9;

/** Pictures with so many pixels a side are shown enlarged. */
const SMALL = 64;

/** Milliseconds between two things said to a screen reader. */
const SAY_EVERY = 1000;

export default {
  id: "draw",
  title: "Draw",

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
    this.sketchpad = new Sketchpad(pad, app.drawing);

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
    this.sketchpad.setGuide(isDigits(model.classes) ? "digit" : "picture");
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

/** A softmax never gives quite 0 or 1: where a share is, it was only rounded. */
const unrounded = (share) => Math.min(Math.max(share, Number.MIN_VALUE), 1 - Number.EPSILON);

const isDigits = (classes) => classes.every((name) => /^\d$/.test(name));

/** The answer in large, and a bar for each class. */
class Answer {
  #classes = [];
  #bars = [];
  #said = "";
  #toSay = null;

  constructor(announce) {
    this.announce = announce;
    this.name = element("output", { id: "answer", class: "answer-name", "aria-live": "off" });
    this.percent = element("p", { id: "answer-percent", class: "answer-percent" });
    this.note = element("p", { id: "answer-note", class: "answer-note" }, "Waiting for the network …");
    this.list = element("ul", { id: "bars", class: "bars", "aria-label": "Probability of each class" });
    this.root = element("section", { class: "answer", "aria-label": "Answer", "data-test": "answer", "data-verdict": "waiting" },
      element("div", { class: "answer-head" }, this.name, element("div", {}, this.percent, this.note)), this.list);
  }

  get classes() { return this.#classes; }

  set classes(classes) {
    if (classes.join("\n") === this.#classes.join("\n")) return;
    this.#classes = classes;
    this.#bars = classes.map((name) => {
      const bar = element("span", { class: "bar" });
      const value = element("span", {});
      const item = element("li", { "data-class": name },
        element("span", { class: "bar-label" }, name), element("span", { class: "bar-track", "aria-hidden": "true" }, bar),
        element("span", { class: "bar-value" }, value, element("span", { class: "sr-only" }, " %")));
      return { bar, value, item };
    });
    this.list.replaceChildren(...this.#bars.map(({ item }) => item));
    this.list.style.setProperty("--count", classes.length);
    this.list.classList.toggle("is-long", classes.length > 12);
    this.root.classList.toggle("has-words", classes.some((name) => name.length > 2));
  }

  show({ verdict, class: best, classes, probabilities }) {
    this.classes = classes;
    this.root.dataset.verdict = verdict;
    this.root.classList.remove("is-stale");
    this.#bars.forEach(({ bar, value, item }, i) => {
      const share = probabilities?.[i] ?? 0;
      bar.style.transform = `translateX(${100 * share - 100}%)`;
      const text = probabilities === null ? "" : hundredths(unrounded(share));
      if (value.textContent !== text) value.textContent = text;
      item.classList.toggle("is-best", i === best);
    });
    const text = this.#describe(verdict, best, probabilities);
    this.name.textContent = text.name;
    this.percent.textContent = text.percent;
    this.note.textContent = text.note;
    this.#say(text.said);
  }

  /** The connection is lost: what is shown may be of another drawing. The next answer ends it. */
  lose() {
    this.root.classList.add("is-stale");
    this.note.textContent = "Waiting for the network …";
  }

  fail(sentence) {
    this.show({ verdict: "empty", class: null, classes: this.#classes, probabilities: null });
    this.root.dataset.verdict = "failed";
    this.note.textContent = sentence;
  }

  #describe(verdict, best, probabilities) {
    if (verdict === "empty") return { name: "", percent: "", note: "The answer appears here while you draw.", said: "Nothing drawn." };
    const name = this.#classes[best];
    const share = percent(unrounded(probabilities[best]), 0);
    if (verdict === "unknown") {
      const doubt = isDigits(this.#classes) ? "Not a digit?" : "None of these?";
      return { name: "?", percent: doubt, note: `Most like ${name}`, said: `${doubt} Most like ${name}.` };
    }
    const next = probabilities.reduce((second, value, i) => (i !== best && value > (probabilities[second] ?? -1) ? i : second), -1);
    const sure = probabilities[best] >= SURE || next < 0;
    const note = sure ? "" : `Not sure. It may be ${this.#classes[next]} (${percent(unrounded(probabilities[next]), 0)})`;
    return { name, percent: share, note, said: `${name}, ${share}. ${note}` };
  }

  /** Tell a screen reader the newest answer, seldom enough that it can finish. */
  #say(text) {
    const waiting = this.#toSay !== null;
    this.#toSay = text;
    if (waiting) return;
    setTimeout(() => {
      if (this.#toSay !== this.#said) this.announce(this.#toSay);
      this.#said = this.#toSay;
      this.#toSay = null;
    }, SAY_EVERY);
  }
}

/** What the network sees: the way from the sheet to its input. */
class Stages {
  #steps = ["ink", "crop", "scaled", "seen"];
  #figures = {};

  constructor() {
    this.box = element("span", { class: "stage-box", hidden: true });
    const items = this.#steps.map((name) => {
      const canvas = element("canvas", { width: 1, height: 1, role: "img", "data-test": `stage-${name}` });
      const caption = element("span", { class: "stage-caption" });
      const item = element("li", { class: `stage stage-${name}` },
        element("span", { class: "stage-frame" }, canvas, name === "ink" ? this.box : null), caption);
      this.#figures[name] = { canvas, caption, item };
      return item;
    });
    for (const item of items.slice(1)) item.prepend(icon("arrow"));
    this.root = element("section", { class: "stages-panel" },
      element("h3", { id: "stages-title" }, "What the network sees"),
      element("ol", { id: "stages", class: "stages", "aria-labelledby": "stages-title" }, ...items));
    this.#caption("ink", "ink", "The drawing");
    this.#caption("crop", "crop", "Cut out");
    this.#caption("scaled", "20 × 20", "Scaled");
    this.#caption("seen", "28 × 28", "Centred");
  }

  show({ seen, stages, frame }) {
    if (seen === null) {
      this.clear();
      return;
    }
    // A model of photos only scales them: there is no way to show, and no ink.
    this.root.classList.toggle("is-short", !stages);
    const { shape, values } = decode(seen);
    const [rows, columns] = shape[0] === 1 ? shape.slice(1) : shape;
    const { canvas } = this.#figures.seen;
    if (stages) paintGrey(canvas, values, [rows, columns]);
    else paintColour(canvas, shape.length === 3 && shape[2] === 3 ? values : greyAsColour(values), [rows, columns]);
    this.#caption("seen", `${rows} × ${columns}`, stages ? "Centred" : "Scaled");
    this.box.hidden = !stages;
    if (stages) this.#showStages(stages, frame);
  }

  /** Nothing is seen. */
  clear() {
    for (const { canvas } of Object.values(this.#figures)) paintGrey(canvas, new Uint8Array(1), [1, 1]);
    this.box.hidden = true;
  }

  #showStages({ ink, box: [top, left, bottom, right], scaled }, frame) {
    // Without an ink of its own it is the frame as it was sent.
    const { shape: [rows, columns], values } = ink ? decode(ink) : { shape: [frame.height, frame.width], values: frame.bytes };
    paintGrey(this.#figures.ink.canvas, values, [rows, columns]);
    // Pixels that can be counted stay sharp; of more than fit on the screen only the blend can be seen.
    this.#figures.ink.item.classList.toggle("is-small", Math.max(rows, columns) <= SMALL);
    this.#figures.crop.item.classList.toggle("is-small", Math.max(rows, columns) <= SMALL);
    const [height, width] = [bottom - top, right - left];
    const crop = new Uint8Array(height * width);
    for (let row = 0; row < height; row += 1) {
      const start = (top + row) * columns + left;
      crop.set(values.subarray(start, start + width), row * width);
    }
    if (crop.length > 0) paintGrey(this.#figures.crop.canvas, crop, [height, width]);
    // The frame is square and a picture need not be: it lies in the middle, as object-fit: contain puts it.
    const longer = Math.max(rows, columns);
    const place = { left: left + (longer - columns) / 2, top: top + (longer - rows) / 2, width, height };
    for (const [side, size] of Object.entries(place)) this.box.style[side] = `${(100 * size) / longer}%`;
    if (!scaled) return;
    const small = decode(scaled);
    paintGrey(this.#figures.scaled.canvas, small.values, small.shape);
    this.#caption("scaled", `${small.shape[0]} × ${small.shape[1]}`, "Scaled");
  }

  #caption(name, text, label) {
    const { canvas, caption } = this.#figures[name];
    if (caption.textContent !== text) caption.textContent = text;
    canvas.setAttribute("aria-label", `${label}, ${text}`);
  }
}

/** Bytes of grey as RGB. */
const greyAsColour = (values) => Uint8Array.from({ length: 3 * values.length }, (_, i) => values[Math.floor(i / 3)]);
