// Numbers for people.

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
