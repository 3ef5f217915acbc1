// What the network answers: the class in large, and a bar for each.

import { element } from "../../shared/base/dom.js";
import { isDigits } from "../../shared/server/models.js";
import { percent } from "../../shared/base/numbers.js";

/** Below this probability the answer also names the next best class. */
const SURE = 0.9;

/** Milliseconds between two things said to a screen reader. */
const SAY_EVERY = 1000;

/** What is said of an empty sheet; not at the start, when everybody knows. */
const NOTHING = "Nothing drawn.";

/** A softmax never gives quite 0 or 1: where a share is, it was only rounded. */
const unrounded = (share) => Math.min(Math.max(share, Number.MIN_VALUE), 1 - Number.EPSILON);

/** The answer in large, and a bar for each class. */
export class Answer {
  #classes = [];
  #bars = [];
  #said = NOTHING;
  #toSay = null;

  constructor(announce) {
    this.announce = announce;
    this.name = element("output", { id: "answer", class: "answer-name", "aria-live": "off" });
    this.percent = element("p", { id: "answer-percent", class: "answer-percent" });
    this.note = element("p", { id: "answer-note", class: "answer-note" }, "Waiting for the network …");
    this.list = element("ul", { id: "bars", class: "bars", "aria-label": "Probability of each class" });
    this.root = element("section", {
      class: "answer", "aria-label": "Answer", "data-test": "answer", "data-verdict": "waiting",
    }, element("div", { class: "answer-head" }, this.name, element("div", {}, this.percent, this.note)), this.list);
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
        element("span", { class: "bar-value" }, value));
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
      const text = probabilities === null ? "" : percent(unrounded(share));
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

  /** There is no answer, and why. */
  fail(sentence) {
    this.show({ verdict: "empty", class: null, classes: this.#classes, probabilities: null });
    this.root.dataset.verdict = "failed";
    this.note.textContent = sentence;
    this.#say(sentence);
  }

  #describe(verdict, best, probabilities) {
    if (verdict === "empty") {
      return { name: "", percent: "", note: "The answer appears here while you draw.", said: NOTHING };
    }
    const name = this.#classes[best];
    const share = percent(unrounded(probabilities[best])); // as its bar says it
    if (verdict === "unknown") {
      const doubt = isDigits(this.#classes) ? "Not a digit?" : "None of these?";
      return { name: "?", percent: doubt, note: `Most like ${name}`, said: `${doubt} Most like ${name}.` };
    }
    const next = probabilities.reduce((second, value, i) => (i !== best && value > (probabilities[second] ?? -1) ? i : second), -1);
    const sure = probabilities[best] >= SURE || next < 0;
    const note = sure ? "" : `Not sure. It may be ${this.#classes[next]} (${percent(unrounded(probabilities[next]))})`;
    return { name, percent: share, note, said: `${name}, ${share}. ${note}`.trim() };
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
