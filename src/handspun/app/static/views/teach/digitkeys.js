// "What was it meant to be?", with a key for each digit.

import { button } from "../../shared/base/controls.js";
import { element } from "../../shared/base/dom.js";
import { percent } from "../../shared/base/numbers.js";
import { DIGITS } from "../../shared/drawing/tray.js";

export class DigitKeys {
  constructor(onKey) {
    this.said = element("p", { class: "soft", id: "teach-guess" });
    this.keys = element("div", { class: "keys", id: "teach-keys", role: "group", "aria-labelledby": "teach-question" },
      ...DIGITS.map((name, label) => button(name, () => onKey(label), { class: "key", "data-test": `teach-${label}` })));
    this.root = element("section", { class: "teach-keys" },
      element("h3", { id: "teach-question" }, "What was it meant to be?"), this.keys, this.said);
  }

  /** Whether the keys only say why they do nothing. Not disabled: a disabled button would lose the keyboard's focus. */
  setRefused(refused) {
    for (const key of this.keys.children) key.setAttribute("aria-disabled", refused);
  }

  say(text) {
    if (this.said.textContent !== text) this.said.textContent = text;
  }

  /** Say what the model takes the drawing for; the answer is null until it arrives. */
  guess(answer) {
    if (answer === null || answer.verdict === "empty") {
      this.say("Draw, then choose the right answer or press its key.");
      return;
    }
    const { model, verdict, class: best, classes, probabilities } = answer;
    if (verdict === "unknown") this.say(`${model} does not recognize it; it looks most like ${classes[best]}.`);
    else this.say(`${model} takes it for ${classes[best]} (${percent(probabilities[best])}).`);
  }
}
