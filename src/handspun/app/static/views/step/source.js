// The lines of handspun's source that do an operation.

import { element } from "../../shared/base/dom.js";

/** @param found {file, first_line, lines, highlight}: `highlight` has the numbers of the lines that do it */
export function source({ file, first_line: first, lines, highlight }) {
  const working = new Set(highlight);
  const rows = lines.map((text, i) => {
    const comment = commentIn(text);
    const row = element("span", { class: `code-line ${working.has(first + i) ? "is-working" : ""}` },
      element("span", { class: "code-number", "aria-hidden": "true" }, String(first + i)),
      element("span", { class: "code-text" },
        text.slice(0, comment), element("span", { class: "code-comment" }, text.slice(comment)), "\n"));
    row.style.setProperty("--indent", `${indentOf(text)}ch`);
    return row;
  });
  return element("section", { class: "step-source", "aria-label": "The source" },
    element("p", { class: "step-file" }, `${file}:${highlight[0] ?? first}`),
    element("pre", { tabindex: "0", role: "region", "aria-label": `Source, ${file}` }, element("code", {}, ...rows)));
}

/** The indent of a line where it wraps: four more than its own. */
function indentOf(line) {
  return line.length - line.trimStart().length + 4;
}

/** The start of the comment in a line of Python: the first # outside of a string. */
function commentIn(line) {
  let quote = null;
  for (let i = 0; i < line.length; i += 1) {
    if (quote !== null) {
      if (line[i] === quote) quote = null;
    } else if (line[i] === '"' || line[i] === "'") quote = line[i];
    else if (line[i] === "#") return i;
  }
  return line.length;
}
