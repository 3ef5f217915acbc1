// Elements, icons, and what the browser does not say by itself.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; `true` sets an attribute without a value, `false` and null leave it out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(name, value === true ? "" : value);
  }
  return fill(made, ...children);
}

/** Put children in the place of those that an element has. What is null is left out: the browser would write the word "null". */
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Call `act` whenever a pixel of the page gets more or fewer of the screen's: it is zoomed, or has moved to another screen. */
export function onDensity(act) {
  // A query for what is now: it changes once, with whatever comes.
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", () => {
    onDensity(act);
    act();
  }, { once: true });
}

/** Whether keys that are pressed on an element write into it, and so mean nothing else. */
export function isTyping(target) {
  const fields = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";
  return target instanceof Element && target.closest(fields) !== null;
}

/** One of the drawings in icons.svg. It says nothing by itself: what holds it needs a name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.append(use);
  return svg;
}
