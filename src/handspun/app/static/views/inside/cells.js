// The places of cells in columns that are laid out.

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

/** {column, cell} at a point; null between cells. */
export function hit(columns, x, y) {
  const column = columns.findIndex((each) => x >= each.x && x < each.x + each.width && y >= each.y && y < each.y + each.height);
  if (column < 0) return null;
  const { across, pitch, units, x: left, y: top } = columns[column];
  const cell = Math.floor((y - top) / pitch[1]) * across + Math.min(Math.floor((x - left) / pitch[0]), across - 1);
  return cell < units ? { column, cell } : null;
}

/** The cell that an arrow key selects: the next one in the column or, at its edge, the nearest one in the next column. */
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
