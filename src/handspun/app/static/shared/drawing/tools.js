// The tools under a sheet.

import { fileInput, iconButton } from "../base/controls.js";
import { element, icon } from "../base/dom.js";
import { WIDTHS } from "./drawing.js";
import { openPicture } from "./pictures.js";

let count = 0; // each sketchpad has its own radio groups

/** Pen widths; eraser, undo, redo, clear; freehand or pixels; open a picture. */
export function makeTools(drawing) {
  count += 1;
  const choice = (group, test, value, label, content, onchange) => element("label", { class: "segment", title: label },
    element("input", { type: "radio", name: `${group}-${count}`, value, "data-test": test, "aria-label": label, onchange }),
    ...content);
  const tool = (name, symbol, label, act) => iconButton(symbol, label, act, { "data-test": name });

  const widths = Object.entries(WIDTHS).map(([name, width]) =>
    choice("width", `width-${name}`, width, `${name} pen`, [icon(`pen-${name}`)], () => drawing.setTool({ width })));
  const mode = (name, label, content) => choice("mode", `mode-${name}`, name, label, content, () => drawing.setMode(name));
  const modes = [
    mode("freehand", "Freehand", withText("freehand", "Freehand")),
    mode("pixels", "Pixels 28 × 28", withText("grid", "Pixels")),
  ];
  const eraser = tool("eraser", "eraser", "Eraser", () => drawing.setTool({ erase: !drawing.erase }));
  const undo = tool("undo", "undo", "Undo (Z)", () => drawing.undo());
  const redo = tool("redo", "redo", "Redo (Y)", () => drawing.redo());
  const clear = tool("clear", "clear", "Clear (C)", () => drawing.clear());
  const file = fileInput("image/*", (picture) => openPicture(picture, drawing), { "aria-hidden": "true", "data-test": "file" });
  const open = tool("open", "picture", "Open picture", () => file.click());
  open.replaceChildren(...withText("picture", "Open picture"));
  open.classList.add("with-text");

  const show = () => {
    for (const input of [...widths, ...modes].map((label) => label.querySelector("input"))) {
      input.checked = input.value === drawing.mode || Number(input.value) === drawing.width;
    }
    eraser.setAttribute("aria-pressed", drawing.erase);
    // Not disabled: a disabled button would lose the keyboard's focus.
    undo.setAttribute("aria-disabled", !drawing.canUndo);
    redo.setAttribute("aria-disabled", !drawing.canRedo);
    clear.setAttribute("aria-disabled", drawing.isEmpty);
  };
  // A growing stroke changes none of them.
  drawing.addEventListener("change", ({ detail }) => (detail === null || detail.from === 0) && show());
  drawing.addEventListener("tool", show);
  show();

  return element("div", { class: "tools", role: "group", "aria-label": "Drawing tools" },
    element("div", { class: "tool-group segments", role: "radiogroup", "aria-label": "Pen width" }, ...widths),
    element("div", { class: "tool-group" }, eraser, undo, redo, clear),
    element("div", { class: "tool-group segments", role: "radiogroup", "aria-label": "Drawing mode" }, ...modes),
    element("div", { class: "tool-group" }, file, open));
}

/** An icon, with a word if there is room. */
const withText = (symbol, text) => [icon(symbol), element("span", { class: "tool-text" }, text)];
