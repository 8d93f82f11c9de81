// The controller: the state in the fragment determines the table, and controls change the state.

const TITLE = document.title;
let state = {};

/** Show the state in the fragment, with the rows and details that its history entry remembers. */
function followFragment() {
  state = readState();
  if (!Object.hasOwn(VIEWS, state.view)) [state.view] = Object.keys(VIEWS);
  const view = VIEWS[state.view];
  view.all ??= view.rows().slice();
  const known = view.columns.some((column) => column.key === state.sort.replace(/^-/, ""));
  if (!known) state.sort = view.sort;
  if (current !== view) openView(view);
  if (byId("filter").value !== state.q) byId("filter").value = state.q;
  for (const select of facetSelects()) select.value = state[select.id];
  byId("chips").replaceChildren(...chips());
  fillTable(state, history.state?.rows ?? FIRST_ROWS);
  openRows(history.state?.opened ?? []);
  for (const link of document.querySelectorAll(".totals a")) {
    if (isShown(link)) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** Return whether the table shows what a link selects, and nothing less. */
function isShown(link) {
  const wanted = new URLSearchParams(link.hash.slice(1));
  return ["view", "q", ...FILTERS].every((key) => (wanted.get(key) ?? "") === state[key]);
}

/** Store in the history entry how many rows and which details are shown, and further values. */
function remember(more = {}) {
  history.replaceState({ ...history.state, rows: shown, opened: openedRows(), ...more }, "");
}

/** Change the state; typing replaces the history entry, everything else adds one. */
function change(changes, replace = false) {
  const next = linkTo({ ...state, ...changes });
  if (next === linkTo(state)) return;
  history[replace ? "replaceState" : "pushState"](null, "", next);
  followFragment();
}

/** Scroll to the table, whose rows have changed, and focus its title. */
function focusTable() {
  byId("table-title").focus({ preventScroll: true });
  byId("tables").scrollIntoView();
}

/** Follow a link within the page; the old history entry stores what `returnTo` needs. */
function follow(link) {
  const row = recordRows().findIndex((element) => element.contains(link));
  remember({ row, link: linksOf(row).indexOf(link) });
  history.pushState(null, "", link.href);
  followFragment();
  if (!link.isConnected) focusTable();
}

const linksOf = (row) => [...(recordRows()[row]?.querySelectorAll("a") ?? [])];

/** After Back, focus the link that was followed, or else the title of the table. */
function returnTo(place) {
  const link = linksOf(place?.row ?? -1)[place?.link];
  if (link) {
    link.focus({ preventScroll: true });
    link.scrollIntoView({ block: "center" });
  } else if (document.activeElement === document.body) {
    byId("table-title").focus({ preventScroll: true });
  }
}

function openView(view) {
  openTable(view);
  byId("table-title").textContent = view.title;
  document.title = `${view.title} – ${TITLE}`;
  for (const link of byId("views").children) {
    if (link.dataset.view === state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const select of facetSelects()) openFacet(select, view.facets[select.id], view.all);
}

const facetSelects = () => [byId("state"), byId("facet")];

function openFacet(select, [key, name] = [], rows = []) {
  const values = key ? [...new Set(rows.map((row) => row[key]))].filter(Boolean).sort() : [];
  select.parentElement.hidden = values.length < 2;
  select.previousElementSibling.textContent = name ?? "";
  select.replaceChildren(make("option", { value: "" }, "All"),
    ...values.map((value) => make("option", { value }, value)));
}

/** Return a button for each filter that no select shows. */
function chips() {
  const isHidden = (key) => {
    const select = facetSelects().find((candidate) => candidate.id === key);
    return !select || select.parentElement.hidden || select.value !== state[key];
  };
  return FILTERS.filter((key) => state[key] && isHidden(key)).map((key) => {
    const name = filterName(current, key);
    return make("button", { type: "button", class: "chip", "data-key": key, title: state[key],
      "aria-label": `Remove the filter ${name} ${state[key]}` },
      `✕ ${name}: ${tail(state[key], 60)}`);
  });
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

function sortBy(key) {
  const numeric = current.columns.find((column) => column.key === key).number;
  const [first, second] = numeric ? [`-${key}`, key] : [key, `-${key}`];
  change({ sort: state.sort === first ? second : first });
}

function listenToTable() {
  byId("table").tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head) sortBy(head.dataset.key);
  });
  byId("table").tBodies[0].addEventListener("click", (event) => {
    if (event.target.matches("button.texts")) {
      toggleTexts(event.target);
      remember();
    }
    if (event.target.matches("button.unfold")) unfold(event.target);
  });
  document.querySelector("main").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (link.hash !== location.hash) follow(link);
    if (!byId("tables").contains(link)) focusTable();
  });
  byId("more").addEventListener("click", (event) => {
    const { rows } = event.target.dataset;
    if (!rows) return;
    const next = byId("table").tBodies[0].rows.length;
    showRows(rows === "all" ? selected.length : NEXT_ROWS);
    remember();
    byId("table").tBodies[0].rows[next]?.querySelector("a, button")?.focus();
  });
}

function listenToFilters() {
  byId("filter").addEventListener("input", (event) => change({ q: event.target.value }, true));
  for (const select of facetSelects()) {
    select.addEventListener("change", () => change({ [select.id]: select.value }));
  }
  byId("by").addEventListener("change", (event) => change({ by: event.target.value }, true));
  byId("chips").addEventListener("click", (event) => {
    const chip = event.target.closest("button");
    if (!chip) return;
    change({ [chip.dataset.key]: "" });
    byId("filter").focus();
  });
  byId("empty").addEventListener("click", (event) => {
    if (!event.target.matches("button")) return;
    change(NO_FILTERS);
    byId("filter").focus();
  });
}

/** Copy the code before a button; where that is refused it is selected, for the user to copy. */
async function copy(button) {
  const code = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Selected: copy with the keyboard";
  }
}

function listenToPage() {
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    focusTable();
  });
  window.addEventListener("popstate", (event) => {
    followFragment();
    returnTo(event.state);
  });
}

byId("views").append(...Object.entries(VIEWS).map(([name, view]) =>
  make("a", { href: linkTo({ view: name }), "data-view": name }, view.title, " ",
    make("small", {}, number((view.all = view.rows().slice()).length)))));
for (const part of document.querySelectorAll(".tools, .theme")) part.hidden = false;
if (isNarrow) for (const part of document.querySelectorAll(".fold")) part.open = false;
followTheme();
listenToTable();
listenToFilters();
listenToPage();
followFragment();
timeline?.start((test) => {
  change({ ...NO_FILTERS, view: "tests", context: test.context, run: test.run, sort: "" });
  focusTable();
});
