// One operation of the step: what happens in words, the arrays, and the source.

import { decode } from "../../shared/base/arrays.js";
import { element } from "../../shared/base/dom.js";
import { shapeText } from "../../shared/base/numbers.js";
import { Heatmap } from "../../shared/figures/heatmap.js";
import { line, list } from "./bars.js";
import { formula } from "./formula.js";
import { decimals, probability, withoutOne } from "./probabilities.js";
import { source } from "./source.js";
import { beforeAndAfter, parameterChanges } from "./update.js";

/** What the roles of arrays are called. */
const ROLES = { input: "in", parameter: "parameters", gradient: "gradients", output: "out" };

/** The longest side of an array, in pixels. */
const MOST = 416;

/**
 * Show an operation.
 * @param body the element that gets it
 * @param step one of the steps that the server found
 * @param found the server's answer, for what all steps share
 */
export function showOperation(body, step, found) {
  const isUpdate = step.phase === "update";
  body.classList.toggle("is-update", isUpdate);
  body.replaceChildren(
    element("section", { class: "step-words", "aria-label": "What happens" },
      element("p", { class: "step-place" },
        element("span", { class: "chip" }, step.phase), step.layer ? element("span", { class: "chip" }, step.layer) : null),
      element("h3", { class: "step-title" }, step.title),
      formula(step.formula),
      element("p", { class: "step-explanation" }, step.explanation),
      isUpdate ? beforeAndAfter(step, found) : null),
    element("section", { class: "step-arrays", "aria-label": "The numbers", tabindex: "-1" },
      ...(isUpdate ? changes(step, found) : arrays(step, found))),
    source(step.source),
  );
  const code = body.querySelector("pre");
  const first = code.querySelector(".is-working");
  if (first) code.scrollTop = first.offsetTop - code.clientHeight / 4;
}

function arrays(step, found) {
  return Object.entries(ROLES)
    .map(([role, title]) => [title, step.arrays.filter((each) => each.role === role)])
    .filter(([, some]) => some.length > 0)
    .map(([title, some]) => element("div", { class: `step-role ${some.length > 1 ? "has-many" : ""}` },
      element("h4", {}, title),
      element("div", { class: "step-figures" }, ...some.map((each) => figure(each, found)))));
}

/** The probabilities before and after the update, and the change of each parameter. */
function changes({ arrays: [before, after, ...parameters] }, found) {
  return [
    element("div", { class: "step-pair" }, figure(before, found), figure(after, found)),
    parameterChanges(parameters, found),
  ];
}

/** One array: as a picture, or with a row per class if it has a value for each class. */
function figure({ symbol, label, array }, { classes, label: right, picture_shape: picture }) {
  const isByClass = array.shape.length === 1 && array.shape[0] === classes.length && /^(p|t|d?z)$/.test(symbol);
  const shape = isByClass ? null : element("span", { class: "step-shape" }, shapeText(array.shape));
  return element("figure", { class: `step-figure ${isByClass ? "step-classes" : ""}` },
    element("figcaption", {}, element("i", {}, symbol), " ", label, " ", shape),
    isByClass ? byClass(symbol, decode(array).values, classes, right)
      : new Heatmap(array, { symbol, label: `${symbol}, ${label}`, picture, most: MOST }).root);
}

function byClass(symbol, values, classes, right) {
  const largest = Math.max(...values.map(Math.abs)) || 1;
  const texts = {
    p: (value, i) => probability(value, withoutOne(values, i)),
    t: (value) => String(value),
  };
  const text = texts[symbol] ?? decimals;
  return list(classes.map((name, i) => line(
    { class: i === right ? "is-right" : "" }, name, values[i] / largest, element("span", {}, text(values[i], i)))));
}
