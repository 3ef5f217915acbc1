// The outline of ink.

const DARK = 96; // pixels above this value count as ink

/**
 * Add the outline of a picture's ink to the path of a canvas.
 * @param picture {shape: [rows, columns], values: bytes}
 * @param box {x, y, width, height}: where the picture stands on the canvas
 */
export function outlineInk(context, { shape: [rows, columns], values }, { x, y, width, height }) {
  const inside = (row, column) => row >= 0 && column >= 0 && row < rows && column < columns;
  const inked = (row, column) => inside(row, column) && values[row * columns + column] > DARK;
  const line = ([x0, y0], [x1, y1]) => {
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
  };
  const [wide, high] = [width / columns, height / rows];
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (!inked(row, column)) continue;
      const [left, top] = [x + column * wide, y + row * high];
      const [right, bottom] = [left + wide, top + high];
      if (!inked(row - 1, column)) line([left, top], [right, top]);
      if (!inked(row + 1, column)) line([left, bottom], [right, bottom]);
      if (!inked(row, column - 1)) line([left, top], [left, bottom]);
      if (!inked(row, column + 1)) line([right, top], [right, bottom]);
    }
  }
}
