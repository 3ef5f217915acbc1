// Numbers for people.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/**
 * A size in powers of ten, "1.6·10⁻⁵".
 * @param digits after the point; as many as it has unless told
 */
export function powers(size, digits) {
  const [factor, power] = size.toExponential(digits).split("e");
  return `${factor}·10${[...String(Number(power))].map((sign) => RAISED[sign]).join("")}`;
}

/**
 * 100 times a share from 0 to 1, as text. It never says 0 or 100 of what is neither: "<0.1", ">99.9".
 * @param digits after the point
 */
export function hundredths(share, digits = 1) {
  const least = 10 ** -digits;
  const value = 100 * share;
  if (value > 0 && value < least / 2) return `<${least}`;
  if (value < 100 && value > 100 - least / 2) return `>${(100 - least).toFixed(digits)}`;
  return value.toFixed(digits);
}

/** A share in per cent, "96.2 %", that no line break parts. */
export const percent = (share, digits = 1) => `${hundredths(share, digits)}\u00a0%`;
