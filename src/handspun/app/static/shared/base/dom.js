// Building elements.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes and children.
 *
 * `true` sets an attribute without a value; `false`, null and undefined leave it out. A function listens: `onclick` to "click".
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  return fill(made, ...children);
}

/** Replace the children of an element. Null is left out: the browser would write the word "null". */
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** One of the drawings in icons.svg. It has no name of its own: the element that holds it needs one. */
export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `icons.svg#${name}` }));
}

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

/** Call `act` when the screen's pixels per page pixel change: the page is zoomed, or moves to another screen. */
export function onDensity(act) {
  // The query is for the present density. It changes once, whatever comes next.
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", () => {
    onDensity(act);
    act();
  }, { once: true });
}
