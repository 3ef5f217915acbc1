// The tray as a file.

import { element } from "../../shared/base/dom.js";
import { announce, attempt } from "../../shared/base/messages.js";
import { counted } from "../../shared/base/numbers.js";
import { DIGITS, tray } from "../../shared/drawing/tray.js";
import { post, postForFile } from "../../shared/server/api.js";

export const saveDrawings = () => attempt(async () => {
  const file = await postForFile("api/drawings/file", { drawings: tray.drawings, classes: DIGITS });
  const link = element("a", { href: URL.createObjectURL(file), download: "drawings.npz" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}, "The drawings could not be saved.");

export const loadDrawings = (file) => attempt(async () => {
  const { drawings, classes } = await post("api/drawings", file);
  const places = classes.map((name) => DIGITS.indexOf(name));
  if (places.includes(-1)) throw new Error(`Its classes are not the ten digits: ${classes.slice(0, 5).join(", ")}.`);
  const loaded = drawings.map(({ pixels, label }) => ({ pixels, label: places[label] }));
  if (!tray.addAll(loaded)) throw new Error("The tray is full.");
  announce(`Loaded ${counted(drawings.length, "drawing")}.`);
}, `${file.name} could not be loaded.`);
