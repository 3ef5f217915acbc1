// The menu of models in the head of the page, and what it says of the chosen one.

import { element } from "../base/dom.js";

export function connectModelMenu(models) {
  const select = document.getElementById("model");
  const about = document.getElementById("model-about");

  models.addEventListener("change", () => {
    select.replaceChildren(...models.list.map((model) => element("option", { value: model.name }, model.name)));
    select.value = models.current?.name ?? "";
    select.disabled = models.list.length === 0;
    if (models.current === null) return;
    about.textContent = describe(models.current);
    about.title = select.title = tell(models.current);
  });
  select.addEventListener("change", () => models.select(select.value));
}

const size = ({ parameters }) => `${parameters.toLocaleString("en")} parameters`;

/** What one sees of it at a glance: "784-128-64-10" of a model that is dense alone, or "convolutional, 70,586 parameters". */
function describe(model) {
  if (/^\d+(-\d+)*$/.test(model.structure)) return model.structure;
  return `${model.layers.some(({ kind }) => kind === "Conv2D") ? "convolutional, " : ""}${size(model)}`;
}

/** All of it: how it is made, how large it is, and how often it is right on its test set, where that is known. */
function tell(model) {
  const { accuracy, structure } = model;
  const right = accuracy === null || accuracy === undefined ? "" : `, right about ${(100 * accuracy).toFixed(1)} % of its test images`;
  return `${structure.replace(/(\d)x(?=\d)/g, "$1×")}, ${size(model)}${right}`;
}
