// The models that the server has, and the chosen one.

import { get } from "./api.js";

export const sameClasses = (one, other) => one.join("\n") === other?.join("\n");

/** Whether all classes are digits. */
export const isDigits = (classes) => classes.every((name) => /^\d$/.test(name));

/** [rows, columns] to which strokes are scaled. */
const STROKES = [28, 28];

/**
 * Whether a model may look at strokes: it sees one value for each of 28 × 28 pixels. Only its first answer to a drawing shows
 * whether it does, or looks at pictures that are only scaled.
 */
export const seesStrokes = ({ input_shape: input, picture_shape: picture }) =>
  String(picture) === String(STROKES) && input.reduce((a, b) => a * b, 1) === STROKES[0] * STROKES[1];

/** Events: "change", when the list or the chosen model changes. */
export class Models extends EventTarget {
  /** All models as GET /api/models returns them. */
  list = [];
  /** The chosen one; null until the list is there. */
  current = null;

  async refresh() {
    const answer = await get("/api/models");
    if (JSON.stringify(answer.models) === JSON.stringify(this.list)) return;
    this.list = answer.models;
    // The chosen model may be gone (that of a discarded training is). Then the default replaces it.
    this.current = this.#find(this.current?.name) ?? this.#find(answer.default) ?? this.list[0] ?? null;
    this.dispatchEvent(new Event("change"));
  }

  /** Choose a model by its name. Returns whether there is one. */
  select(name) {
    const model = this.#find(name);
    if (model === undefined) return false;
    if (model !== this.current) {
      this.current = model;
      this.dispatchEvent(new Event("change"));
    }
    return true;
  }

  #find(name) {
    return this.list.find((model) => model.name === name);
  }
}
