// Painting arrays as small pictures whose pixels one can count.

// How each canvas was painted, so that it can be painted again in the colours of another theme.
const painted = new WeakMap();

/**
 * Paint values in grey: `low` is the paper, `high` the ink.
 * @param shape [rows, columns]
 * @param limits low and high: unless given 0 and 255 for bytes, and the smallest and largest value for floats
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
 * Paint signed values: 0 is the paper, positive values are red, negative ones grey-blue.
 * @param shape [rows, columns]
 * @param options limit: the size that gets the full colour; unless given, the largest in the array
 */
export function paintSigned(canvas, values, shape, { limit = greatestSize(values) } = {}) {
  const scale = 255 / (limit || 1);
  paint(canvas, shape, () => {
    const [positive, negative] = [ramp("--sheet", "--thread"), ramp("--sheet", "--cool")];
    return (i) => (values[i] < 0 ? negative[clamp(-values[i] * scale)] : positive[clamp(values[i] * scale)]);
  });
}

/** Paint RGB bytes; `shape` is [rows, columns]. */
export function paintColour(canvas, values, shape) {
  paint(canvas, shape, () => (i) => packed(values[3 * i], values[3 * i + 1], values[3 * i + 2]));
}

/** Paint all canvases again after a change of theme. */
export function repaintAll() {
  ramps.clear();
  for (const canvas of document.querySelectorAll("canvas")) painted.get(canvas)?.();
}

/** `prepare()` returns a function from the number of a pixel to its packed colour in the present theme. */
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
  painted.set(canvas, draw);
  draw();
}

/** An opaque colour as a canvas stores it, red first. Browsers run only on little-endian machines. */
const packed = (red, green, blue) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;

/** [red, green, blue] of a colour token such as "--ink" in the present theme. Tokens have the form #rrggbb. */
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
