// Draw: the sheet, and what the network answers.

import { Sketchpad } from "../sketchpad.js";

export default {
  id: "draw",
  title: "Draw",

  mount(root, app) {
    const pad = document.createElement("div");
    root.append(pad);
    this.sketchpad = new Sketchpad(pad, app.drawing, { tools: true });
  },

  show() {},
  hide() {},
};
