// The settings of a training in words, and those in which trainings differ.

import { plain } from "../../shared/figures/linechart.js";
import { percent } from "../../shared/base/numbers.js";

/** Layers without which it would be another network in size; the others tell how they work together. */
const SIZED = {
  Dense: ({ units }) => units,
  Conv2D: ({ filters, kernel_size: size }) => `${filters}C${size}`,
  MaxPool2D: ({ size }) => `MP${size}`,
  AvgPool2D: ({ size }) => `AP${size}`,
  GlobalAvgPool: () => "GAP",
};

const number = (value) => plain(value, 6);

/** Hidden layers as the network's name has them, "16C5-MP2-128"; `units` are those that others than the page have asked for. */
function hidden({ layers, hidden: units }) {
  const sizes = layers.filter(({ kind }) => kind in SIZED).map((layer) => SIZED[layer.kind](layer));
  return [...sizes, ...units].join("-");
}

/** What else there is, each kind once: "dropout 0.3, relu". Where pictures become rows is clear from the rest. */
function between({ layers }) {
  const others = layers.filter(({ kind }) => !(kind in SIZED) && kind !== "Flatten");
  const names = others.map(({ kind, rate }) => (rate === undefined ? kind : `${kind} ${number(rate)}`).toLowerCase());
  return [...new Set(names)].join(", ");
}

const deformed = ({ augment }) => Object.entries(augment ?? {}).map(([name, value]) => `${name} ${number(value)}`).join(", ");

/**
 * What is chosen on the page, in the order of its form: what it is called, its value in words ("" for none), and both in so few
 * words that several fit in a line.
 */
const WORDS = [
  { name: "data", of: ({ data }) => data },
  { name: "hidden layers", of: hidden, short: (value) => value || "no hidden layer" },
  { name: "other layers", of: between, short: (value) => value || "no other layers" },
  { name: "optimizer", of: ({ optimizer }) => optimizer },
  { name: "learning rate", of: ({ learning_rate: rate }) => number(rate), short: (value) => `rate ${value}` },
  { name: "schedule", of: ({ schedule }) => schedule.name.replaceAll("-", " ") },
  { name: "images a step", of: ({ batch_size: size }) => number(size), short: (value) => `${value} a step` },
  { name: "held out", of: ({ validation }) => percent(validation, 0), short: (value) => `${value} held out` },
  {
    name: "weight decay",
    of: ({ weight_decay: decay }) => (decay > 0 ? number(decay) : ""),
    short: (value) => (value ? `decay ${value}` : "no decay"),
  },
  { name: "seed", of: ({ seed }) => String(seed), short: (value) => `seed ${value}` },
  { name: "deformed by", of: deformed, short: (value) => value || "not deformed" },
];

/** Names and values of the settings; without those that have none, and the hidden layers, which the network's name tells. */
export function inWords(settings) {
  return WORDS.map(({ name, of }) => [name, of(settings)]).filter(([name, value]) => value !== "" && name !== "hidden layers");
}

/** The value that more than half of all have; undefined where none is so common. */
function usual(values) {
  return values.find((value) => 2 * values.filter((other) => other === value).length > values.length);
}

/**
 * For each training a short name by the settings in which it differs: "sgd, rate 0.1". What most have in common is not said of
 * them; one that has nothing else is "as most". "" for all where none differ.
 * @param besides names of settings that are left out, for they stand elsewhere
 */
export function differences(allSettings, besides = []) {
  const differing = WORDS.filter(({ name }) => !besides.includes(name))
    .map(({ of, short = (value) => value }) => ({ values: allSettings.map(of), short }))
    .filter(({ values }) => new Set(values).size > 1);
  return allSettings.map((_, i) => {
    const own = differing.filter(({ values }) => values[i] !== usual(values)).map(({ values, short }) => short(values[i]));
    return own.join(", ") || (differing.length > 0 ? "as most" : "");
  });
}
