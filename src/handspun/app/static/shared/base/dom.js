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

/** One of the drawings in icons.svg. It has no name for screen readers: the element that holds it needs one. */
export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `icons.svg#${name}` }));
}

/** Call `act` when the screen's pixels per page pixel change: the page is zoomed, or moves to another screen. */
export function onDensity(act) {
  // The query names the present density, so it changes only once; then a new one is needed.
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", () => {
    onDensity(act);
    act();
  }, { once: true });
}
