// The visible table: its head, the rows shown so far, and the details of rows.

const FIRST_ROWS = isNarrow ? 20 : 50;
const NEXT_ROWS = 500;
let current = null;
let selected = [];
let shown = 0;

function openTable(view) {
  current = view;
  const all = sum(view.columns, "width");
  byId("table").querySelector("colgroup").replaceChildren(...view.columns.map((column) => {
    const element = make("col");
    element.style.width = `${(100 * column.width) / all}%`;
    return element;
  }));
  const heads = view.columns.map((column) => make("th", { scope: "col", role: "columnheader",
    class: column.number && "number", "data-key": column.key },
    make("button", { type: "button" }, column.label)));
  byId("table").tHead.replaceChildren(make("tr", { role: "row" }, ...heads));
}

/** Select the rows of a state and show the first ones. */
function fillTable(state, rows) {
  selected = selectRows(current, state);
  for (const column of current.columns) {
    if (!column.number) continue;
    column.most = selected.reduce((top, row) => Math.max(top, row[column.key]), 0);
  }
  for (const head of byId("table").tHead.rows[0].cells) {
    const { key } = head.dataset;
    if (state.sort === key) head.setAttribute("aria-sort", "ascending");
    else if (state.sort === `-${key}`) head.setAttribute("aria-sort", "descending");
    else head.removeAttribute("aria-sort");
  }
  byId("table").tBodies[0].replaceChildren();
  shown = 0;
  showRows(rows);
  drawTreemap(current, selected, state.by || "leaks");
}

function showRows(more) {
  const rows = selected.slice(shown, shown + more).map(rowElement);
  shown += rows.length;
  byId("table").tBodies[0].append(...rows);
  byId("table").hidden = !selected.length;
  byId("table").caption.textContent = `${current.title}: ${counted()}${filteredBy()}`;
  byId("count").textContent = counted();
  updateRest(selected.length - shown);
}

function updateRest(left) {
  byId("empty").hidden = selected.length > 0;
  byId("empty").firstElementChild.textContent =
    current.all.length ? "Nothing matches the filter." : "There are none.";
  byId("empty").lastElementChild.hidden = !current.all.length;
  byId("more").hidden = !left;
  byId("more").children[0].textContent = `Show ${number(Math.min(NEXT_ROWS, left))} more`;
  byId("more").children[1].textContent = `Show all ${number(selected.length)}`;
  byId("more").children[1].hidden = left <= NEXT_ROWS;
}

function counted() {
  const all = plural(selected.length, current.one, current.many);
  const first = shown < selected.length ? `First ${number(shown)} of ` : "";
  const weighed = current.columns.some((column) => column.label === "Size");
  return first + all + (weighed && selected.length ? `, ${size(sum(selected, "bytes"))}` : "");
}

function filteredBy() {
  const filters = FILTERS.filter((key) => state[key])
    .map((key) => `; ${filterName(current, key)}: ${state[key]}`);
  return filters.join("") + (state.q && `; filter: ${state.q}`);
}

function rowElement(row) {
  const cells = current.columns.map((column, index) => {
    const content = column.cell(row, column.most);
    const kinds = [column.number && "number", column.width < 15 && "short"].filter(Boolean);
    const attributes = { "data-label": column.label, class: kinds.join(" ") || false };
    return index === 0 ? make("th", { scope: "row", role: "rowheader" }, ...content)
      : make("td", { role: "cell", ...attributes }, ...content);
  });
  const element = make("tr", { role: "row" }, ...cells);
  element.record = row;
  return element;
}

function toggle(button) {
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  return open;
}

/** Return the rows of records, without the rows of details. */
const recordRows = () => [...byId("table").tBodies[0].rows].filter((row) => row.record);

const isOpened = (row) => row.nextElementSibling?.matches(".opened");

/** Return the positions of the rows whose details are open. */
const openedRows = () => recordRows().flatMap((row, index) => (isOpened(row) ? [index] : []));

function openRows(positions) {
  const rows = recordRows();
  for (const position of positions) {
    const button = rows[position]?.querySelector("button.texts");
    if (button) toggleTexts(button);
  }
}

function toggleTexts(button) {
  const row = button.closest("tr");
  if (!toggle(button)) {
    row.nextElementSibling.remove();
    return;
  }
  const blocks = row.record.texts.flatMap(([heading, content]) => {
    const attributes = { tabindex: "0", role: "region", "aria-label": heading };
    return [make("strong", {}, heading), make("pre", attributes, content)];
  });
  row.after(make("tr", { class: "opened", role: "row" },
    make("td", { colspan: row.cells.length, role: "cell" }, ...blocks)));
}

function unfold(button) {
  const open = toggle(button);
  button.previousElementSibling.classList.toggle("clipped", !open);
  button.textContent = open ? "Less" : "More";
  button.ariaLabel = button.ariaLabel.replace(/^\w+/, button.textContent);
}
