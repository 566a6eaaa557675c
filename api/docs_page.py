"""/docs: a page that draws /openapi.json in the browser. Self-contained: no script or style from elsewhere.

Everything that comes out of the document is put in as text, never as markup.
"""

from __future__ import annotations

from typing import Final

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>suffice: REST interface</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --soft: #8881; --blue: #1769c7; }
  body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; }
  h1 { font-size: 1.4rem; margin: 0 0 .3rem; }
  h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; text-transform: capitalize; }
  input { font: inherit; width: 100%; box-sizing: border-box; padding: .4rem .6rem; margin: 1rem 0 0; }
  details { border: 1px solid var(--line); border-radius: 6px; margin: .3rem 0; }
  summary { cursor: pointer; padding: .4rem .7rem; display: flex; gap: .7rem; align-items: baseline; }
  summary b { font: 600 12px ui-monospace, monospace; color: var(--blue); min-width: 4.2rem; }
  summary code { flex: 1; overflow-wrap: anywhere; }
  summary span { color: GrayText; text-align: right; }
  details > div { padding: 0 .9rem .8rem; border-top: 1px solid var(--line); }
  h3 { font-size: .9rem; margin: .8rem 0 .2rem; }
  pre { background: var(--soft); padding: .6rem; border-radius: 6px; overflow: auto; margin: .2rem 0; }
  code, pre { font: 13px/1.45 ui-monospace, monospace; }
</style>
</head>
<body>
<h1>suffice</h1>
<p id="about">Loading /openapi.json.</p>
<input id="filter" type="search" placeholder="Filter by path or words" aria-label="Filter the calls">
<main id="calls"></main>
<script>
"use strict";
const make = (tag, text) => {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  return element;
};
let spec;

function shape(schema, depth) {
  if (!schema) return "any";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return depth > 3 ? name : shape(spec.components.schemas[name], depth);
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map(v => JSON.stringify(v)).join(" | ");
  const choice = schema.anyOf || schema.oneOf;
  if (choice) return choice.map(s => shape(s, depth)).join(" | ");
  const pad = "  ".repeat(depth + 1);
  if (schema.properties) {
    const must = schema.required || [];
    const lines = Object.entries(schema.properties).map(
      ([name, part]) => pad + name + (must.includes(name) ? "" : "?") + ": " + shape(part, depth + 1)
        + (part.description ? "   # " + part.description : ""));
    return "{\\n" + lines.join("\\n") + "\\n" + "  ".repeat(depth) + "}";
  }
  if (schema.type === "array") return "[" + shape(schema.items, depth) + "]";
  if (schema.additionalProperties && schema.additionalProperties !== true)
    return "{string: " + shape(schema.additionalProperties, depth) + "}";
  return schema.type || "any";
}

function section(parent, title, text) {
  parent.append(make("h3", title), make("pre", text));
}

function card(path, method, call) {
  const box = make("details");
  const head = make("summary");
  head.append(make("b", method.toUpperCase()), make("code", path), make("span", call.summary));
  box.append(head);
  box.addEventListener("toggle", () => {
    if (box.childElementCount > 1) return;
    const body = make("div");
    body.append(make("p", call["x-role"] ? "Role: " + call["x-role"] : "No key needed."));
    if (call.parameters) section(body, "Parameters", call.parameters.map(
      p => p.name + (p.required ? "" : "?") + " (" + p.in + "): " + shape(p.schema, 0)
        + (p.schema.description ? "   # " + p.schema.description : "")).join("\\n"));
    if (call.requestBody) for (const [kind, media] of Object.entries(call.requestBody.content))
      section(body, "Body, " + kind, shape(media.schema, 0));
    for (const [status, answer] of Object.entries(call.responses)) {
      const found = answer.$ref ? spec.components.responses[answer.$ref.split("/").pop()] : answer;
      const media = Object.values(found.content || {})[0];
      section(body, status === "default" ? "Refusals" : status,
        (found.description || "") + (media ? "\\n" + shape(media.schema, 0) : ""));
    }
    box.append(body);
  });
  box.dataset.words = (method + " " + path + " " + call.summary).toLowerCase();
  return box;
}

async function draw() {
  spec = await (await fetch("/openapi.json")).json();
  const about = document.getElementById("about");
  about.textContent = spec.info.description + " Version " + spec.info.version + ".";
  const sections = {};
  for (const [path, methods] of Object.entries(spec.paths))
    for (const [method, call] of Object.entries(methods))
      (sections[call.tags[0]] ||= []).push(card(path, method, call));
  const main = document.getElementById("calls");
  for (const [tag, cards] of Object.entries(sections)) main.append(make("h2", tag), ...cards);
}

document.getElementById("filter").addEventListener("input", event => {
  const words = event.target.value.toLowerCase().split(/\\s+/);
  for (const box of document.querySelectorAll("details"))
    box.hidden = !words.every(word => box.dataset.words.includes(word));
});
draw().catch(() => { document.getElementById("about").textContent = "Cannot read /openapi.json."; });
</script>
</body>
</html>
"""
