// Where the columns stand, and how large their cells are. All sizes are in pixels.

/** Pixels between columns, for the threads. `tight` is used if it saves scrolling. */
const BETWEEN = { tight: 7, least: 14, usual: 36, most: 240 };

/** The least width of the head above a column. */
const HEAD_WIDTH = 80;

/** The least and the largest side of a cell. */
const MAP = { least: 14, most: 76, gap: 3 };
const DOT = { least: 7, most: 30, gap: 3 };
const OUTPUT = { least: 128, most: 40, gap: 2, besides: 108 }; // besides: the width of an output without the name of its class
const PICTURE = { least: 108, most: 220 };
const SHARE = 60; // the least share of the width for a column
const EDGE = 6; // around everything, for the outlines
const RAGGED = 0.6; // the relative worth of a size that leaves the last row unfilled: a row of one cell looks like a mistake

/** The width of the outputs: the longest name of a class sets it. */
const widthOfOutputs = ({ nameWidth = 0 }) => Math.max(OUTPUT.least, Math.ceil(nameWidth) + OUTPUT.besides);

/**
 * Give each column its place: x, y, width, height, `across` cells per row, the `cell` [width, height] and the `pitch` from one
 * to the next. A column may have a `headWidth`, and the outputs a `nameWidth`: the width of the longest name.
 * @returns the width and height of the whole, at least the width and height given
 */
export function arrange(columns, width, height) {
  const forOutputs = widthOfOutputs(columns.at(-1));
  const weightOf = ({ kind, units }) => ({ maps: 1, dots: 0.5 })[kind] * Math.sqrt(units) || 0;
  const weight = columns.reduce((sum, column) => sum + weightOf(column), 0);
  const picture = Math.min(PICTURE.most, Math.max(PICTURE.least, width * 0.15));
  width -= 2 * EDGE;
  const shared = Math.max(width - picture - forOutputs - BETWEEN.usual * (columns.length - 1), 0);
  for (const column of columns) {
    if (column.kind === "input") continue; // last, in the room that is left
    if (column.kind === "outputs") placeOutputs(column, forOutputs, height);
    else placeCells(column, Math.max((shared * weightOf(column)) / weight, SHARE), height, column.kind === "maps" ? MAP : DOT);
  }
  const room = (column) => Math.max(column.width, column.headWidth ?? 0, HEAD_WIDTH);
  const roomOf = (some) => some.reduce((sum, column) => sum + room(column), 0);
  const gaps = columns.length - 1;
  // Heads may be wider than their columns. The picture shrinks before anything is cut off at the edge.
  const [input, ...others] = columns;
  placePicture(input, Math.max(Math.min(picture, width - roomOf(others) - BETWEEN.least * gaps), PICTURE.least));
  const taken = roomOf(columns);
  const tallest = Math.max(height, ...columns.map((column) => column.height));
  const free = (width - taken) / gaps;
  const between = free < BETWEEN.tight ? BETWEEN.least : Math.min(free, BETWEEN.most);
  const total = taken + between * gaps;
  let x = EDGE + Math.max((width - total) / 2, 0);
  for (const column of columns) {
    column.x = x + (room(column) - column.width) / 2;
    column.y = (tallest - column.height) / 2;
    x += room(column) + between;
  }
  return { width: Math.max(width, Math.ceil(total)) + 2 * EDGE, height: tallest };
}

function placePicture(column, size) {
  const [rows, wide] = column.shape;
  const pixel = size / Math.max(rows, wide);
  const cell = [pixel, pixel];
  Object.assign(column, { across: wide, cell, pitch: cell, width: wide * pixel, height: rows * pixel });
}

function placeOutputs(column, width, height) {
  const tall = Math.max(Math.min(height / column.units, OUTPUT.most), 18);
  const cell = [width, tall - OUTPUT.gap];
  Object.assign(column, { across: 1, cell, pitch: [width, tall], width, height: column.units * tall });
}

/** Choose the cells per row that make cells largest within the share of the width and the height; full rows if possible. */
function placeCells(column, share, height, size) {
  const ratio = column.kind === "maps" ? column.shape[1] / column.shape[2] : 1;
  let best = null;
  for (let across = 1; across <= column.units; across += 1) {
    const rows = Math.ceil(column.units / across);
    const side = Math.min((share + size.gap) / across - size.gap, ((height + size.gap) / rows - size.gap) / ratio, size.most);
    const worth = side * (column.units % across === 0 ? 1 : RAGGED);
    if (best === null || worth > best.worth + 0.01) best = { across, rows, side, worth };
  }
  if (best.side < size.least) {
    // They do not fit: the column is as wide as it needs to be, and the page scrolls.
    const rows = Math.max(Math.floor((height + size.gap) / (size.least * ratio + size.gap)), 1);
    const narrowest = Math.ceil(column.units / rows);
    let across = narrowest;
    // Full rows may take a little more width, but not any amount: a prime number of units has only one full row.
    while (column.units % across !== 0 && across * RAGGED < narrowest) across += 1;
    if (column.units % across !== 0) across = narrowest;
    best = { across, rows: Math.ceil(column.units / across), side: size.least };
  }
  const cell = [Math.floor(best.side), Math.max(Math.floor(best.side * ratio), 1)];
  const pitch = cell.map((side) => side + size.gap);
  const [taken, tall] = [best.across * pitch[0] - size.gap, best.rows * pitch[1] - size.gap];
  Object.assign(column, { across: best.across, cell, pitch, width: taken, height: tall });
}
