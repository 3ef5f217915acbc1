// The models that can be asked, and the one that is.

import { get } from "./api.js";

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
