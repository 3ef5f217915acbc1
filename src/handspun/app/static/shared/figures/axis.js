// From values to places along an axis.

/**
 * An axis with marks at round numbers: {place(value), ticks}.
 * @param limits low and high: values that the axis shows in any case
 * @param from, to pixels where it begins and ends
 * @param marks about how many marks have room
 */
export function makeAxis(values, { low, high }, from, to, marks) {
  let [least, most] = [low ?? Infinity, high ?? -Infinity];
  for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  if (most - least < 1e-9) most = least + (Math.abs(least) || 1);
  const step = roundStep((most - least) / marks);
  const bottom = low !== undefined && least >= low ? low : Math.floor(least / step + 1e-9) * step;
  const ticks = [];
  for (let i = Math.ceil(bottom / step - 1e-9); i * step <= most + step * 1e-6; i += 1) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  const range = most - bottom;
  return { ticks, place: (value) => from + ((value - bottom) / range) * (to - from) };
}

/** The smallest of 1, 2, 5, 10, 20, … (and 0.1, 0.2, …) that is at least `least`. */
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9)) * power;
}
