// Pictures of one's own: opened, dropped or pasted.

/** The longest side that is sent: enough for a photo of a page, and quick on its way. */
const MOST_SIDE = 1000;

/**
 * Read a picture file, at most 1,000 pixels a side, on white where it is transparent.
 * @returns {source: canvas, width, height, bytes: RGB, row by row, name}
 * @throws Error with a sentence for the person
 */
export async function readPicture(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file); // turns photos the way their camera was held
  } catch {
    const name = file.name ? `“${file.name}”` : "This file";
    throw new Error(`${name} could not be read as a picture. Try a PNG or JPEG file.`);
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
  return { source, width: source.width, height: source.height, bytes, name: file.name ?? "" };
}

/** Show a file on the drawing; what is wrong with it goes to `toast`. */
export async function openPicture(file, drawing, toast) {
  try {
    drawing.open(await readPicture(file));
  } catch (error) {
    toast(error.message, "error");
  }
}

/** Take pictures that are dropped anywhere on the page or pasted, while `wanted()`. Others may take the event first. */
export function takePictures(drawing, toast, wanted) {
  const body = document.body;
  const files = (transfer) => [...(transfer?.files ?? [])];
  let depth = 0; // dragenter and dragleave come for every element on the way
  const dragging = (step) => {
    depth = Math.max(0, depth + step);
    body.classList.toggle("is-dropping", depth > 0);
  };
  const hasFiles = (event) => wanted() && event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => hasFiles(event) && dragging(1));
  document.addEventListener("dragleave", (event) => hasFiles(event) && dragging(-1));
  document.addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
  document.addEventListener("drop", (event) => {
    dragging(-Infinity);
    if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // or the browser would leave the page for the file
    const [file] = files(event.dataTransfer);
    if (file && wanted()) openPicture(file, drawing, toast);
  });
  document.addEventListener("paste", (event) => {
    const [file] = files(event.clipboardData);
    if (!file || event.defaultPrevented || !wanted()) return;
    event.preventDefault();
    openPicture(file, drawing, toast);
  });
}
