// Probabilities and losses in enough digits.

import { short } from "../../shared/base/numbers.js";

/** How many digits of a float32 are reliable. */
const MOST_DIGITS = 7;

/** Three digits after the point would show values this close as 0 or 1. They are written in powers of ten. */
const NEAR = 0.0005;

/** The sum of all values but one. */
export const withoutOne = (values, i) => values.reduce((sum, value, j) => (j === i ? sum : sum + value), 0);

/** A number with three decimals, or in powers of ten if those would show 0. */
export function decimals(value) {
  return value !== 0 && Math.abs(value) < NEAR ? short(value) : value.toFixed(3).replace("-", "−");
}

/** A probability. One near 1 is computed as 1 minus the sum of the others, because a float32 cannot hold the difference. */
export function probability(share, others, digits = 3) {
  return share > 1 - NEAR && others > 0 ? `1 − ${short(others, digits)}` : decimals(share);
}

/** The number of digits, at least three, in which two different numbers look different. */
export function digitsApart(one, other) {
  let digits = 3;
  while (digits < MOST_DIGITS && short(one, digits) === short(other, digits)) digits += 1;
  return digits;
}
