// The tray: drawn digits with their right answers. This browser keeps them, so that they survive a reload.

import { base64 } from "../base/arrays.js";
import { recall, remember } from "../base/storage.js";

const KEY = "handspun-tray";
const SIDE = 28;

/** The classes of the drawings, whatever model is chosen. A label is an index into them. */
export const DIGITS = [..."0123456789"];

/** The server takes no more in one request. */
export const MOST_DRAWINGS = 1000;

/** Events: "change". */
class Tray extends EventTarget {
  /** {pixels: array (28, 28) as it travels in JSON, label} of each drawing, the oldest first. */
  drawings = [];

  constructor() {
    super();
    this.#read();
    // Another tab with this page may have changed it.
    addEventListener("storage", (event) => {
      if (event.key !== KEY) return;
      this.#read();
      this.dispatchEvent(new Event("change"));
    });
  }

  /** Add a drawing of 28 × 28 bytes, as the network sees it. Returns whether there was room. */
  add(pixels, label) {
    return this.addAll([{ pixels: { shape: [SIDE, SIDE], dtype: "uint8", data: base64(pixels) }, label }]);
  }

  /** Add several, as in `drawings`. Returns whether there was room. */
  addAll(drawings) {
    if (this.drawings.length + drawings.length > MOST_DRAWINGS) return false;
    this.#set([...this.drawings, ...drawings]);
    return true;
  }

  remove(drawing) {
    this.#set(this.drawings.filter((other) => other !== drawing));
  }

  clear() {
    this.#set([]);
  }

  #set(drawings) {
    this.drawings = drawings;
    remember(KEY, drawings);
    this.dispatchEvent(new Event("change"));
  }

  #read() {
    try {
      const isDrawing = ({ pixels, label }) => typeof pixels.data === "string" && Number.isInteger(label) && label in DIGITS;
      this.drawings = (recall(KEY) ?? []).filter(isDrawing);
    } catch {
      this.drawings = []; // something else is stored there
    }
  }
}

/** The page has one tray. */
export const tray = new Tray();
