// The marks of a drawing, and how they become ink.
//
// A mark is one step that can be undone:
//   {kind: "stroke", erase, width, points: [[x, y, factor], …]}   a line of the pen; factor (pressure) scales its width
//   {kind: "cells", values: Uint8Array(784)}                      the whole 28 × 28 grid of the pixel mode
//   {kind: "picture", picture}                                    an opened picture (see pictures.js)
//   {kind: "clear"}
// Places and widths are in units of the sheet, which is 280 × 280. The same functions paint the ink for the network (one pixel
// per unit) and the sheet on the screen (as many pixels as it has), so that both always show the same.

export const SIDE = 280;
export const CELLS = 28;
const CELL = SIDE / CELLS;

/** Whether a mark hides all earlier ones. */
export const coversAll = (mark) => mark.kind !== "stroke" || mark.fresh === true;

/**
 * Paint a mark.
 * @param context of a canvas whose transform makes the sheet's units its pixels; its fillStyle and strokeStyle are the ink.
 * @param from the first point of a stroke that is not on the canvas yet
 */
export function paintMark(context, mark, from = 0) {
  if (coversAll(mark) && from === 0) context.clearRect(0, 0, SIDE, SIDE);
  if (mark.kind === "stroke") paintStroke(context, mark, from);
  else if (mark.kind === "cells") paintCells(context, mark.values);
  else if (mark.kind === "picture") paintPicture(context, mark.picture);
}

function paintStroke(context, { erase, width, points, ended }, from) {
  context.save();
  context.lineCap = "round";
  context.lineJoin = "round";
  // Erase instead of painting over: the sheet under the ink is transparent.
  if (erase) context.globalCompositeOperation = "destination-out";
  for (let i = from; i < points.length; i += 1) {
    const [x, y, factor] = points[i];
    context.lineWidth = width * factor;
    context.beginPath();
    if (i === 0) {
      context.moveTo(x, y);
      context.lineTo(x, y);
    } else {
      // A parabola from the middle of one segment to the middle of the next: the line is smooth, and a growing stroke never has
      // to be painted again.
      const [x1, y1] = points[i - 1];
      const [x0, y0] = i > 1 ? points[i - 2] : points[i - 1];
      context.moveTo((x0 + x1) / 2, (y0 + y1) / 2);
      context.quadraticCurveTo(x1, y1, (x1 + x) / 2, (y1 + y) / 2);
    }
    context.stroke();
  }
  if (ended && points.length > 1) {
    const [[x1, y1], [x, y, factor]] = points.slice(-2);
    context.lineWidth = width * factor;
    context.beginPath();
    context.moveTo((x1 + x) / 2, (y1 + y) / 2);
    context.lineTo(x, y);
    context.stroke();
  }
  context.restore();
}

function paintCells(context, values) {
  context.save();
  values.forEach((value, i) => {
    if (value === 0) return;
    context.globalAlpha = value / 255;
    context.fillRect((i % CELLS) * CELL, Math.floor(i / CELLS) * CELL, CELL, CELL);
  });
  context.restore();
}

function paintPicture(context, { source, width, height }) {
  const scale = SIDE / Math.max(width, height);
  const [w, h] = [width * scale, height * scale];
  context.drawImage(source, (SIDE - w) / 2, (SIDE - h) / 2, w, h);
}

/**
 * Draw into the cells along a line, with a soft brush: full under the pen, fading over one cell around it.
 * @param values Uint8Array(784), changed in place
 * @param line [x0, y0, x1, y1] in units of the sheet
 */
export function brushCells(values, line, width, erase) {
  const radius = width / 2 / CELL;
  const [x0, y0, x1, y1] = line.map((place) => place / CELL);
  for (let row = 0; row < CELLS; row += 1) {
    for (let column = 0; column < CELLS; column += 1) {
      const away = distance(column + 0.5, row + 0.5, x0, y0, x1, y1);
      const ink = 255 * Math.min(Math.max(radius + 0.5 - away, 0), 1);
      const i = row * CELLS + column;
      values[i] = erase ? Math.min(values[i], 255 - ink) : Math.max(values[i], ink);
    }
  }
}

/** The distance of (x, y) from the line from (x0, y0) to (x1, y1). */
function distance(x, y, x0, y0, x1, y1) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1);
  const t = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}
