// The network as columns: which layers stand together, and where each cell is.

/** The layers that mix units; each begins a column. */
const MIXING = new Set(["Dense", "Conv2D", "Residual"]);

/** Pixels of the screen: between columns, where the threads run (tight where nothing then has to be scrolled). */
const BETWEEN = { tight: 7, least: 14, usual: 36, most: 240 };

/** What the head above a column takes at least. */
const HEAD_WIDTH = 80;

/** The least and the most that a cell takes. */
const MAP = { least: 14, most: 76, gap: 3 };
const DOT = { least: 7, most: 30, gap: 3 };
const OUTPUT = { least: 128, most: 40, gap: 2, besides: 108 }; // besides: what an output takes but for the name of its class
const PICTURE = { least: 108, most: 220 };
const SHARE = 60; // what each column may take at least
const EDGE = 6; // around everything, for the outlines
const RAGGED = 0.6; // what cells are worth that leave the last row unfilled: a row of one cell looks like a mistake

const product = (sizes) => sizes.reduce((a, b) => a * b, 1);

/** How many units an output of this shape has: channels of maps, or values. */
const unitsOf = (shape) => (shape.length === 3 ? shape[0] : product(shape));

/**
 * The columns of a model.
 *
 * A layer with weights begins a column, and so does one that makes values of maps. What comes behind it and hands each unit on
 * by itself (norm, activation, pooling, dropout) belongs to it, and the column shows what leaves the last of them: its title
 * names the first and that one. `every` gives each layer a column of its own. A flatten never has one: it only changes the
 * shape.
 */
export function columnsOf(model, every) {
  const picture = model.picture_shape ?? [1, product(model.input_shape)]; // what is no picture is a row of values
  const columns = [
    {
      kind: "input",
      layers: [{ name: "input", units: product(picture) }],
      shown: "input",
      shape: picture,
      units: product(picture),
      title: "input",
    },
  ];
  for (const { name, kind, output_shape: shape } of model.layers) {
    const last = columns.at(-1);
    const layer = { name, kind, units: unitsOf(shape) };
    const begins = every || MIXING.has(kind) || (last.kind === "maps" && shape.length === 1);
    if (kind !== "Flatten" && (begins || last.kind === "input")) {
      columns.push({
        kind: shape.length === 3 ? "maps" : "dots",
        layers: [layer],
        shown: name,
        shape,
        units: unitsOf(shape),
        title: name,
      });
      continue;
    }
    last.layers.push(layer);
    // Behind a flatten the shape is another one: the column goes on showing the maps.
    if (last.kind !== "input" && shape.length === last.shape.length)
      Object.assign(last, { shown: name, shape, units: unitsOf(shape), title: `${last.layers[0].name} … ${name}` });
  }
  const last = columns.at(-1);
  if (last.kind === "dots") last.kind = "outputs";
  return columns;
}

/** A title as it stands above its column: "conv2d1" over "… relu1", for columns are narrow. */
export const titleLines = ({ title }) => title.split(/ (?=…)/);

/** Column and cell of a unit of a layer; null for a layer that no column holds. */
export function find(columns, layer, unit) {
  for (const [column, { layers, units }] of columns.entries()) {
    const held = layers.find(({ name }) => name === layer);
    if (held) return { column, cell: Math.floor((unit * units) / held.units) };
  }
  return null;
}

/** How wide the outputs are: as the longest name of a class asks for. */
const widthOfOutputs = ({ nameWidth = 0 }) => Math.max(OUTPUT.least, Math.ceil(nameWidth) + OUTPUT.besides);

/**
 * Give each column its place: x, y, width, height, `across` cells a row, the `cell` [width, height] and the `pitch` from one
 * to the next. A column may say how wide its head is, `headWidth`, and the outputs how wide the longest name is, `nameWidth`.
 * @returns the width and height that all of it takes, at least the width and height given
 */
