// The tools under a sheet.

import { element, icon } from "../base/dom.js";
import { WIDTHS } from "./drawing.js";
import { openPicture } from "./pictures.js";
import { toast } from "../base/messages.js";

let count = 0; // radio buttons of one sketchpad must not switch those of another

/** Pen widths, eraser, undo, redo, clear; freehand or pixels; open a picture. */
export function makeTools(drawing) {
  count += 1;
  const choice = (group, name, value, label, content, choose) => {
    const input = element("input", { type: "radio", name: `${group}-${count}`, value, "data-test": name, "aria-label": label });
    input.addEventListener("change", choose);
    return element("label", { class: "segment", title: label }, input, content);
  };

  const widths = Object.entries(WIDTHS).map(([name, width]) =>
    choice("width", `width-${name}`, width, `${name} pen`, icon(`pen-${name}`), () => drawing.setTool({ width })));
  const modes = [
    choice("mode", "mode-freehand", "freehand", "Freehand", content("freehand", "Freehand"), () => drawing.setMode("freehand")),
    choice("mode", "mode-pixels", "pixels", "Pixels 28 × 28", content("grid", "Pixels"), () => drawing.setMode("pixels")),
  ];
  const eraser = button("eraser", "eraser", "Eraser", () => drawing.setTool({ erase: !drawing.erase }));
  const undo = button("undo", "undo", "Undo (Z)", () => drawing.undo());
  const redo = button("redo", "redo", "Redo (Y)", () => drawing.redo());
  const clear = button("clear", "clear", "Clear (C)", () => drawing.clear());
  const file = element("input", {
    type: "file", accept: "image/*", class: "sr-only", tabindex: "-1", "aria-hidden": "true", "data-test": "file",
  });
  file.addEventListener("change", () => {
    if (file.files.length > 0) openPicture(file.files[0], drawing, toast);
    file.value = ""; // the same file can be opened again
  });
  const open = button("open", "picture", "Open picture", () => file.click());
  open.replaceChildren(content("picture", "Open picture"));
  open.classList.add("with-text");

  const show = () => {
    for (const input of [...widths, ...modes].map((label) => label.querySelector("input"))) {
      input.checked = input.value === drawing.mode || Number(input.value) === drawing.width;
    }
    eraser.setAttribute("aria-pressed", drawing.erase);
    // Not disabled, which would take the focus away from whoever presses them by key.
    undo.setAttribute("aria-disabled", !drawing.canUndo);
    redo.setAttribute("aria-disabled", !drawing.canRedo);
    clear.setAttribute("aria-disabled", drawing.isEmpty);
  };
  // A stroke that grows changes none of them.
  drawing.addEventListener("change", ({ detail }) => (detail === null || detail.from === 0) && show());
  drawing.addEventListener("tool", show);
  show();

  return element("div", { class: "tools", role: "group", "aria-label": "Drawing tools" },
    element("div", { class: "tool-group segments", role: "radiogroup", "aria-label": "Pen width" }, ...widths),
    element("div", { class: "tool-group" }, eraser, undo, redo, clear),
    element("div", { class: "tool-group segments", role: "radiogroup", "aria-label": "Way of drawing" }, ...modes),
    element("div", { class: "tool-group" }, file, open));
}

function button(name, symbol, label, act) {
  const made = element("button", {
    type: "button", class: "button icon-button", "data-test": name, "aria-label": label, title: label,
  }, icon(symbol));
  made.addEventListener("click", act);
  return made;
}

/** An icon, with a word where there is room. */
function content(symbol, text) {
  const fragment = document.createDocumentFragment();
  fragment.append(icon(symbol), element("span", { class: "tool-text" }, text));
  return fragment;
}
