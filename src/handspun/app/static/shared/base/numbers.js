// Numbers as people read them.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A whole number: "70,586". */
export const whole = (number) => number.toLocaleString("en");

/** A number of things: "1 epoch", "1,000 epochs". */
export const counted = (number, thing) => `${whole(number)} ${thing}${number === 1 ? "" : "s"}`;

/** A shape: "16 × 12 × 12". */
export const shapeText = (shape) => shape.map(whole).join(" × ");

/** The structure of a network with real multiplication signs: "8C5×5-MP2-10". */
export const structureText = (structure) => structure.replaceAll(/(\d)x(?=\d)/g, "$1×");

/**
 * A size in powers of ten, "1.6·10⁻⁵".
 * @param digits after the decimal point; all of them unless given
 */
function powers(size, digits) {
  const [factor, power] = size.toExponential(digits).split("e");
  return `${factor}·10${[...String(Number(power))].map((sign) => RAISED[sign]).join("")}`;
}

/**
 * A value of an array, with a real minus sign. Very small and very large ones are in powers of ten.
 * @param digits how many, roughly; one less in powers of ten
 */
export function short(value, digits = 3) {
  if (Number.isNaN(value)) return "not a number";
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  let text;
  if (size === 0) text = "0";
  else if (size >= 1e5 || size < 1e-4) text = powers(size, digits - 2);
  else if (size >= 1000) text = size.toFixed(0);
  else if (size >= 0.01) text = size.toPrecision(digits);
  else text = size.toFixed(digits + 2).replace(/0+$/, "");
  return value < 0 ? `−${text}` : text;
}

/** A setting or a mark on an axis: 1,234 and 0.05, never 0.05000000001. Very small and large ones are powers of ten: 2·10⁷. */
export function plain(value, digits = 3) {
  const size = Math.abs(value);
  // Written in full they would not fit beside an axis. Such numbers occur when a training diverges.
  if (Number.isFinite(size) && (size >= 1e5 || (size > 0 && size < 1e-4))) {
    return `${value < 0 ? "−" : ""}${powers(Number(size.toPrecision(digits)))}`;
  }
  return value.toLocaleString("en", { maximumSignificantDigits: digits });
}

/** A share from 0 to 1 in per cent, "96.2 %", that no line break divides. Only exact values read 0 or 100: "<0.1", ">99.9". */
export function percent(share, digits = 1) {
  const least = 10 ** -digits;
  const value = 100 * share;
  let text = value.toFixed(digits);
  if (value > 0 && value < least / 2) text = `<${least}`;
  else if (value < 100 && value > 100 - least / 2) text = `>${(100 - least).toFixed(digits)}`;
  return `${text}\u00a0%`;
}

/** A time in seconds as people say it: 0.3 s, 8 s, 2 min 5 s. */
export function duration(seconds) {
  if (seconds < 1) return `${Number(seconds.toPrecision(1))} s`; // never 0 s for what took some time
  const rounded = Math.round(seconds);
  return rounded < 60 ? `${rounded} s` : `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
}
