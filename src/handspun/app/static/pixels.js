// Arrays from the server, and painting them: small pictures whose pixels one can count.

/** {shape, values} of an array in JSON: {"shape", "dtype": "uint8" | "float32", "data": base64, little-endian}. */
export function decode({ shape, dtype, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return { shape, values: dtype === "uint8" ? bytes : new Float32Array(bytes.buffer) };
}

/** The opposite, for what goes to the server: values (Uint8Array or Float32Array) of a shape. */
export function encode(values, shape) {
  const dtype = values instanceof Uint8Array ? "uint8" : "float32";
  return { shape, dtype, data: base64(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) };
}

/** Bytes as base64. */
export function base64(bytes) {
  let text = "";
  const piece = 0x8000; // as many arguments as any engine takes
  for (let i = 0; i < bytes.length; i += piece) text += String.fromCharCode(...bytes.subarray(i, i + piece));
  return btoa(text);
}

// What each canvas shows, so that it can be painted again in the colours of another theme.
const shown = new WeakMap();

/**
 * Paint values as ink on paper: `low` is the paper, `high` the ink.
 * @param shape [rows, columns]
 * @param limits low and high; for bytes 0 and 255, otherwise the least and the greatest of the values
 */
export function paintGrey(canvas, values, shape, limits = {}) {
  const bytes = values instanceof Uint8Array;
  const low = limits.low ?? (bytes ? 0 : least(values));
  const high = limits.high ?? (bytes ? 255 : greatest(values));
  paint(canvas, shape, () => {
    const [paper, ink] = [colour("--sheet"), colour("--ink")];
    const range = high - low || 1;
    return (i) => mix(paper, ink, (values[i] - low) / range);
  });
}

/**
 * Paint signed values: 0 is the paper, positive ones go towards the red thread, negative ones towards grey-blue.
 * @param shape [rows, columns]
 * @param limits limit: the size that gets the full colour; the greatest of the values without it
 */
export function paintSigned(canvas, values, shape, { limit = greatestSize(values) } = {}) {
  paint(canvas, shape, () => {
    const [paper, positive, negative] = [colour("--sheet"), colour("--thread"), colour("--cool")];
    return (i) => mix(paper, values[i] < 0 ? negative : positive, Math.abs(values[i]) / (limit || 1));
  });
}

/** Paint all canvases again, after a change of theme. */
export function repaintAll() {
  colours.clear();
  for (const canvas of document.querySelectorAll("canvas")) shown.get(canvas)?.();
}

function paint(canvas, [rows, columns], prepare) {
  const draw = () => {
    if (canvas.width !== columns) canvas.width = columns;
    if (canvas.height !== rows) canvas.height = rows;
    canvas.classList.add("crisp");
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    const of = prepare();
    for (let i = 0; i < rows * columns; i += 1) {
      const [r, g, b] = of(i);
      image.data.set([r, g, b, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
  };
  shown.set(canvas, draw);
  draw();
}

const colours = new Map();

/** [red, green, blue] of a colour token such as "--ink" in the present theme. */
export function colour(token) {
  if (!colours.has(token)) {
    const text = getComputedStyle(document.documentElement).getPropertyValue(token).trim();
    colours.set(token, [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16))); // tokens are written #rrggbb
  }
  return colours.get(token);
}

function mix(from, to, share) {
  const t = Math.min(Math.max(share, 0), 1);
  return from.map((value, i) => value + (to[i] - value) * t);
}

const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const greatest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
const greatestSize = (values) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
