// The settings of a training in words, and those in which several trainings differ.

import { percent, plain } from "../../shared/base/numbers.js";

/** Layers that set the size of a network, as written in its name. */
const SIZED = {
  Dense: ({ units }) => units,
  Conv2D: ({ filters, kernel_size: size }) => `${filters}C${size}`,
  MaxPool2D: ({ size }) => `MP${size}`,
  AvgPool2D: ({ size }) => `AP${size}`,
  GlobalAvgPool: () => "GAP",
};

const number = (value) => plain(value, 6);

/** Hidden layers as in the name of the network: "16C5-MP2-128". `units` are hidden layers that were set elsewhere. */
function hidden({ layers, hidden: units }) {
  const sizes = layers.filter(({ kind }) => kind in SIZED).map((layer) => SIZED[layer.kind](layer));
  return [...sizes, ...units].join("-");
}

/** All other layers, each kind once: "dropout 0.3, relu". Flatten is clear from the rest. */
function between({ layers }) {
  const others = layers.filter(({ kind }) => !(kind in SIZED) && kind !== "Flatten");
  const names = others.map(({ kind, rate }) => (rate === undefined ? kind : `${kind} ${number(rate)}`).toLowerCase());
  return [...new Set(names)].join(", ");
}

const augmented = ({ augment }) => Object.entries(augment ?? {}).map(([name, value]) => `${name} ${number(value)}`).join(", ");

/** The settings in the order of the form: name, value in words ("" for none), and both in few words, for lines with several. */
const WORDS = [
  { name: "data", of: ({ data }) => data },
  { name: "hidden layers", of: hidden, short: (value) => value || "no hidden layer" },
  { name: "other layers", of: between, short: (value) => value || "no other layers" },
  { name: "optimizer", of: ({ optimizer }) => optimizer },
  { name: "learning rate", of: ({ learning_rate: rate }) => number(rate), short: (value) => `rate ${value}` },
  { name: "schedule", of: ({ schedule }) => schedule.name.replaceAll("-", " ") },
  { name: "batch size", of: ({ batch_size: size }) => number(size), short: (value) => `batch ${value}` },
  { name: "validation", of: ({ validation }) => percent(validation, 0), short: (value) => `${value} validation` },
  {
    name: "weight decay",
    of: ({ weight_decay: decay }) => (decay > 0 ? number(decay) : ""),
    short: (value) => (value ? `decay ${value}` : "no decay"),
  },
  { name: "seed", of: ({ seed }) => String(seed), short: (value) => `seed ${value}` },
  { name: "augmentation", of: augmented, short: (value) => value || "no augmentation" },
];

/** [name, value] of each setting that has one. The hidden layers are left out: the network's name has them. */
export function inWords(settings) {
  return WORDS.map(({ name, of }) => [name, of(settings)]).filter(([name, value]) => value !== "" && name !== "hidden layers");
}

/** The value that more than half of them have; undefined if there is none. */
function usual(values) {
  return values.find((value) => 2 * values.filter((other) => other === value).length > values.length);
}

/**
 * A short name for each training, made of the settings in which it differs from most others: "sgd, rate 0.1". One without any
 * is "as most". If no two differ, all names are "".
 * @param besides names of settings to leave out, because they are shown elsewhere
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
