// Formulas, set from plain text: "y_k = Σ_j x_j W_jk + b_k".
//
// An index follows _ and an exponent ^, up to the next space or closing parenthesis. Variables (one letter, or d and one
// letter) are italic; words such as max are not.

import { element } from "../../shared/base/dom.js";

const INDEXED = /([_^])([^\s)]+)/u;
const NAME = /[\p{L}\p{M}]+/gu;
const VARIABLE = /^d?\p{L}[\p{M}\p{Lm}]*$/u;
const UPRIGHT = new Set(["Σ"]);

/** A formula as one element. A screen reader reads the plain text. */
export function formula(text) {
  const lines = text
    .replaceAll("-", "−")
    .split("\n")
    .map((line) => element("span", { class: "formula-line" }, ...line.split(/(\s+)/).flatMap(word)));
  return element("div", { class: "formula", role: "math", "aria-label": text.replaceAll("\n", "; ") }, ...lines);
}

/** One word of a formula, with its index or exponent. */
function word(text) {
  const found = INDEXED.exec(text);
  if (found === null) return names(text);
  const raised = found[1] === "^";
  return [
    ...names(text.slice(0, found.index)),
    raised ? element("sup", {}, ...word(found[2])) : element("sub", {}, found[2]),
    ...names(text.slice(found.index + found[0].length)),
  ];
}

/** Text with its variables in italics. */
function names(text) {
  const parts = [];
  let done = 0;
  for (const { 0: name, index } of text.matchAll(NAME)) {
    if (!VARIABLE.test(name) || UPRIGHT.has(name)) continue;
    parts.push(text.slice(done, index), element("i", {}, name));
    done = index + name.length;
  }
  parts.push(text.slice(done));
  return parts.filter((part) => part !== "");
}
