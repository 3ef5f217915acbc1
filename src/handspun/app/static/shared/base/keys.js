// Keys.

/** Steps of the arrow keys: [right, down]. */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Whether a key belongs to a shortcut of the browser or the system. */
export const hasModifier = (event) => event.ctrlKey || event.metaKey || event.altKey;

/** Whether keys pressed on an element write into it. */
export function isTyping(target) {
  const fields = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";
  return target instanceof Element && target.closest(fields) !== null;
}
