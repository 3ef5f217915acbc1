// Pictures that are opened, dropped or pasted.

import { attempt } from "../base/messages.js";

/** The longest side in pixels: enough for a photo of a page, and quick to send. */
const MOST_SIDE = 1000;

/**
 * Read a picture file. A large one is scaled to 1,000 pixels a side; transparent parts become white.
 * @returns {source: canvas, width, height, bytes: RGB, row by row}
 * @throws Error with a sentence for the person
 */
async function readPicture(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file); // also turns photos upright
  } catch {
    const name = file.name ? `“${file.name}”` : "This file";
    throw new Error(`${name} is not a picture that the browser can read. Try a PNG or JPEG file.`);
  }
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const source = document.createElement("canvas");
  source.width = Math.max(1, Math.round(bitmap.width * scale));
  source.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = source.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, source.width, source.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, source.width, source.height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, source.width, source.height);
  const bytes = new Uint8Array(source.width * source.height * 3);
  for (let i = 0, j = 0; i < data.length; i += 4) {
    bytes[j++] = data[i];
    bytes[j++] = data[i + 1];
    bytes[j++] = data[i + 2];
  }
  return { source, width: source.width, height: source.height, bytes };
}

/** Show a picture file instead of the drawing. */
export const openPicture = (file, drawing) => attempt(async () => drawing.open(await readPicture(file)));

/** Take pictures that are pasted, or dropped anywhere on the page, while `wanted()`. Others may handle the event first. */
export function takePictures(drawing, wanted) {
  let depth = 0; // dragenter and dragleave fire for every element on the way
  const dragging = (step) => {
    depth = Math.max(0, depth + step);
    document.body.classList.toggle("is-dropping", depth > 0);
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const take = (transfer) => transfer?.files.length > 0 && wanted() && openPicture(transfer.files[0], drawing);
  document.addEventListener("dragenter", (event) => wanted() && hasFiles(event) && dragging(1));
  document.addEventListener("dragleave", (event) => wanted() && hasFiles(event) && dragging(-1));
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    dragging(-Infinity);
    if (event.defaultPrevented || !hasFiles(event)) return;
    event.preventDefault(); // otherwise the browser would leave the page and show the file
    take(event.dataTransfer);
  });
  document.addEventListener("paste", (event) => {
    if (!event.defaultPrevented && take(event.clipboardData)) event.preventDefault();
  });
}