export function arrange(columns, width, height) {
  const forOutputs = widthOfOutputs(columns.at(-1));
  const appetite = ({ kind, units }) => ({ maps: 1, dots: 0.5 })[kind] * Math.sqrt(units) || 0;
  const hunger = columns.reduce((sum, column) => sum + appetite(column), 0);
  const picture = Math.min(PICTURE.most, Math.max(PICTURE.least, width * 0.15));
  width -= 2 * EDGE;
  const shared = Math.max(width - picture - forOutputs - BETWEEN.usual * (columns.length - 1), 0);
  for (const column of columns) {
    if (column.kind === "input") continue; // last, in what room is left
    if (column.kind === "outputs") placeOutputs(column, forOutputs, height);
    else placeCells(column, Math.max((shared * appetite(column)) / hunger, SHARE), height, column.kind === "maps" ? MAP : DOT);
  }
  const room = (column) => Math.max(column.width, column.headWidth ?? 0, HEAD_WIDTH);
  const roomOf = (some) => some.reduce((sum, column) => sum + room(column), 0);
  const gaps = columns.length - 1;
  // The heads may take more than their columns: the picture gives way before anything is cut off at the edge.
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
  Object.assign(column, {
    across: wide,
    cell: [pixel, pixel],
    pitch: [pixel, pixel],
    width: wide * pixel,
    height: rows * pixel,
  });
}

function placeOutputs(column, width, height) {
  const tall = Math.max(Math.min(height / column.units, OUTPUT.most), 18);
  Object.assign(column, {
    across: 1,
    cell: [width, tall - OUTPUT.gap],
    pitch: [width, tall],
    width,
    height: column.units * tall,
  });
}

/** As many cells a row as let each be as large as the share of the width and the height allow; full rows if possible. */
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
    // more than there is room for: as wide as it takes, and the page scrolls
    const rows = Math.max(Math.floor((height + size.gap) / (size.least * ratio + size.gap)), 1);
    const narrowest = Math.ceil(column.units / rows);
    let across = narrowest;
    // Full rows are worth some width, not any: a prime number of units has no others than a single one.
    while (column.units % across !== 0 && across * RAGGED < narrowest) across += 1;
    if (column.units % across !== 0) across = narrowest;
    best = { across, rows: Math.ceil(column.units / across), side: size.least };
  }
  const cell = [Math.floor(best.side), Math.max(Math.floor(best.side * ratio), 1)];
  const pitch = cell.map((side) => side + size.gap);
  Object.assign(column, {
    across: best.across,
    cell,
    pitch,
    width: best.across * pitch[0] - size.gap,
    height: best.rows * pitch[1] - size.gap,
  });
}

/** The rectangle of a cell: {x, y, width, height}. */
export function boxOf(column, cell) {
  const [row, place] = [Math.floor(cell / column.across), cell % column.across];
  return {
    x: column.x + place * column.pitch[0],
    y: column.y + row * column.pitch[1],
    width: column.cell[0],
    height: column.cell[1],
  };
}

/** Column and cell at a point; null between them. */
export function hit(columns, x, y) {
  const column = columns.findIndex((each) => x >= each.x && x < each.x + each.width && y >= each.y && y < each.y + each.height);
  if (column < 0) return null;
  const { across, pitch, units, x: left, y: top } = columns[column];
  const cell = Math.floor((y - top) / pitch[1]) * across + Math.min(Math.floor((x - left) / pitch[0]), across - 1);
  return cell < units ? { column, cell } : null;
}

/** Where a step with an arrow key leads: within the column, and over its edge to the nearest cell of the next one. */
export function neighbour(columns, { column, cell }, [dx, dy]) {
  const { across, units } = columns[column];
  const place = (cell % across) + dx;
  if (dy !== 0) {
    const there = cell + dy * across;
    return { column, cell: there >= 0 && there < units ? there : cell };
  }
  if (place >= 0 && place < across && cell + dx < units) return { column, cell: cell + dx };
  const next = columns[column + dx];
  if (!next) return { column, cell };
  const box = boxOf(columns[column], cell);
  const row = Math.min(
    Math.max(Math.floor((box.y + box.height / 2 - next.y) / next.pitch[1]), 0),
    Math.ceil(next.units / next.across) - 1,
  );
  const at = row * next.across + (dx > 0 ? 0 : next.across - 1);
  return { column: column + dx, cell: Math.min(at, next.units - 1) };
}
