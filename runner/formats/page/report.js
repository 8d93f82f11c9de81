"use strict";
// Shared helpers: the data, elements, numbers as text, and the state, which is the URL fragment.

const data = JSON.parse(document.getElementById("document").textContent);
const byId = (id) => document.getElementById(id);
const isNarrow = matchMedia("(max-width: 760px)").matches;
const FAILED = new Set(["failure", "error", "unexpected success", "leak"]);

/** Create an element; strings become text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Return a text as nodes, with line breaks allowed after dots, underscores and slashes. */
function breakable(text) {
  return text.split(/(?<=[._/\\])(?=[^._/\\])/)
    .flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part]));
}

const number = (value) => value.toLocaleString("en-US");
const plural = (value, one, many) => `${number(value)} ${value === 1 ? one : many}`;

function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  for (const unit of ["KiB", "MiB", "GiB"]) {
    bytes /= 1024;
    if (bytes < 1023.95) return `${bytes.toFixed(1)} ${unit}`;
  }
  return `${(bytes / 1024).toFixed(1)} TiB`;
}

function duration(seconds) {
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  const rounded = Math.round(seconds);
  return `${Math.floor(rounded / 60)} min ${String(rounded % 60).padStart(2, "0")} s`;
}

/** Split `pkg.mod.Class.test_x`, or `tests/test_a.py::test_x[1.5]`, into its last part and the rest. */
function splitId(id) {
  const separator = id.includes("::") ? "::" : ".";
  const at = separator === "." && id.includes(" ") ? -1 : id.lastIndexOf(separator);
  return at < 0 ? [id, ""] : [id.slice(at + separator.length), id.slice(0, at)];
}

/** Return the end of a text, which says more about an id or a path than its start. */
const tail = (text, most) => (text.length > most ? `…${text.slice(1 - most)}` : text);

function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group) group.push(row);
    else groups.set(key(row), [row]);
  }
  return groups;
}

const sum = (rows, key) => rows.reduce((total, row) => total + row[key], 0);

const FILTERS = ["state", "facet", "context", "run", "place", "dir"];
const KEYS = ["view", "sort", "by", "q", ...FILTERS];
const NO_FILTERS = Object.fromEntries(["q", ...FILTERS].map((key) => [key, ""]));

/** Read the state from the fragment; unknown views and columns are replaced later. */
function readState() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(KEYS.map((key) => [key, fragment.get(key) || ""]));
}

/** Return the fragment for a state: `#view=tests&sort=-seconds`. */
function linkTo(state) {
  const fragment = new URLSearchParams();
  for (const key of KEYS) if (state[key]) fragment.set(key, state[key]);
  return `#${fragment}`;
}
