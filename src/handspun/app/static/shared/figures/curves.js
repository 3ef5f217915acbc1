// The curves of a training: loss and accuracy, of the training and the validation images.

import { percent, plain } from "../base/numbers.js";
import { LineChart } from "./linechart.js";

const axis = (label) => ({ label, low: 0, format: plain });

/** A chart of accuracies, along epochs unless `x` names something else. */
export function accuracyChart(container, { title = "Accuracy", test, x = "epochs" }) {
  const y = { label: "right answers", high: 1, format: (share) => percent(share) };
  return new LineChart(container, { title, test, x: axis(x), y });
}

export class Curves {
  /** @param test the names of the charts for tests begin with it */
  constructor(container, { test, x = "epochs" }) {
    const y = { label: "cross-entropy", unit: "nats", low: 0, format: (loss) => plain(loss, 2) };
    this.loss = new LineChart(container, { title: "Loss", test: `${test}-loss`, x: axis(x), y });
    this.accuracy = accuracyChart(container, { test: `${test}-accuracy`, x });
  }

  /** @param pointsOf (set, measure) → points: set "training" or "validation", measure "loss" or "accuracy" */
  update(pointsOf) {
    for (const measure of ["loss", "accuracy"]) {
      this[measure].update([
        { name: "training", style: "first", points: pointsOf("training", measure) },
        { name: "validation", style: "second-dots", points: pointsOf("validation", measure) },
      ]);
    }
  }
}

/** The mean of each point and the few before it, because the values of single batches vary a lot. */
export function smooth(points, over = 5) {
  return points.map(([x], i) => {
    const near = points.slice(Math.max(0, i - over + 1), i + 1);
    return [x, near.reduce((sum, [, y]) => sum + y, 0) / near.length];
  });
}
