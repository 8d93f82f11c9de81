// The tables: what rows and columns each has, and how one row looks.

function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group) group.push(row);
    else groups.set(key(row), [row]);
  }
  return groups;
}

const leaksByContext = grouped(data.leaks, (leak) => leak.context);

const sum = (rows, key) => rows.reduce((total, row) => total + row[key], 0);

/** One row for each group of leaks that agree in a key, with its totals and some more it tells. */
function totalsBy(key, ...more) {
  return [...grouped(data.leaks, (leak) => leak[key])].map(([name, leaks]) => ({
    ...Object.fromEntries(more.map((other) => [other, leaks[0][other]])),
    [key]: name,
    leaks: leaks.length,
    bytes: sum(leaks, "bytes"),
    entries: sum(leaks, "entries"),
    contexts: new Set(leaks.map((leak) => leak.context)).size,
  }));
}

const leaksLink = (row, filter, text) =>
  make("a", { href: linkTo({ view: "leaks", ...filter }) }, text ?? number(row.leaks));

/** What a long text is in full, for the tooltip of the cell that clips it. */
const full = (content) => {
  const words = content.textContent ?? content;
  return words.length > 90 ? words : null;
};

function twoLines(first, second, path = false) {
  return [
    make("span", { class: path ? "first path" : "first", title: full(first) }, first),
    second ? make("span", { class: "second", title: full(second) }, second) : "",
  ];
}

function contextCell(row) {
  const [last, before] = splitId(row.context);
  const subtest = row.subtest ? ` ${row.subtest}` : "";
  const where = row.scope === "test" || !row.scope ? before : `${row.scope} ${before}`.trim();
  return twoLines(leaksLink(row, { context: row.context }, last + subtest), where);
}

function placeCell(row) {
  if (!row.place) return [make("span", { class: "second" }, "not known")];
  const made = [row.function && `in ${row.function}`, row.call].filter(Boolean).join("  ·  ");
  return twoLines(leaksLink(row, { place: row.place }, row.place), made, true);
}

function pathCell(row) {
  const tags = (row.notes || []).map((note) => make("span", { class: "tag" }, note));
  return [...twoLines(row.name, row.dir, true), ...tags];
}

const statusClass = (status) =>
  FAILED.has(status) ? "status-bad" : status === "success" ? "status-good" : "status-quiet";
const statusMark = (status) => (FAILED.has(status) ? "✗ " : status === "success" ? "✓ " : "– ");

function statusCell(row) {
  const mark = make("span", { "aria-hidden": "true" }, statusMark(row.status));
  return [make("span", { class: `short ${statusClass(row.status)}` }, mark, row.status)];
}

function testCell(row) {
  const [last, before] = splitId(row.id);
  const cell = twoLines(last, [before, row.message].filter(Boolean).join("  ·  "));
  if (row.texts) {
    cell.push(make("button", { type: "button", class: "texts", "aria-expanded": "false",
      "aria-label": `Details of ${row.id}` }, "Details"));
  }
  return cell;
}

/** A number with a bar under it, as long as its share of the largest. */
function barCell(key, words, kind = "") {
  return (row, most) => {
    const share = most > 0 ? (100 * row[key]) / most : 0;
    const bar = make("span", { class: `bar ${kind}`, "aria-hidden": "true" }, make("i"));
    bar.firstChild.style.width = `${share}%`;
    return [words(row[key]), share ? bar : ""];
  };
}

const text = (key, label, cell) => ({ key, label, cell: cell || ((row) => [row[key]]) });
const count = (key, label, cell) =>
  ({ key, label, number: true, cell: cell || ((row) => [number(row[key])]) });
const bytesColumn = (label = "Size") => count("bytes", label, barCell("bytes", size));

for (const test of data.tests) test.left = (leaksByContext.get(test.id) || []).length;

