// The tables: their rows, columns and orders, and the rows that a state selects.

const STATES = ["failing", "new", "known"];
const collator = new Intl.Collator("en", { numeric: true });

/** Return the totals of each group of leaks with the same key, with further keys of its first. */
function totalsBy(key, ...more) {
  return [...grouped(data.leaks, (leak) => leak[key])].map(([name, leaks]) => ({
    ...Object.fromEntries(more.map((other) => [other, leaks[0][other]])),
    [key]: name,
    leaks: leaks.length,
    bytes: sum(leaks, "bytes"),
    files: sum(leaks, "files"),
    contexts: new Set(leaks.map((leak) => leak.context)).size,
  }));
}

/** Return a column; its width is a share of the width of the table. */
const text = (key, label, width, cell) =>
  ({ key, label, width, cell: cell || ((row) => breakable(row[key])) });
const count = (key, label, width, cell) =>
  ({ key, label, width, number: true, cell: cell || ((row) => [number(row[key])]) });
const bytesColumn = (width = 13, label = "Size", kind = "") =>
  count("bytes", label, width, barCell("bytes", size, kind));
const leaksColumn = (filter) => count("leaks", "Leaks", 8, (row) =>
  [Object.values(filter(row))[0] ? leaksLink(filter(row), number(row.leaks)) : number(row.leaks)]);
const stateColumn = { ...text("state", "State", 8, stateCell),
  compare: (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) };

const hasStates = data.leaks.some((leak) => leak.state !== "new");
const tested = data.tests.some((test) => test.owner !== undefined)
  ? { title: "Tests and fixtures", one: "test or fixture", many: "tests and fixtures" }
  : { title: "Tests", one: "test", many: "tests" };

/** The tables by name: `sort` is the first order, `facets` are the keys of the selects, `tiles` is
    the key of the treemap. Rows that are equal in an order stay sorted by size. */
const VIEWS = {
  leaks: {
    title: "Leaks", one: "leak", many: "leaks", rows: () => data.leaks,
    sort: hasStates ? "state" : "-bytes", tiles: ["place", "line of code"],
    facets: { state: ["state", "State"], facet: ["type", "Type"] },
    columns: [text("name", "What", 24, pathCell), ...(hasStates ? [stateColumn] : []),
      text("type", "Type", 9.5), bytesColumn(), count("files", "Files", 8.5),
      text("context", "Left by", 25, contextCell), text("place", "Created at", 23, placeCell)],
  },
  contexts: {
    title: "By test", one: "test or fixture", many: "tests and fixtures",
    rows: () => totalsBy("context", "scope"), sort: "-bytes", tiles: ["context", "test"],
    facets: { facet: ["scope", "Scope"] },
    columns: [text("context", "Left by", 45, contextCell), text("scope", "Scope", 10),
      leaksColumn((row) => ({ context: row.context })), count("files", "Files", 10),
      bytesColumn(25)],
  },
  origins: {
    title: "By origin", one: "line of code", many: "lines of code",
    rows: () => totalsBy("place", "function", "call"), sort: "-leaks",
    tiles: ["place", "line of code"], facets: { facet: ["call", "Call"] },
    columns: [text("place", "Created at", 55, placeCell), leaksColumn((row) => ({ place: row.place })),
      count("contexts", "Tests", 10), bytesColumn(25)],
  },
  directories: {
    title: "By directory", one: "directory", many: "directories", rows: () => totalsBy("dir"),
    sort: "-bytes", tiles: ["dir", "directory"], facets: {},
    columns: [text("dir", "Directory", 55, dirCell), leaksColumn((row) => ({ dir: row.dir })),
      count("contexts", "Tests", 10), bytesColumn(25)],
  },
  tests: {
    ...tested, rows: () => data.tests, sort: "-seconds", names: { context: "Test" },
    facets: { facet: ["result", "Result"] },
    columns: [text("id", "Test", 43, testCell), text("status", "Status", 14, statusCell),
      count("seconds", "Time", 13, barCell("seconds", duration, "time")),
      ...(!data.looked ? [] : [count("entries", "Created", 9), bytesColumn(14, "Bytes created", "created"),
        count("left", "Leaks", 7, (row) =>
          [row.left ? leaksLink({ context: row.context, run: row.run }, number(row.left)) : "0"])])],
  },
  modified: {
    title: "Modified", one: "file", many: "files", rows: () => data.modified, sort: "name",
    names: { context: "By" }, facets: { facet: ["change", "Change"] },
    columns: [text("name", "File", 30, pathCell), text("change", "Change", 12),
      text("what", "What differs", 25),
      text("context", "By", 33, (row) => twoLines(...splitId(row.context)))],
  },
  findings: {
    title: "Not files", one: "finding", many: "findings", rows: () => data.findings, sort: "text",
    facets: { facet: ["detector", "Detector"] },
    columns: [text("text", "What", 35), text("detector", "Detector", 10),
      text("context", "Left by", 30, (row) => twoLines(...splitId(row.context))),
      text("place", "Created at", 25, (row) => twoLines(row.place || "not known", row.call))],
  },
  unattributed: {
    title: "Unattributed", one: "entry", many: "entries", rows: () => data.unattributed,
    sort: "-bytes", facets: { facet: ["type", "Type"] },
    columns: [text("name", "What", 65, pathCell), text("type", "Type", 15), bytesColumn(20)],
  },
};

/** Whether a table is useless: nothing was looked for, there is one directory, or no row. */
function isIdle(name) {
  if (!data.looked) return name !== "tests";
  if (name === "directories") return new Set(data.leaks.map((leak) => leak.dir)).size < 2;
  return ["modified", "findings", "unattributed"].includes(name) && !data[name].length;
}
for (const name of Object.keys(VIEWS)) if (isIdle(name)) delete VIEWS[name];

/** The labels of the filters. */
const FILTER_NAMES = {
  context: "Left by", run: "Run", place: "Created at", dir: "Directory", state: "State",
};
const filterName = (view, key) =>
  view.facets[key]?.[1] ?? view.names?.[key] ?? FILTER_NAMES[key] ?? "Filter";

/** Return the rows of a view that a state selects, in its order. */
function selectRows(view, state) {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const exact = FILTERS.filter((key) => state[key])
    .map((key) => [view.facets[key]?.[0] ?? key, state[key]]);
  const rows = view.all.filter((row) => exact.every(([key, value]) => row[key] === value)
    && words.every((word) => searchText(row).includes(word)));
  const key = state.sort.replace(/^-/, "");
  const direction = state.sort.startsWith("-") ? -1 : 1;
  const column = view.columns.find((candidate) => candidate.key === key);
  const compare = column.compare ?? (column.number ? (a, b) => a[key] - b[key]
    : (a, b) => collator.compare(a[key], b[key]));
  return rows.sort((a, b) => direction * compare(a, b));
}

function searchText(row) {
  row.searchable ??= Object.values(row).flat()
    .filter((value) => typeof value === "string").join("\n").toLowerCase();
  return row.searchable;
}
