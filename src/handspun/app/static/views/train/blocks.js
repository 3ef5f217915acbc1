// A network as stacked blocks that one can change, move and remove.

import { element, icon } from "../../shared/base/dom.js";

const ON_PICTURES = new Set(["Conv2D", "MaxPool2D", "AvgPool2D"]);
const FLATTENS = new Set(["Flatten", "GlobalAvgPool"]);

/** The layers with a Flatten wherever a dense layer, or the last one, would meet pictures. */
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

/** Events: "change", when the person changed something. */
export class Blocks extends EventTarget {
  #kinds;
  #layers = []; // {kind, …arguments}
  #notes = []; // for each of them, the element that says what comes out
  #input;
  #output;

  /** @param kinds layer_kinds of GET /api/options */
  constructor(kinds) {
    super();
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
    this.list = element("ol", { class: "blocks", id: "blocks", "aria-label": "Layers, from the picture to the answer" });
    const choice = element("select", { id: "block-kind", "aria-label": "Kind of layer" },
      group("Layers", kinds.filter((kind) => !kind.activation)), group("Activations", kinds.filter((kind) => kind.activation)));
    const add = element("button", { type: "button", class: "button", id: "block-add" }, "Add layer");
    add.addEventListener("click", () => this.#add(choice.value));
    this.#input = element("span", { class: "block-note" });
    this.#output = element("span", { class: "block-note" });
    this.root = element("div", { class: "network" },
      fixed("picture", this.#input), this.list, fixed("output", this.#output),
      element("div", { class: "row" }, element("span", { class: "select" }, choice), add));
  }

  /** The layers but the last, as settings have them. */
  get layers() {
    return withFlatten(this.#layers);
  }

  set layers(layers) {
    this.#layers = layers.map((layer) => ({ ...this.#defaults(layer.kind), ...layer }));
    this.#render();
  }

  /** Say what comes out of each block; null while that is not known. */
  showOutline(outline, imageShape) {
    this.#input.textContent = imageShape.join(" × ");
    const rows = [...(outline?.layers ?? [])];
    this.#output.textContent = rows.length > 0 ? about(rows.pop()) : "";
    this.#layers.forEach(({ kind }, i) => {
      // Rows that no block stands for are the flattening that is put in by itself.
      while (rows.length > 0 && rows[0].kind !== kind) rows.shift();
      this.#notes[i].textContent = rows.length > 0 ? about(rows.shift()) : "";
    });
  }

  #defaults(kind) {
    const values = { kind };
    for (const argument of this.#kinds.get(kind)?.arguments ?? []) values[argument.name] = argument.default;
    return values;
  }

  #add(kind) {
    this.#layers.push(this.#defaults(kind));
    this.#changed();
    this.list.lastElementChild.querySelector("input, select, button").focus();
  }

  #changed() {
    this.#render();
    this.dispatchEvent(new Event("change"));
  }

  #render() {
    this.#notes = this.#layers.map(() => element("span", { class: "block-note" }));
    this.list.replaceChildren(...this.#layers.map((layer, i) => this.#block(layer, i)));
  }

  #block(layer, i) {
    const kind = this.#kinds.get(layer.kind) ?? { title: layer.kind, text: "", arguments: [] };
    const name = `${kind.title}, layer ${i + 1}`;
    const fields = kind.arguments.map((argument) => this.#argument(layer, argument, name));
    const buttons = [
      this.#button("up", `Move ${name} up`, i > 0, () => this.#move(i, -1)),
      this.#button("down", `Move ${name} down`, i < this.#layers.length - 1, () => this.#move(i, 1)),
      this.#button("close", `Remove ${name}`, true, () => this.#remove(i)),
    ];
    return element("li", { class: `block ${kind.activation ? "is-activation" : ""} ${kind.arguments.length > 1 ? "has-many" : ""}`, "data-test": `block-${i}`, "data-kind": layer.kind },
      element("span", { class: "block-name", title: kind.text }, kind.title),
      element("span", { class: "block-fields" }, ...fields), this.#notes[i], element("span", { class: "block-buttons" }, ...buttons));
  }

  #argument(layer, { name, title, low, high, step, choices }, owner) {
    const label = `${title} of ${owner}`;
    const input = choices
      ? element("select", { "aria-label": label }, ...choices.map((value) => element("option", { value, selected: layer[name] === value }, value)))
      : element("input", { type: "number", min: low, max: high, step, value: layer[name], "aria-label": label, inputmode: step < 1 ? "decimal" : "numeric" });
    input.dataset.test = name;
    input.addEventListener("change", () => {
      if (!choices && !input.checkValidity()) {
        input.value = layer[name]; // back to what it was: nothing else could be meant
        return;
      }
      layer[name] = choices ? input.value : Number(input.value);
      this.dispatchEvent(new Event("change"));
    });
    return element("label", { class: "block-field" }, element("span", { "aria-hidden": "true" }, title), choices ? element("span", { class: "select" }, input) : input);
  }

  #button(symbol, label, enabled, act) {
    const made = element("button", { type: "button", class: "button icon-button", "aria-label": label, title: label, disabled: !enabled });
    made.append(symbol === "close" ? icon("close") : element("span", { "aria-hidden": "true" }, symbol === "up" ? "↑" : "↓"));
    made.addEventListener("click", act);
    return made;
  }

  #move(i, by) {
    const [layer] = this.#layers.splice(i, 1);
    this.#layers.splice(i + by, 0, layer);
    this.#changed();
    // The focus stays on the block that moved, on a button that still does something.
    const buttons = this.list.children[i + by].querySelectorAll(".block-buttons button");
    const same = buttons[by < 0 ? 0 : 1];
    (same.disabled ? buttons[by < 0 ? 1 : 0] : same).focus();
  }

  #remove(i) {
    this.#layers.splice(i, 1);
    this.#changed();
    (this.list.children[Math.min(i, this.#layers.length - 1)]?.querySelector(".block-buttons button:last-child")
      ?? this.root.querySelector("#block-add")).focus();
  }
}

function group(label, kinds) {
  return element("optgroup", { label }, ...kinds.map(({ kind, title }) => element("option", { value: kind }, title)));
}

function fixed(name, note) {
  return element("div", { class: "block is-fixed" }, element("span", { class: "block-name" }, name), element("span", { class: "block-fields" }), note);
}

function about({ output_shape: shape, parameters }) {
  const size = shape.join(" × ");
  return parameters > 0 ? `${size} · ${parameters.toLocaleString("en")} parameters` : size;
}
