// The page of the API: openapi.json for people.

import { iconButton } from "../shared/base/controls.js";
import { element } from "../shared/base/dom.js";
import { toast } from "../shared/base/messages.js";
import { connectThemeButton } from "../shared/page/themebutton.js";
import { get } from "../shared/server/api.js";

/** Files to send in the examples, by type. */
const FILES = { "image/png": "seven.png", "image/jpeg": "seven.jpg", "application/x-npy": "digits.npy" };

connectThemeButton();
const operations = document.getElementById("operations");
get("/openapi.json").then(showReference, (error) => {
  operations.append(element("p", { class: "notice" }, error.message));
}).finally(() => operations.removeAttribute("aria-busy"));

function showReference(specification) {
  document.getElementById("about").append(...prose(specification.info.description));
  const contents = element("ul");
  for (const [path, methods] of Object.entries(specification.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      operations.append(showOperation(specification, method.toUpperCase(), path, operation));
      const link = element("a", { href: `#${operation.operationId}` }, operation.summary);
      contents.append(element("li", {}, link));
    }
  }
  document.getElementById("contents").append(contents);
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function showOperation(specification, method, path, operation) {
  const title = `${operation.operationId}-title`;
  return element("section", { id: operation.operationId, class: "operation", "aria-labelledby": title },
    element("h2", { id: title }, operation.summary),
    element("p", { class: "address" }, element("span", { class: "method" }, method), element("code", {}, path)),
    operation.description ? element("p", {}, ...prose(operation.description)) : null,
    ...showTaken(specification, operation),
    ...showAnswers(specification, operation.responses),
    element("h3", {}, "With curl"),
    ...commands(method, path, operation).map(showCommand));
}

/** Parameters and body. */
function showTaken(specification, { parameters = [], requestBody }) {
  const rows = parameters.map(({ name, in: place, required, description = "" }) =>
    row(name, `${place === "query" ? "query" : "path"}${required ? "" : ", optional"}`, description));
  for (const [type, { schema }] of Object.entries(requestBody?.content ?? {})) {
    const made = row(type, "body", schema?.description ?? "");
    if (schema?.properties) made.lastChild.append(element("pre", {}, sketch(specification, schema)));
    rows.push(made);
  }
  if (rows.length === 0) return [];
  return [
    element("h3", {}, "Request"),
    requestBody ? element("p", {}, ...prose(requestBody.description)) : null,
    element("dl", { class: "taken" }, ...rows),
  ];
}

/** Text with code between `backticks`. */
function prose(text) {
  return text.split("`").map((part, i) => (i % 2 === 1 ? element("code", {}, part) : part));
}

function row(name, place, description) {
  return element("div", {},
    element("dt", {}, element("code", {}, name), ` ${place}`), element("dd", {}, ...prose(description)));
}

/** The answers: the good one as a sketch, and all errors, which are alike, in one line. */
function showAnswers(specification, responses) {
  const { 200: good, ...errors } = responses;
  const [[type, { schema }]] = Object.entries(good.content);
  const codes = Object.keys(errors);
  return [
    element("h3", {}, "Response"),
    element("p", {}, element("code", {}, "200"), " ", ...prose(good.description)),
    schema ? element("pre", {}, sketch(specification, schema)) : element("p", {}, element("code", {}, type)),
    codes.length === 0 ? null : element("p", {}, element("code", {}, codes.join(", ")), " ",
      ...prose(errors[codes[0]].description), " ", element("code", {}, '{"error": text}')),
  ];
}

/** A schema as an example, with the kind of each value in its place. */
function sketch(specification, schema, indent = "") {
  if (schema.$ref) return sketch(specification, resolve(specification, schema.$ref), indent);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const inner = `${indent}  `;
  if (schema.properties) {
    const lines = Object.entries(schema.properties).map(([name, value]) =>
      `${inner}${JSON.stringify(name)}: ${sketch(specification, value, inner)}${remark(value)}`);
    return `{\n${lines.join("\n")}\n${indent}}`;
  }
  if (schema.additionalProperties) return `{class: ${sketch(specification, schema.additionalProperties, inner)}, …}`;
  if (schema.contentMediaType) return "file";
  const kinds = [schema.type ?? "value"].flat();
  return kinds.map((kind) => {
    if (kind === "array") return `[${sketch(specification, schema.items ?? {}, indent)}, …]`;
    return { string: "text", integer: "whole number", boolean: "true | false" }[kind] ?? kind;
  }).join(" | ");
}

function remark({ description }) {
  return description ? `   — ${description.replaceAll("`", "")}` : "";
}

/** The schema that "#/components/schemas/Model" names. */
function resolve(specification, reference) {
  return reference.slice(2).split("/").reduce((found, name) => found[name], specification);
}

/** One command for each kind of body that an endpoint takes. */
function commands(method, path, { parameters = [], requestBody }) {
  const example = (name) => parameters.find((parameter) => parameter.name === name)?.example ?? "mnist-cnn";
  const address = `${location.origin}${path.replace(/\{(\w+)\}/g, (_, name) => example(name))}`;
  const types = Object.entries(requestBody?.content ?? {});
  if (types.length === 0) return [`curl ${path.endsWith("/file") ? "-OJ " : ""}${address}`];
  return types.map(([type, { schema, example: body }]) => {
    if (type === "multipart/form-data") {
      const [field] = Object.keys(schema.properties);
      return `curl -F ${field}=@seven.png -F ${field}=@four.jpg ${address}`;
    }
    const data = type in FILES ? `--data-binary @${FILES[type]}` : `-d '${JSON.stringify(body ?? {})}'`;
    return `curl ${method === "POST" ? "" : `-X ${method} `}-H 'content-type: ${type}' ${data} ${address}`;
  });
}

function showCommand(text) {
  const copy = iconButton("copy", "Copy the command", async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied.");
    } catch { // a browser may forbid it
      toast("The browser does not let this page copy. Select the line instead.", "error");
    }
  }, { title: "Copy" });
  return element("div", { class: "command" }, element("pre", {}, text), copy);
}
