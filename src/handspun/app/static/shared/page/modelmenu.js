// The menu of models in the page's header, with a few words about the chosen one.

import { options } from "../base/controls.js";
import { counted, structureText } from "../base/numbers.js";

export function connectModelMenu(models) {
  const menu = document.getElementById("model");
  const about = document.getElementById("model-about");

  models.addEventListener("change", () => {
    menu.replaceChildren(...options(models.list));
    menu.value = models.current?.name ?? "";
    menu.disabled = models.list.length === 0;
    if (models.current === null) return;
    about.textContent = inShort(models.current);
    about.title = menu.title = inFull(models.current);
  });
  menu.addEventListener("change", () => models.select(menu.value));
}

const size = ({ parameters }) => counted(parameters, "parameter");

/** "784-128-64-10" for a dense network, otherwise "convolutional, 70,586 parameters". */
function inShort(model) {
  if (/^\d+(-\d+)*$/.test(model.structure)) return model.structure;
  return `${model.layers.some(({ kind }) => kind === "Conv2D") ? "convolutional, " : ""}${size(model)}`;
}

/** The structure, the size, and the test accuracy if it is known. */
function inFull(model) {
  const { accuracy, structure } = model;
  const known = accuracy === null || accuracy === undefined ? "" : `, about ${(100 * accuracy).toFixed(1)} % test accuracy`;
  return `${structureText(structure)}, ${size(model)}${known}`;
}
