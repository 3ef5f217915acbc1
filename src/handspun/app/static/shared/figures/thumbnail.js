// A small picture of an image.

import { decode } from "../base/arrays.js";
import { element } from "../base/dom.js";
import { paintColour, paintGrey } from "./pixels.js";

/** An image from the server on a canvas: grey (h, w), colour (h, w, 3), or a row of values (n,). */
export function thumbnail(image) {
  const canvas = element("canvas", { class: "thumbnail" });
  const { shape, values } = decode(image);
  if (shape.length === 3 && shape[2] === 3) paintColour(canvas, values, shape.slice(0, 2));
  else paintGrey(canvas, values, shape.length === 1 ? [1, shape[0]] : shape.slice(0, 2));
  return canvas;
}
