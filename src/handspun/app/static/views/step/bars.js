// Lists of values with bars.

import { element } from "../../shared/base/dom.js";

export const list = (lines) => element("ul", {}, ...lines);

/**
 * A name, a bar, and the value in words.
 * @param share from -1 to 1: the length of the bar, and whether it is negative
 */
export function line(attributes, name, share, value) {
  const bar = element("span", { class: `step-bar ${share < 0 ? "is-negative" : ""}`, "aria-hidden": "true" });
  bar.style.width = `${100 * Math.abs(share)}%`;
  return element("li", attributes, element("span", {}, name), element("span", { class: "step-track" }, bar), value);
}
