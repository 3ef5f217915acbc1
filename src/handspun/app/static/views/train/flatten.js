// Where pictures become rows.

const ON_PICTURES = new Set(["Conv2D", "MaxPool2D", "AvgPool2D"]);
const FLATTENS = new Set(["Flatten", "GlobalAvgPool"]);

/** The layers, with a Flatten wherever a dense layer or the output would get pictures. */
export function withFlatten(layers) {
  const whole = [];
  let pictures = false;
  for (const layer of [...layers, { kind: "Dense" }]) {
    if (layer.kind === "Dense" && pictures) {
      whole.push({ kind: "Flatten" });
      pictures = false;
    }
    if (ON_PICTURES.has(layer.kind)) pictures = true;
    if (FLATTENS.has(layer.kind)) pictures = false;
    whole.push(layer);
  }
  return whole.slice(0, -1);
}
