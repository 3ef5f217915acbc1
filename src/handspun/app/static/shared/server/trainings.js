// The trainings that the server remembers.

import { counted, duration, percent, whole } from "../base/numbers.js";
import { get } from "./api.js";

/** Whether a training is over. */
export const isFinished = ({ state }) => ["done", "stopped", "failed"].includes(state);

/** All trainings, the newest first. */
export const listTrainings = async () => (await get("api/runs")).runs;

/** The test accuracy; undefined if it is not known. */
export const testAccuracy = (result) => (result === null || result.accuracy === null ? undefined : percent(result.accuracy, 2));

/** One line that says how a training is going. */
export function statusLine({ state, progress, error, history }) {
  if (state === "failed") return error;
  if (state === "waiting") return "Loading the data …";
  if (state === "stopping") return "Stopping after this step, then evaluating the network …";
  if (state === "done" || state === "stopped") {
    return `${state === "done" ? "Done" : "Stopped"} after ${counted(history.length, "epoch")}.`;
  }
  if (progress === null) return "Training …";
  const epoch = `epoch ${progress.epoch} of ${progress.epochs}`;
  if (state === "paused") return `Paused in ${epoch}.`;
  return `${epoch} · ${whole(Math.round(progress.images_per_second))} images/s · ${duration(progress.seconds_left)} left`;
}