/** The tables by name. `sort` is the order at first, `facet` what the select filters by. */
const VIEWS = {
  leaks: {
    title: "Leaks", one: "leak", many: "leaks", rows: () => data.leaks, sort: "-bytes",
    facet: ["type", "Type"],
    columns: [text("name", "What", pathCell), text("type", "Type"), bytesColumn(),
      count("entries", "Entries"), text("context", "Left by", contextCell),
      text("place", "Made at", placeCell)],
  },
  contexts: {
    title: "By test", one: "context", many: "contexts", rows: () => totalsBy("context", "scope"),
    sort: "-bytes", facet: ["scope", "Scope"],
    columns: [text("context", "Left by", contextCell),
      text("scope", "Scope"),
      count("leaks", "Leaks", (row) => [leaksLink(row, { context: row.context })]),
      count("entries", "Entries"), bytesColumn()],
  },
  origins: {
    title: "By origin", one: "line of code", many: "lines of code", rows: () => totalsBy("place", "function", "call"),
    sort: "-leaks", facet: ["call", "Call"],
    columns: [text("place", "Made at", placeCell),
      count("leaks", "Leaks", (row) =>
        row.place ? [leaksLink(row, { place: row.place })] : [number(row.leaks)]),
      count("contexts", "Contexts"), bytesColumn()],
  },
  directories: {
    title: "By directory", one: "directory", many: "directories", rows: () => totalsBy("dir"),
    sort: "-bytes",
    columns: [text("dir", "Directory", (row) =>
      twoLines(leaksLink(row, { dir: row.dir }, row.dir), "", true)),
      count("leaks", "Leaks", (row) => [leaksLink(row, { dir: row.dir })]),
      count("contexts", "Contexts"), bytesColumn()],
  },
  tests: {
    title: "Tests", one: "test", many: "tests", rows: () => data.tests, sort: "-seconds",
    facet: ["status", "Status"],
    columns: [text("id", "Test", testCell), text("status", "Status", statusCell),
      count("seconds", "Time", barCell("seconds", duration, "time")),
      count("entries", "Made"),
      count("bytes", "Bytes made", barCell("bytes", size, "made")),
      count("left", "Leaks", (row) =>
        row.left ? [leaksLink({ leaks: row.left }, { context: row.id })] : ["0"])],
  },
  modified: {
    title: "Modified", one: "file", many: "files", rows: () => data.modified, sort: "name",
    facet: ["change", "Change"],
    columns: [text("name", "File", pathCell), text("change", "Change"), text("what", "What differs"),
      text("context", "By", (row) => twoLines(...splitId(row.context)))],
  },
  unattributed: {
    title: "Unattributed", one: "entry", many: "entries", rows: () => data.unattributed,
    sort: "-bytes", facet: ["type", "Type"],
    columns: [text("name", "What", pathCell), text("type", "Type"), bytesColumn()],
  },
};
for (const name of ["modified", "unattributed"]) if (!data[name].length) delete VIEWS[name];

const collator = new Intl.Collator("en", { numeric: true });

/** The rows of a view that a state lets through, in its order. */
function selectRows(view, state) {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const exact = ["context", "place", "dir"].filter((key) => state[key]);
  const rows = view.all.filter((row) =>
    exact.every((key) => (row[key] ?? row.id) === state[key])
    && (!state.facet || !view.facet || row[view.facet[0]] === state.facet)
    && words.every((word) => searchText(row).includes(word)));
  const key = state.sort.replace(/^-/, "");
  const direction = state.sort.startsWith("-") ? -1 : 1;
  const numeric = view.columns.find((column) => column.key === key).number;
  const compare = numeric ? (a, b) => a[key] - b[key] : (a, b) => collator.compare(a[key], b[key]);
  return rows.sort((a, b) => direction * compare(a, b));
}

function searchText(row) {
  row.searchable ??= Object.values(row).flat()
    .filter((value) => typeof value === "string").join("\n").toLowerCase();
  return row.searchable;
}
