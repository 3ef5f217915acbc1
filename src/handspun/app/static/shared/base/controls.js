// Buttons, menus and inputs.

import { element, icon } from "./dom.js";

/** A button. `class` is added to its own. */
export function button(content, act, { class: kind = "", ...attributes } = {}) {
  return element("button", { type: "button", class: `button ${kind}`, onclick: act, ...attributes }, content);
}

/** A button that shows an icon and no text. */
export function iconButton(name, label, act, attributes = {}) {
  return button(icon(name), act, { class: "icon-button", "aria-label": label, title: label, ...attributes });
}

/** A hidden file input, which takes one file at a time. Call its click() to ask for one. */
export function fileInput(accept, act, attributes) {
  return element("input", {
    type: "file", accept, class: "sr-only", tabindex: "-1", ...attributes,
    onchange({ target }) {
      if (target.files.length > 0) act(target.files[0]);
      target.value = ""; // so that the same file can be opened again
    },
  });
}

/** A menu. An entry is {name, title, disabled}; the title is the name unless given. */
export function select(entries, attributes = {}) {
  return element("select", attributes, ...options(entries));
}

/** The options of a menu; see `select`. */
export function options(entries) {
  return entries.map(({ name, title = name, disabled }) => element("option", { value: name, disabled }, String(title)));
}

/** A menu with our own arrow. */
export const withArrow = (menu) => element("span", { class: "select" }, menu);

/** An input with its label above it. */
export function field(label, input) {
  return element("div", { class: "field" },
    element("label", { for: input.id }, label), input.tagName === "SELECT" ? withArrow(input) : input);
}
