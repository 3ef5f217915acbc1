// Arrays from the server, and painting them: small pictures whose pixels one can count.

/** {shape, values} of an array in JSON: {"shape", "dtype": "uint8" | "float32", "data": base64, little-endian}. */
export function decode({ shape, dtype, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return { shape, values: dtype === "uint8" ? bytes : new Float32Array(bytes.buffer) };
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
  const scale = 255 / (high - low || 1);
  paint(canvas, shape, () => {
    const palette = ramp("--sheet", "--ink");
    return (i) => palette[clamp((values[i] - low) * scale)];
  });
}

/**
 * Paint signed values: 0 is the paper, positive ones go towards the red thread, negative ones towards grey-blue.
 * @param shape [rows, columns]
 * @param limits limit: the size that gets the full colour; the greatest of the values without it
 */
export function paintSigned(canvas, values, shape, { limit = greatestSize(values) } = {}) {
  const scale = 255 / (limit || 1);
  paint(canvas, shape, () => {
    const [positive, negative] = [ramp("--sheet", "--thread"), ramp("--sheet", "--cool")];
    return (i) => (values[i] < 0 ? negative[clamp(-values[i] * scale)] : positive[clamp(values[i] * scale)]);
  });
}

/** Paint a picture in its own colours: RGB bytes of a shape [rows, columns]. */
export function paintColour(canvas, values, shape) {
  paint(canvas, shape, () => (i) => packed(values[3 * i], values[3 * i + 1], values[3 * i + 2]));
}

/** Paint all canvases again, after a change of theme. */
export function repaintAll() {
  ramps.clear();
  for (const canvas of document.querySelectorAll("canvas")) shown.get(canvas)?.();
}

/** `prepare()` gives the colour of the i-th pixel, as `packed` makes it, in the present theme. */
function paint(canvas, [rows, columns], prepare) {
  const draw = () => {
    if (canvas.width !== columns) canvas.width = columns;
    if (canvas.height !== rows) canvas.height = rows;
    canvas.classList.add("crisp");
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer); // four bytes at a time
    const colourOf = prepare();
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = colourOf(i);
    context.putImageData(image, 0, 0);
  };
  shown.set(canvas, draw);
  draw();
}

/** A colour as the canvas has it in memory: red first, opaque. All machines that browsers run on are little-endian. */
const packed = (red, green, blue) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;

/** [red, green, blue] of a colour token such as "--ink" in the present theme. Tokens are written #rrggbb. */
export function colour(token) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(token).trim();
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

const ramps = new Map();

/** 256 colours from one token to another. */
function ramp(from, to) {
  const name = `${from} ${to}`;
  if (!ramps.has(name)) {
    const [start, end] = [colour(from), colour(to)];
    const mix = (share) => start.map((value, i) => Math.round(value + (end[i] - value) * share));
    ramps.set(name, Uint32Array.from({ length: 256 }, (_, i) => packed(...mix(i / 255))));
  }
  return ramps.get(name);
}

const clamp = (level) => (level > 255 ? 255 : level > 0 ? Math.round(level) : 0); // also for NaN
const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const greatest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
const greatestSize = (values) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
