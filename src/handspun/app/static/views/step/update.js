// The update: what it changes in the parameters, the probability of the right answer, and the loss.

import { decode } from "../../shared/base/arrays.js";
import { element } from "../../shared/base/dom.js";
import { percent, shapeText, short } from "../../shared/base/numbers.js";
import { Heatmap } from "../../shared/figures/heatmap.js";
import { line, list } from "./bars.js";
import { digitsApart, probability, withoutOne } from "./probabilities.js";

/** Above this probability of the right answer the step has almost nothing to do. */
const SURE = 0.99;

/** The longest side of an array, in pixels. */
const MOST = 184;

/** The probability of the right answer and the loss, before and after. */
export function beforeAndAfter({ arrays }, { classes, label, loss, loss_after: lossAfter }) {
  const shares = arrays.slice(0, 2).map(({ array }) => {
    const { values } = decode(array);
    return { share: values[label], others: withoutOne(values, label) };
  });
  const isSure = shares[0].share > SURE;
  return element("div", { class: "step-result" },
    element("h4", {}, `probability of ${classes[label]}`),
    pair("step", shares.map(({ share }) => share), written(shares)),
    element("h4", {}, "loss: −ln of this probability"),
    pair("step-loss", scaled([loss, lossAfter]), [loss, lossAfter].map((value) => short(value, digitsApart(loss, lossAfter)))),
    isSure ? element("p", { class: "step-hint", id: "step-hint" },
      `The network was already sure of ${classes[label]}, so there is almost nothing to learn. `
      + "Choose another right answer above to see it change its mind.") : null);
}

const pair = (test, shares, texts) => list(["before", "after"].map((name, i) => (
  line({ "data-test": `${test}-${name}` }, name, shares[i], element("strong", {}, texts[i])))));

/** Two probabilities as texts that differ: in per cent if that is enough. */
function written(shares) {
  const percents = shares.map(({ share }) => percent(share, 2));
  if (percents[0] !== percents[1] && !/[<>]/.test(percents.join(""))) return percents;
  const digits = digitsApart(...shares.map(({ others }) => others));
  return shares.map(({ share, others }) => probability(share, others, digits));
}

function scaled(values) {
  const most = Math.max(...values) || 1;
  return values.map((value) => value / most);
}

/** For each parameter: before the update, what is added, and after it. */
export function parameterChanges(arrays, { learning_rate: rate, picture_shape: picture }) {
  const groups = new Map();
  for (const each of arrays) groups.set(each.group, [...(groups.get(each.group) ?? []), each]);
  const figure = (label, { symbol, array }) => {
    const heat = new Heatmap(array, { symbol, label: `${symbol}, ${label}`, picture, most: MOST, signed: true });
    return element("figure", { class: "step-figure step-small" }, element("figcaption", {}, label), heat.root);
  };
  const sign = (text) => element("span", { class: "step-sign" }, text);
  const change = ([name, [before, gradient, after]]) => element("div", { class: "step-change" },
    element("h4", {}, name, " ", element("span", { class: "step-shape" }, shapeText(before.array.shape))),
    element("div", { class: "step-figures" },
      figure("before", before), sign("+"),
      figure("−η · gradient", added(gradient, rate)), sign("="),
      figure("after", after)));
  return element("div", { class: "step-changes" }, ...[...groups].map(change));
}

/** What an update by this gradient adds to its parameter. */
function added({ symbol, array }, rate) {
  const { shape, values } = decode(array);
  return { symbol: `−η·${symbol}`, array: { shape, values: values.map((value) => -rate * value) } };
}
