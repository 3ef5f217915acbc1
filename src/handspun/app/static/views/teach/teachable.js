// Which models can be taught.

import { DIGITS } from "../../shared/drawing/tray.js";
import { sameClasses, seesStrokes } from "../../shared/server/models.js";

/** Why a model of photos or of other sizes cannot be taught. */
export const otherPictures = (name) =>
  `${name} does not read strokes. The tray holds only strokes: light on black, 28 × 28 pixels.`;

/**
 * Why a model cannot be taught with the drawings in the tray; "" if it can.
 * @param answer its answer to the present drawing, which shows what it sees; null while there is none
 */
export function whyNot(model, answer) {
  if (model === null) return "";
  if (!sameClasses(model.classes, DIGITS)) {
    return `${model.name} does not recognize digits. Only models of the ten digits can be taught.`;
  }
  const seesOthers = answer !== null && answer.verdict !== "empty" && !answer.stages;
  return seesOthers || !seesStrokes(model) ? otherPictures(model.name) : "";
}
