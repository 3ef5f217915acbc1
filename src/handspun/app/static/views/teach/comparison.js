// The old and the new model side by side.

import { element, fill } from "../../shared/base/dom.js";
import { fillTable } from "../../shared/base/tables.js";
import { percent, whole } from "../../shared/base/numbers.js";
import { thumbnail } from "../../shared/figures/thumbnail.js";

/**
 * Show how both models answer the drawings of the lesson and the held-out digits.
 * @param root the element that gets it
 * @param drawings of the lesson, in the order of the answers; empty if they are not known
 * @param decision the buttons, placed below what they are about; null once it is decided
 */
export function showComparison(root, { result, classes }, drawings, decision) {
  const { old, new: fresh, answers, data, images, seen } = result;
  const rows = [
    ["your drawings", old.drawings, fresh.drawings, answers.length],
    [`${whole(images)} held-out digits of ${data}`, old.held_out, fresh.held_out, images],
  ].map(([name, before, after, total]) => element("tr", {}, element("th", { scope: "row" }, name),
    ...[before, after].map((share) => element("td", {}, element("strong", {}, percent(share)),
      element("span", { class: "soft" }, ` ${whole(Math.round(share * total))} right`)))));
  const table = fillTable(element("table", { class: "comparison", "data-test": "comparison" }),
    element("caption", { class: "sr-only" }, "Right answers of the old and the new model"), [null, "old", "new"], rows);
  const cards = answers.map(({ label, old: before, new: after }, i) => element("li", { class: "card" },
    drawings[i] ? thumbnail(drawings[i].pixels) : element("span", { class: "thumbnail" }),
    said("old", before, label, classes), said("new", after, label, classes)));
  const note = seen && element("p", { class: "soft small", id: "teach-seen" }, seen);
  fill(root, table, note, decision,
    element("div", {
      class: "cards-scroll", role: "region", tabindex: "0", "aria-label": "Both models' answers to your drawings",
    }, element("ul", { class: "cards" }, ...cards)));
}

/** What one model says about a drawing, and whether it is right. */
function said(which, { class: best, probability, verdict }, label, classes) {
  const right = best === label;
  const answer = verdict === "unknown" ? `${classes[best]}?` : classes[best] ?? "nothing";
  return element("span", { class: `said ${right ? "is-right" : "is-wrong"}` },
    element("span", { class: "soft" }, which), " ",
    element("strong", {}, answer), ` ${percent(probability, 0)} `,
    element("span", { "aria-hidden": "true" }, right ? "✓" : "✗"),
    element("span", { class: "sr-only" }, right ? "right" : "wrong"));
}
