// Cells in words.

import { find } from "./columns.js";

/** A cell by the title of its column, or in a list by the layer whose values the column shows. */
export function nameOf(columns, { layer, unit }, inList = false) {
  const there = find(columns, layer, unit);
  if (there === null) return `${layer}, ${unit}`;
  const column = columns[there.column];
  if (column.kind === "outputs") return `output ${column.classes[classOf(column, there.cell)]}`;
  if (column.kind === "input") return `pixel ${Math.floor(unit / column.shape[1])}, ${unit % column.shape[1]}`;
  // All layers of a column share the name, because they are drawn as one cell.
  return `${inList ? column.shown : column.title}, ${column.kind === "maps" ? "map" : "unit"} ${there.cell}`;
}

/** What the value of a cell is. */
export function valueNameOf(columns, { layer, unit }) {
  const there = find(columns, layer, unit);
  return there !== null && columns[there.column].kind === "maps" ? "mean of the map" : "value";
}

/** The class of an output: a single output stands for the second of two classes. */
export const classOf = ({ units, classes }, cell) => (units < classes.length ? 1 : cell);
