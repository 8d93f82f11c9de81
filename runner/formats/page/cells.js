// The content of table cells and the targets of their links.

const LONG = 140;  // characters; a longer text is folded

for (const test of data.tests) test.context = test.owner ?? test.id;
for (const leak of data.leaks) leak.run = data.tests[leak.test]?.run;
const testsByContext = grouped(data.tests, (test) => test.context);

/** Return a text for a cell; a long one is folded and has a button that unfolds it. */
function textLines(kind, words, wrap = (nodes) => nodes) {
  const nodes = wrap(breakable(words));
  if (words.length <= LONG) return [make("span", { class: kind }, ...nodes)];
  return [make("span", { class: `${kind} clipped` }, ...nodes),
    make("button", { type: "button", class: "unfold", "aria-expanded": "false",
      "aria-label": `More of ${words.slice(0, 40)}…` }, "More")];
}

/** Return two texts for a cell; the first links to the leaks of a filter, if one is given. */
function twoLines(first, second, { filter = null, path = false } = {}) {
  const wrap = filter ? (nodes) => [leaksLink(filter, ...nodes)] : undefined;
  return [...textLines(path ? "first path" : "first", first, wrap),
    ...(second ? textLines("second", second) : [])];
}

const leaksLink = (filter, ...nodes) =>
  make("a", { href: linkTo({ view: "leaks", ...filter }) }, ...nodes);

function contextCell(row) {
  const [last, before] = splitId(row.context);
  const which = (row.subtest ? ` ${row.subtest}` : "") + (row.run ? ` (run ${row.run})` : "");
  const where = row.scope === "test" || !row.scope ? before : `${row.scope} ${before}`.trim();
  const filter = { context: row.context, run: row.run };
  return [...twoLines(last + which, where, { filter }), outcomeLink(row)];
}

/** Link a leak to the outcome of its test, or of all tests with its id if it is not known which. */
function outcomeLink(row) {
  const tests = row.test === undefined ? testsByContext.get(row.context) : [data.tests[row.test]];
  if (!tests) return "";
  const statuses = [...new Set(tests.map((test) => test.status))];
  const href = linkTo({ view: "tests", context: row.context, run: row.run });
  return make("a", { class: "outcome", href }, statusMark(statuses[0]),
    `Outcome: ${statuses.join(", ")}`);
}

function placeCell(row) {
  if (!row.place) return [make("span", { class: "second" }, row.call || "not known")];
  const creator = [row.function && `in ${row.function}`,
    row.caller && `called from ${row.caller}`, row.call].filter(Boolean).join("  ·  ");
  return twoLines(row.place, creator, { filter: { place: row.place }, path: true });
}

function pathCell(row) {
  const tags = (row.notes || []).map((note) => make("span", { class: "tag" }, note));
  return [...twoLines(row.name, row.dir, { path: true }), ...tags];
}

const dirCell = (row) => twoLines(row.dir, "", { filter: { dir: row.dir }, path: true });

const stateCell = (row) =>
  [make("span", { class: row.state === "known" ? "status-quiet" : "status-leak" }, row.state)];

const statusClass = (status) =>
  FAILED.has(status) ? "status-bad" : status === "success" ? "status-good" : "status-quiet";

function statusMark(status) {
  const mark = FAILED.has(status) ? "✗ " : status === "success" ? "✓ " : "– ";
  return make("span", { class: statusClass(status), "aria-hidden": "true" }, mark);
}

const statusCell = (row) =>
  [make("span", { class: statusClass(row.status) }, statusMark(row.status), row.status)];

function testCell(row) {
  const [last, before] = splitId(row.id);
  const name = row.run ? `${last} (run ${row.run})` : last;
  const cell = twoLines(name, [before, row.message].filter(Boolean).join("  ·  "));
  if (row.texts) {
    cell.push(make("button", { type: "button", class: "texts", "aria-expanded": "false",
      "aria-label": `Details of ${row.id}` }, "Details"));
  }
  return cell;
}

/** Return a number and a bar as long as its share of the largest number. */
function barCell(key, words, kind = "") {
  return (row, most) => {
    const share = most > 0 ? (100 * row[key]) / most : 0;
    const bar = make("span", { class: `bar ${kind}`, "aria-hidden": "true" }, make("i"));
    bar.firstChild.style.width = `${share}%`;
    return [words(row[key]), share ? bar : ""];
  };
}
