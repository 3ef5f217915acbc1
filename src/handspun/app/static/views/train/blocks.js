// A network as stacked blocks that one can change, move and remove.

import { button, iconButton, options, withArrow } from "../../shared/base/controls.js";
import { element } from "../../shared/base/dom.js";
import { counted, shapeText } from "../../shared/base/numbers.js";
import { withFlatten } from "./flatten.js";

/** Events: "change", when the person changed something. */
export class Blocks extends EventTarget {
  #kinds;
  #layers = []; // {kind, …arguments}
  #notes = []; // for each layer, the element that shows its output
  #input;
  #output;

  /** @param kinds layer_kinds of GET /api/options */
  constructor(kinds) {
    super();
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
    this.list = element("ol", { class: "blocks", id: "blocks", "aria-label": "Layers, from the picture to the answer" });
    const choice = element("select", { id: "block-kind", "aria-label": "Kind of layer" },
      group("Layers", kinds.filter((kind) => !kind.activation)), group("Activations", kinds.filter((kind) => kind.activation)));
    this.add = button("Add layer", () => this.#add(choice.value), { id: "block-add" });
    this.#input = element("span", { class: "block-note" });
    this.#output = element("span", { class: "block-note" });
    this.root = element("div", { class: "network" },
      fixed("picture", this.#input), this.list, fixed("output", this.#output),
      element("div", { class: "row" }, withArrow(choice), this.add));
  }

  /** All layers but the last, as settings have them. */
  get layers() {
    return withFlatten(this.#layers);
  }

  set layers(layers) {
    this.#layers = layers.map((layer) => ({ ...this.#defaults(layer.kind), ...layer }));
    this.#render();
  }

  /** Show the output of each block; `outline` is null while that is not known. */
  showOutline(outline, imageShape) {
    this.#input.textContent = shapeText(imageShape);
    const rows = [...(outline?.layers ?? [])];
    this.#output.textContent = rows.length > 0 ? about(rows.pop()) : "";
    this.#layers.forEach(({ kind }, i) => {
      // Rows without a block are Flatten layers that were added automatically.
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
    const looks = `${kind.activation ? "is-activation" : ""} ${kind.arguments.length > 1 ? "has-many" : ""}`;
    return element("li", { class: `block ${looks}`, "data-test": `block-${i}`, "data-kind": layer.kind },
      element("span", { class: "block-name", title: kind.text }, kind.title),
      element("span", { class: "block-fields" }, ...fields), this.#notes[i],
      element("span", { class: "block-buttons" },
        arrow("↑", `Move ${name} up`, i > 0, () => this.#move(i, -1)),
        arrow("↓", `Move ${name} down`, i < this.#layers.length - 1, () => this.#move(i, 1)),
        iconButton("close", `Remove ${name}`, () => this.#remove(i))));
  }

  #argument(layer, { name, title, low, high, step, choices }, owner) {
    const onchange = () => {
      if (!choices && !input.checkValidity()) {
        input.value = layer[name]; // back to the last valid value
        return;
      }
      layer[name] = choices ? input.value : Number(input.value);
      this.dispatchEvent(new Event("change"));
    };
    const attributes = { "aria-label": `${title} of ${owner}`, "data-test": name, onchange };
    const input = choices
      ? element("select", attributes, ...options(choices.map((value) => ({ name: value }))))
      : element("input", {
        type: "number", min: low, max: high, step, inputmode: step < 1 ? "decimal" : "numeric", ...attributes,
      });
    input.value = layer[name];
    return element("label", { class: "block-field" },
      element("span", { "aria-hidden": "true" }, title), choices ? withArrow(input) : input);
  }

  #move(i, by) {
    const [layer] = this.#layers.splice(i, 1);
    this.#layers.splice(i + by, 0, layer);
    this.#changed();
    // The focus stays on the block that moved, on a button that still works.
    const [up, down] = this.list.children[i + by].querySelectorAll(".block-buttons button");
    const [same, other] = by < 0 ? [up, down] : [down, up];
    (same.disabled ? other : same).focus();
  }

  #remove(i) {
    this.#layers.splice(i, 1);
    this.#changed();
    const neighbour = this.list.children[Math.min(i, this.#layers.length - 1)];
    (neighbour?.querySelector(".block-buttons button:last-child") ?? this.add).focus();
  }
}

function arrow(sign, label, enabled, act) {
  const attributes = { class: "icon-button", "aria-label": label, title: label, disabled: !enabled };
  return button(element("span", { "aria-hidden": "true" }, sign), act, attributes);
}

function group(label, kinds) {
  return element("optgroup", { label }, ...options(kinds.map(({ kind, title }) => ({ name: kind, title }))));
}

function fixed(name, note) {
  return element("div", { class: "block is-fixed" },
    element("span", { class: "block-name" }, name), element("span", { class: "block-fields" }), note);
}

function about({ output_shape: shape, parameters }) {
  const size = shapeText(shape);
  return parameters > 0 ? `${size} · ${counted(parameters, "parameter")}` : size;
}
