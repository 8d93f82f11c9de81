// The page at work: the state in the fragment drives the table, and the controls drive the state.

const FIRST_ROWS = 100;
const NEXT_ROWS = 500;
let state = {};
let current = null;
let selected = [];
let shown = 0;

/** Show what the fragment says. */
function followFragment() {
  state = readState();
  if (!Object.hasOwn(VIEWS, state.view)) state.view = "leaks";
  const view = VIEWS[state.view];
  view.all ??= view.rows().slice();
  const known = view.columns.some((column) => column.key === state.sort.replace(/^-/, ""));
  if (!known) state.sort = view.sort;
  if (current !== view) openView(view);
  render();
}

/** Change the state; typing replaces the entry in the history, the rest adds one. */
function change(changes, replace = false) {
  const next = linkTo({ ...state, ...changes });
  if (next === linkTo(state)) return;
  history[replace ? "replaceState" : "pushState"](null, "", next);
  followFragment();
}

function openView(view) {
  current = view;
  byId("table-title").textContent = view.title;
  for (const link of byId("views").children) {
    if (link.dataset.view === state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const heads = view.columns.map((column) =>
    make("th", { scope: "col", class: column.number && "number", "data-key": column.key },
      make("button", { type: "button" }, column.label)));
  byId("table").tHead.replaceChildren(make("tr", {}, ...heads));
  openFacet(view);
}

function openFacet(view) {
  const label = byId("facet-label");
  const values = view.facet ? [...new Set(view.all.map((row) => row[view.facet[0]]))] : [];
  label.hidden = values.length < 2;
  if (label.hidden) return;
  label.firstElementChild.textContent = view.facet[1];
  byId("facet").replaceChildren(make("option", { value: "" }, "All"),
    ...values.filter(Boolean).sort().map((value) => make("option", { value }, value)));
}

function render() {
  selected = selectRows(current, state);
  for (const column of current.columns) {
    if (column.number) column.most = selected.reduce((top, row) => Math.max(top, row[column.key]), 0);
  }
  for (const head of byId("table").tHead.rows[0].cells) {
    const { key } = head.dataset;
    if (state.sort === key) head.setAttribute("aria-sort", "ascending");
    else if (state.sort === `-${key}`) head.setAttribute("aria-sort", "descending");
    else head.removeAttribute("aria-sort");
  }
  if (byId("filter").value !== state.q) byId("filter").value = state.q;
  byId("facet").value = state.facet;
  byId("chips").replaceChildren(...chips());
  byId("table").tBodies[0].replaceChildren();
  shown = 0;
  showRows(FIRST_ROWS);
}

function chips() {
  const names = { context: "Left by", place: "Made at", dir: "Directory" };
  return Object.entries(names).filter(([key]) => state[key]).map(([key, name]) =>
    make("button", { type: "button", class: "chip", "data-key": key, title: state[key],
      "aria-label": `Remove the filter ${name} ${state[key]}` }, `✕ ${name} ${state[key]}`));
}

function showRows(more) {
  const rows = selected.slice(shown, shown + more).map(rowElement);
  shown += rows.length;
  byId("table").tBodies[0].append(...rows);
  byId("table").hidden = !selected.length;
  byId("table").caption.textContent = `${current.title}: ${counted()}`;
  byId("count").textContent = counted();
  byId("empty").hidden = selected.length > 0;
  byId("empty").textContent = current.all.length ? "Nothing matches the filter." : "There are none.";
  const left = selected.length - shown;
  byId("more").hidden = !left;
  byId("more").children[0].textContent = `Show ${number(Math.min(NEXT_ROWS, left))} more`;
  byId("more").children[1].textContent = `Show all ${number(selected.length)}`;
  byId("more").children[1].hidden = left <= NEXT_ROWS;
}

function counted() {
  const all = plural(selected.length, current.one, current.many);
  const first = shown < selected.length ? `First ${number(shown)} of ` : "";
  const weighed = current.columns.some((column) => column.key === "bytes" && column.label === "Size");
  return first + all + (weighed && selected.length ? `, ${size(sum(selected, "bytes"))}` : "");
}

function rowElement(row) {
  const cells = current.columns.map((column, index) => {
    const content = column.cell(row, column.most);
    if (index === 0) return make("th", { scope: "row" }, ...content);
    const short = column.cell.length === 1 && typeof content[0] === "string";
    return make("td", { class: column.number ? "number" : short ? "short" : false }, ...content);
  });
  const element = make("tr", {}, ...cells);
  element.record = row;
  return element;
}

function toggleTexts(button) {
  const row = button.closest("tr");
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  if (!open) {
    row.nextElementSibling.remove();
    return;
  }
  const blocks = row.record.texts.flatMap(([heading, content]) =>
    [make("strong", {}, heading), make("pre", { tabindex: "0", "aria-label": heading }, content)]);
  row.after(make("tr", { class: "opened" }, make("td", { colspan: row.cells.length }, ...blocks)));
}

function followTheme() {
  const select = byId("theme");
  const set = (value) => { document.documentElement.dataset.theme = value; };
  try { select.value = localStorage.getItem("tidytest-theme") || ""; } catch { /* no storage here */ }
  set(select.value);
  select.addEventListener("change", () => {
    set(select.value);
    try { localStorage.setItem("tidytest-theme", select.value); } catch { /* only for this visit */ }
  });
}

function listen() {
  byId("table").tHead.addEventListener("click", (event) => {
    const key = event.target.closest("th")?.dataset.key;
    if (!key) return;
    const numeric = current.columns.find((column) => column.key === key).number;
    const [first, second] = numeric ? [`-${key}`, key] : [key, `-${key}`];
    change({ sort: state.sort === first ? second : first });
  });
  byId("table").tBodies[0].addEventListener("click", (event) => {
    if (event.target.matches("button.texts")) toggleTexts(event.target);
  });
  byId("filter").addEventListener("input", (event) => change({ q: event.target.value }, true));
  byId("facet").addEventListener("change", (event) => change({ facet: event.target.value }));
  byId("chips").addEventListener("click", (event) => {
    const chip = event.target.closest("button");
    if (!chip) return;
    change({ [chip.dataset.key]: "" });
    byId("filter").focus();
  });
  byId("more").addEventListener("click", (event) => {
    const rows = event.target.dataset.rows;
    if (!rows) return;
    const next = byId("table").tBodies[0].rows.length;
    showRows(rows === "all" ? selected.length : NEXT_ROWS);
    byId("table").tBodies[0].rows[next]?.querySelector("a, button")?.focus();
  });
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("table-title").focus();
  });
  window.addEventListener("hashchange", followFragment);
  window.addEventListener("popstate", followFragment);
}

byId("views").append(...Object.entries(VIEWS).map(([name, view]) =>
  make("a", { href: linkTo({ view: name }), "data-view": name }, view.title, " ",
    make("small", {}, number(name === "leaks" || name === "tests" ? view.rows().length
      : (view.all = view.rows()).length)))));
followTheme();
listen();
followFragment();
timeline?.start((id) => {
  change({ view: "tests", context: id, sort: "", q: "", facet: "", place: "", dir: "" });
  byId("tables").scrollIntoView();
  byId("table-title").focus();
});
