// The treemap: the selected rows as tiles that link to their leaks, by number or by bytes.

const MOST_TILES = 16;
const LEAST_TILE = 1 / 500;  // of the whole
const MAP_HEIGHT = 168;  // pixels, as in the style sheet

/** Lay out areas, largest first, in rows along the shorter side of a box, as square as possible. */
function squarify(areas, box) {
  let { x, y, width, height } = box;
  const tiles = [];
  for (let start = 0, end; start < areas.length; start = end) {
    const side = Math.min(width, height);
    for (end = start + 1; end < areas.length; end++) {
      const [now, next] = [areas.slice(start, end), areas.slice(start, end + 1)];
      if (longest(next, side) > longest(now, side)) break;
    }
    const row = areas.slice(start, end);
    const depth = total(row) / side;
    let at = 0;
    for (const area of row) {
      const length = area / depth;
      tiles.push(width >= height ? { x, y: y + at, width: depth, height: length }
        : { x: x + at, y, width: length, height: depth });
      at += length;
    }
    if (width >= height) { x += depth; width -= depth; } else { y += depth; height -= depth; }
  }
  return tiles;
}

const total = (values) => values.reduce((sum, value) => sum + value, 0);

/** Return the largest ratio of sides among the tiles of a row of areas. */
function longest(row, side) {
  const square = (total(row) / side) ** 2;
  return Math.max(row[0] / square, square / row.at(-1));
}

/** Return the groups of the tiles: the largest, and the rest as one. */
function tileGroups(rows, key, by) {
  const groups = [...grouped(rows, (row) => row[key])]
    .map(([name, some]) => ({ name, bytes: sum(some, "bytes"),
      leaks: some.reduce((leaks, row) => leaks + (row.leaks ?? 1), 0) }))
    .filter((group) => group[by]).sort((a, b) => b[by] - a[by]);
  const least = sum(groups, by) * LEAST_TILE;
  const large = groups.filter((group) => group[by] >= least).length;
  const rest = groups.splice(Math.min(MOST_TILES, large));
  if (rest.length) {
    groups.push({ rest: rest.length, bytes: sum(rest, "bytes"), leaks: sum(rest, "leaks") });
  }
  return groups.sort((a, b) => b[by] - a[by]);
}

function tile(group, key, by) {
  const words = group.rest ? `${number(group.rest)} more` : group.name || "not known";
  const short = key === "context" ? splitId(words)[0] : words.split("/").pop() || words;
  const leaks = plural(group.leaks, "leak", "leaks");
  const label = `${words}, ${size(group.bytes)}, ${leaks}`;
  const content = [make("b", {}, short), " ",
    make("span", {}, by === "bytes" ? size(group.bytes) : leaks)];
  if (!group.name) return make("span", { class: "rest", title: label }, ...content);
  return make("a", { href: linkTo({ view: "leaks", [key]: group.name }), title: label,
    "aria-label": label }, ...content);
}

function drawTreemap(view, rows, by) {
  const [key, noun] = view.tiles ?? [];
  const groups = key ? tileGroups(rows, key, by) : [];
  const map = byId("treemap");
  map.hidden = !key || new Set(rows.map((row) => row[key])).size < 2;
  byId("by").value = by;
  byId("treemap-title").textContent = `Treemap by ${noun}`;
  const width = map.querySelector("ul").clientWidth || 1000;
  const scale = (width * MAP_HEIGHT) / sum(groups, by);
  const boxes = squarify(groups.map((group) => group[by] * scale),
    { x: 0, y: 0, width, height: MAP_HEIGHT });
  const percent = (value, whole) => `${(100 * value) / whole}%`;
  map.querySelector("ul").replaceChildren(...groups.map((group, index) => {
    const box = boxes[index];
    const small = box.width < 48 || box.height < 22;
    const item = make("li", { class: small && "small" }, tile(group, key, by));
    Object.assign(item.style, { left: percent(box.x, width), top: percent(box.y, MAP_HEIGHT),
      width: percent(box.width, width), height: percent(box.height, MAP_HEIGHT) });
    return item;
  }));
}
