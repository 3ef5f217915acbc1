// How an array of any shape is laid out in a plane.

/** A flat array of at most this length is one row. */
const ONE_ROW = 16;

/** Values per pixel in colour. */
const COLOURS = 3;

/** The number of columns that makes n equal cells nearly a square, with all rows full if n has such a divisor. */
function across(n) {
  const root = Math.ceil(Math.sqrt(n));
  for (let columns = root; columns <= 2.5 * root; columns += 1) if (n % columns === 0) return columns;
  return root;
}

/**
 * The layout of an array: {rows, columns, at(row, column), stretches}. `at` gives the flat index of the value, or -1 between
 * pictures. `stretches` is true if the array is not a picture: its values need not be squares.
 *
 * (n,) is laid out in rows. (r, c) is a matrix; if its rows are the pixels of a picture, each column is a picture, side by
 * side. (c, h, w) are maps side by side, (o, c, h, w) a table of them. A coloured picture, (h, w, 3) or all in one row, is
 * three pictures: red, green and blue.
 * @param picture [rows, columns] of the pictures that the network sees
 */
export function plane(shape, picture = null) {
  const size = picture === null ? 0 : picture[0] * picture[1];
  const inColour = shape.length === 3 && shape[0] === picture?.[0] && shape[1] === picture[1] && shape[2] === COLOURS;
  if (inColour || (shape.length === 1 && shape[0] === COLOURS * size)) {
    return tiles(COLOURS, COLOURS, picture, (tile, i) => i * COLOURS + tile);
  }
  if (shape.length <= 1) {
    const n = shape[0] ?? 1;
    return n === size ? tiles(1, 1, picture, (_, i) => i) : tiles(n, n <= ONE_ROW ? n : across(n), [1, 1], (tile) => tile);
  }
  if (shape.length === 2) {
    const [rows, columns] = shape;
    if (rows === size) return tiles(columns, across(columns), picture, (tile, i) => i * columns + tile);
    return { rows, columns, stretches: true, at: (row, column) => row * columns + column };
  }
  const inner = shape.slice(-2);
  const count = shape.slice(0, -2).reduce((a, b) => a * b, 1);
  const columns = shape.length > 3 && shape[1] > 1 ? shape[1] : across(count);
  return tiles(count, columns, inner, (tile, i) => tile * inner[0] * inner[1] + i);
}

/** `count` pictures in `columns` columns, with a line between them. `index(tile, i)`: the flat index of a picture's pixel i. */
function tiles(count, columns, [height, width], index) {
  const gap = height * width > 1 ? 1 : 0;
  const rows = Math.ceil(count / columns);
  return {
    rows: rows * (height + gap) - gap,
    columns: columns * (width + gap) - gap,
    at(row, column) {
      const [i, j] = [row % (height + gap), column % (width + gap)];
      const tile = Math.floor(row / (height + gap)) * columns + Math.floor(column / (width + gap));
      return i < height && j < width && tile < count ? index(tile, i * width + j) : -1;
    },
  };
}

/** The indices of a flat place in an array: [2, 0, 13]. */
export function indices(place, shape) {
  const found = [];
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    found.unshift(place % shape[axis]);
    place = Math.floor(place / shape[axis]);
  }
  return found;
}
