// The models that can be asked, and the one that is.

import { get } from "./api.js";

/** Whether the classes are digits: then what is none of them has a name. */
export const isDigits = (classes) => classes.every((name) => /^\d$/.test(name));

/** Rows and columns of what strokes are brought to, unless a model says otherwise. */
const STROKES = [28, 28];

/**
 * Whether a model sees what the usual digits are brought to, one value for each of 28 × 28 pixels. Only its first answer to a
 * drawing tells for sure whether it looks at strokes, or at pictures that are only scaled.
 */
export const seesStrokes = ({ input_shape: input, picture_shape: picture }) =>
  String(picture) === String(STROKES) && input.reduce((a, b) => a * b, 1) === STROKES[0] * STROKES[1];

/** Events: "change", whenever the list or the chosen model is another. */
export class Models extends EventTarget {
  /** All models as GET /api/models tells them. */
  list = [];
  /** The chosen one; null until the list is there. */
  current = null;

  async refresh() {
    const answer = await get("/api/models");
    if (JSON.stringify(answer.models) === JSON.stringify(this.list)) return;
    this.list = answer.models;
    const find = (name) => this.list.find((model) => model.name === name);
    // A model can go while it is chosen (a discarded training does): then the default takes its place.
    this.current = find(this.current?.name) ?? find(answer.default) ?? this.list[0] ?? null;
    this.dispatchEvent(new Event("change"));
  }

  /** Choose a model by its name; whether there is one. */
  select(name) {
    const model = this.list.find((one) => one.name === name);
    if (!model) return false;
    if (model === this.current) return true;
    this.current = model;
    this.dispatchEvent(new Event("change"));
    return true;
  }
}
