// The network's answer: the class in large type, and a bar for each class.

import { element } from "../../shared/base/dom.js";
import { announce } from "../../shared/base/messages.js";
import { isDigits, sameClasses } from "../../shared/server/models.js";
import { percent } from "../../shared/base/numbers.js";

/** Below this probability the answer also names the second-best class. */
const SURE = 0.9;

/** Milliseconds between two announcements to a screen reader. */
const SAY_EVERY = 1000;

/** The announcement for a sheet that was cleared; at the start there is none. */
const NOTHING = "Nothing drawn.";

/** A softmax never gives exactly 0 or 1: such a share was rounded. */
const unrounded = (share) => Math.min(Math.max(share, Number.MIN_VALUE), 1 - Number.EPSILON);

export class Answer {
  #classes = [];
  #bars = [];
  #said = NOTHING;
  #toSay = null;

  constructor() {
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
    if (sameClasses(classes, this.#classes)) return;
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

  /** The connection is lost: the answer may be for another drawing. The next answer ends this. */
  lose() {
    this.root.classList.add("is-stale");
    this.note.textContent = "Waiting for the network …";
  }

  /** Say why there is no answer. */
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
    const share = percent(unrounded(probabilities[best])); // as its bar shows it
    if (verdict === "unknown") {
      const doubt = isDigits(this.#classes) ? "Not a digit?" : "None of these?";
      return { name: "?", percent: doubt, note: `Most like ${name}`, said: `${doubt} Most like ${name}.` };
    }
    const isHigher = (i, than) => i !== best && probabilities[i] > (probabilities[than] ?? -1);
    const next = probabilities.reduce((second, _, i) => (isHigher(i, second) ? i : second), -1);
    const sure = probabilities[best] >= SURE || next < 0;
    const note = sure ? "" : `Not sure. It may also be ${this.#classes[next]} (${percent(unrounded(probabilities[next]))})`;
    return { name, percent: share, note, said: `${name}, ${share}. ${note}`.trim() };
  }

  /** Announce the newest answer, but leave a screen reader the time to finish. */
  #say(text) {
    const waiting = this.#toSay !== null;
    this.#toSay = text;
    if (waiting) return;
    setTimeout(() => {
      if (this.#toSay !== this.#said) announce(this.#toSay);
      this.#said = this.#toSay;
      this.#toSay = null;
    }, SAY_EVERY);
  }
}
