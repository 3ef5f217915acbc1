// Tables and definition lists.

import { element, fill } from "./dom.js";

/** The rows of a definition list: [[name, value], …]. */
export function definitions(facts, attributes = {}) {
  return element("dl", attributes, ...facts.map(([name, value]) => (
    element("div", {}, element("dt", {}, name), element("dd", {}, value)))));
}

/** Fill a table. Its heads are texts or null for an empty corner; each row is a <tr>. */
export function fillTable(table, caption, heads, rows) {
  const cells = heads.map((head) => (head === null ? element("td") : element("th", { scope: "col" }, head)));
  return fill(table, caption, element("thead", {}, element("tr", {}, ...cells)), element("tbody", {}, ...rows));
}

/** A table in a box that scrolls sideways, also by key. */
export function scrollable(label, table) {
  return element("div", { class: "table-scroll", role: "region", "aria-label": label, tabindex: "0" }, table);
}
