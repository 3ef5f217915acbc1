// Following a training: the server tells what happens in it, and its state here is always the newest.

import { get, post } from "./api.js";

export const FINISHED = ["done", "stopped", "failed"];

/** Points of the curve that are kept, as the server keeps them (run.py): so that it is the same after a reload. */
const MOST_POINTS = 400;

/** Whether a training is over. */
export const isFinished = (run) => FINISHED.includes(run.state);

/**
 * Events: "change" (detail: which part is new: "run", "progress", "epoch" or "weights"), "gone" (the server does not know it any more).
 */
export class Follower extends EventTarget {
  /** The training as GET /api/runs/{id} tells it. */
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

  /** Put the answer to a request in place; what it does not tell stays. Events may have overtaken it, and then they count. */
  take(run) {
    if (run.revision < this.run.revision) return;
    this.run = { ...run, weights: run.weights ?? this.run.weights };
    this.#tell("run");
  }

  /** Ask it to "pause", "resume" or "stop", or the server to "keep" or "discard" it; what is against that goes to `toast`. */
  async steer(action, toast) {
    try {
      this.take(await post(`api/runs/${this.id}/${action}`));
    } catch (error) {
      // Of a training that is over nothing is told any more: another tab may have kept or discarded it.
      if (error.status === 409) this.take(await get(`api/runs/${this.id}`).catch(() => this.run));
      if (action !== "keep" || this.run.model === null) toast(error.message, "error");
    }
  }

  /** Let its model answer everywhere, and keep it for that if it is not kept yet. Whether it does. */
  async use({ models, toast }) {
    if (this.run.model === null) await this.steer("keep", toast);
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

  /** Listen no more. */
  close() {
    document.removeEventListener("visibilitychange", this.#turn);
    this.#hush();
  }

  // A browser has six lines to a server for all its tabs together: one that nobody looks at leaves its line to the others. Who
  // listens again is told the whole state first.
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
      this.#tell(name);
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
      // The browser tries again by itself, unless the server said that there is no such training.
      if (source.readyState !== EventSource.CLOSED) return;
      this.close();
      this.dispatchEvent(new Event("gone"));
    });
  }

  #tell(part) {
    this.dispatchEvent(new CustomEvent("change", { detail: part }));
  }
}

/** All trainings that the server remembers, the newest first. */
export const listRuns = async () => (await get("api/runs")).runs;

/** Seconds as a person says them: 0.3 s, 8 s, 2 min 5 s. */
export function duration(seconds) {
  if (seconds < 1) return `${Number(seconds.toPrecision(1))} s`; // what took some time did not take 0 s
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** The line that says how a training is going. */
export function statusLine(run) {
  const { state, progress, error } = run;
  if (state === "failed") return error;
  if (state === "waiting") return "Loading the data …";
  if (state === "stopping") return "Stopping after this step, then judging what was learned …";
  const epochs = `${run.history.length} ${run.history.length === 1 ? "epoch" : "epochs"}`;
  if (state === "done" || state === "stopped") return `${state === "done" ? "Done" : "Stopped"} after ${epochs}.`;
  if (progress === null) return "Training …";
  const speed = `${Math.round(progress.images_per_second).toLocaleString("en")} images/s`;
  const where = `epoch ${progress.epoch} of ${progress.epochs}`;
  return state === "paused" ? `Paused in ${where}.` : `${where} · ${speed} · ${duration(progress.seconds_left)} left`;
}
