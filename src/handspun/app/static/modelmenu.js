// The menu of models in the head of the page, and what it says of the chosen one.

import { element } from "./dom.js";

export function connectModelMenu(models) {
  const select = document.getElementById("model");
  const about = document.getElementById("model-about");

  models.addEventListener("change", () => {
    select.replaceChildren(...models.list.map((model) => element("option", { value: model.name }, model.name)));
    select.value = models.current?.name ?? "";
    select.disabled = models.list.length === 0;
    if (models.current === null) return;
    about.textContent = describe(models.current);
    about.title = `${models.current.structure}, ${models.current.parameters.toLocaleString("en")} parameters`;
  });
  select.addEventListener("change", () => models.select(select.value));
}

/** "99.6 % · 28x28-16C5-…": how often it is right on its test set, where that is known, and how it is made. */
function describe({ accuracy, structure }) {
  const right = accuracy === null || accuracy === undefined ? "" : `${(100 * accuracy).toFixed(1)} % · `;
  return `${right}${structure.replace(/(\d)x(?=\d)/g, "$1×")}`;
}
