// The tray: drawn digits with their right answers. They are kept in this browser (localStorage), so that a reload loses none.

import { base64 } from "../figures/pixels.js";

const KEY = "handspun-tray";
const SIDE = 28;

/** What the drawings are of: a label is the place of its name here, whatever the model that is chosen tells apart. */
export const DIGITS = [..."0123456789"];

/** More than anyone draws in an evening; it is what the server takes at a time. */
export const MOST_DRAWINGS = 1000;

/** Events: "change". */
export class Tray extends EventTarget {
  /** {pixels: Array of (28, 28) as JSON has it, label} of each, the oldest first. */
  drawings = [];

  constructor() {
    super();
    this.#read();
    // Another window of the same page may have drawn.
    addEventListener("storage", (event) => {
      if (event.key !== KEY) return;
      this.#read();
      this.dispatchEvent(new Event("change"));
    });
  }

  /** Add one: `pixels` are the 28 × 28 bytes that the network sees. Whether there was room. */
  add(pixels, label) {
    return this.addAll([{ pixels: { shape: [SIDE, SIDE], dtype: "uint8", data: base64(pixels) }, label }]);
  }

  /** Add several that are as in `drawings`. Whether there was room. */
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
    // Storage can be full or forbidden; then the tray lasts as long as the page.
    try { localStorage.setItem(KEY, JSON.stringify(drawings)); } catch { /* see above */ }
    this.dispatchEvent(new Event("change"));
  }

  #read() {
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      this.drawings = found.filter(({ pixels, label }) => typeof pixels.data === "string" && Number.isInteger(label) && label in DIGITS);
    } catch {
      this.drawings = [];
    }
  }
}

/** The one tray of the page. */
export const tray = new Tray();
