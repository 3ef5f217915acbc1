// Following a training: the server sends what happens in it, and its state here is always the newest.

import { toast } from "../base/messages.js";
import { get, post } from "./api.js";
import { isFinished } from "./trainings.js";

/** How many points of the curve are kept: as many as on the server (runs/run.py), so a reload shows the same curve. */
const MOST_POINTS = 400;

/** Events: "change"; "gone" (the server no longer knows the training). */
export class Follower extends EventTarget {
  /** The training as GET /api/runs/{id} returns it. */
  run;
  #source = null;

  constructor(run) {
    super();
    this.run = run;
    document.addEventListener("visibilitychange", this.#turn);
    this.#turn();
  }

  get id() { return this.run.id; }
  get finished() { return isFinished(this.run); }

  /** Take the answer to a request. What it leaves out does not change. If newer events came first, they win. */
  #take(run) {
    if (run.revision < this.run.revision) return;
    this.run = { ...run, weights: run.weights ?? this.run.weights };
    this.#changed();
  }

  /** Ask the server to "pause", "resume" or "stop" the training, or to "keep" or "discard" its model. */
  async steer(action) {
    try {
      this.#take(await post(`api/runs/${this.id}/${action}`));
    } catch (error) {
      // A finished training sends no events: another tab may have kept or discarded its model.
      if (error.status === 409) this.#take(await get(`api/runs/${this.id}`).catch(() => this.run));
      if (action !== "keep" || this.run.model === null) toast(error.message, "error");
    }
  }

  /** Choose its model, after keeping it if need be. Returns whether it is chosen now. */
  async use(models) {
    if (this.run.model === null) await this.steer("keep");
    const { model } = this.run;
    if (model === null) return false;
    try {
      await models.refresh();
    } catch (error) {
      toast(`${model} is kept, but cannot be chosen yet. ${error.message}`, "error");
      return false;
    }
    return models.select(model);
  }

  /** Stop listening. */
  close() {
    document.removeEventListener("visibilitychange", this.#turn);
    this.#hush();
  }

  // A browser has six connections to a server for all its tabs together, so a hidden tab gives up its own. When it listens
  // again, the server first sends the whole state.
  #turn = () => {
    this.#hush();
    if (!document.hidden) this.#listen();
  };

  #hush() {
    this.#source?.close();
    this.#source = null;
  }

  #listen() {
    const source = new EventSource(`api/runs/${this.id}/events`);
    this.#source = source;
    const on = (name, take) => source.addEventListener(name, (event) => {
      take(JSON.parse(event.data));
      this.#changed();
    });
    on("run", (run) => {
      this.run = run;
      if (this.finished) this.close();
    });
    on("progress", ({ point, ...progress }) => {
      this.run.progress = progress;
      if (this.run.trace.length >= MOST_POINTS) this.run.trace = this.run.trace.filter((_, i) => i % 2 === 0);
      this.run.trace.push(point);
    });
    on("epoch", ({ record, weights, confusion }) => {
      this.run.history.push(record);
      Object.assign(this.run, { weights, confusion });
    });
    on("weights", ({ weights }) => { this.run.weights = weights; });
    source.addEventListener("error", () => {
      // The browser reconnects by itself, unless the server said that there is no such training.
      if (source.readyState !== EventSource.CLOSED) return;
      this.close();
      this.dispatchEvent(new Event("gone"));
    });
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
