// The network as columns: which layers share one.

/** Layers that mix units. Each begins a column. */
const MIXING = new Set(["Dense", "Conv2D", "Residual"]);

const product = (sizes) => sizes.reduce((a, b) => a * b, 1);

/** The number of units in an output: channels of maps, or values. */
const unitsOf = (shape) => (shape.length === 3 ? shape[0] : product(shape));

/**
 * The columns of a model.
 *
 * A layer with weights begins a column, and so does one that turns maps into values. The layers after it that treat each unit
 * by itself (norm, activation, pooling, dropout) share the column. It shows the output of the last one, and its title names the
 * first and the last. With `every`, each layer has its own column. Flatten never has one: it only changes the shape.
 */
export function columnsOf(model, every) {
  const picture = model.picture_shape ?? [1, product(model.input_shape)]; // other inputs are a row of values
  const input = { name: "input", units: product(picture) };
  const columns = [{ kind: "input", title: "input", shown: "input", shape: picture, units: input.units, layers: [input] }];
  for (const { name, kind, output_shape: shape } of model.layers) {
    const last = columns.at(-1);
    const layer = { name, kind, units: unitsOf(shape) };
    const begins = every || MIXING.has(kind) || (last.kind === "maps" && shape.length === 1);
    if (kind !== "Flatten" && (begins || last.kind === "input")) {
      const looks = shape.length === 3 ? "maps" : "dots";
      columns.push({ kind: looks, title: name, shown: name, shape, units: layer.units, layers: [layer] });
      continue;
    }
    last.layers.push(layer);
    // After Flatten the shape is different: the column keeps showing the maps.
    if (last.kind !== "input" && shape.length === last.shape.length) {
      Object.assign(last, { shown: name, shape, units: layer.units, title: `${last.layers[0].name} … ${name}` });
    }
  }
  const last = columns.at(-1);
  if (last.kind === "dots") last.kind = "outputs";
  return columns;
}

/** The title above a column in two lines, "conv2d1" and "… relu1", because columns are narrow. */
export const titleLines = ({ title }) => title.split(/ (?=…)/);

/** {column, cell} of a unit of a layer; null for a layer in no column. */
export function find(columns, layer, unit) {
  for (const [column, { layers, units }] of columns.entries()) {
    const held = layers.find(({ name }) => name === layer);
    if (held) return { column, cell: Math.floor((unit * units) / held.units) };
  }
  return null;
}
