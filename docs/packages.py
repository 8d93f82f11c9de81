"""Draw the packages of the product and the imports between them, read from the source.

`generate.py` writes the drawing to `packages.svg` and the tree into `architecture.md`.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ORDER = {
    "runner": (
        "cli", "integrations", "fix", "dependence", "cluster", "engines", "remote",
        "parallel", "recording", "pool", "workers", "scheduling", "hosting", "listeners",
        "reporting", "formats", "execution", "session", "baseline", "selection", "settings",
        "advice", "output",
    ),
    "tempfiles": (
        "commands", "run", "detection", "observation", "processes", "events", "recovery",
        "monitor", "roots", "api", "registry", "fileops", "system",
    ),
}  # fmt: skip
"""The packages from the top down, as in the tree; the modules beside them are one box, `BASE`."""

BASE = "base modules"
_BELOW_BASE = {"tempfiles": 1, "runner": 0}  # how many packages stand below the base modules

Graph = dict[str, set[str]]

_WIDTH, _BOX, _HEIGHT, _ROW = 720, 104, 30, 74  # pixels


def tree(product: str) -> str:
    """Return the packages of `tempfiles` or `runner` as a tree, each with its caption."""
    lines = [f"{product}/"]
    for name in ORDER[product]:
        lines += _wrapped(name + "/", caption(product, name))
        lines += _wrapped("", _modules(ROOT / product / name))
    return "\n".join([*lines, *_wrapped("(base)", _modules(ROOT / product))])


def caption(product: str, name: str) -> str:
    """Return the first line of the docstring of a package."""
    source = (ROOT / product / name / "__init__.py").read_text("utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def graph(product: str) -> Graph:
    """Return which packages of a product each of its packages imports, lazily or not."""
    found: Graph = {name: set() for name in (*ORDER[product], BASE)}
    for path in sorted((ROOT / product).rglob("*.py")):
        parts = path.relative_to(ROOT / product).parts
        if len(parts) == 1 and parts[0].startswith("__"):
            continue
        here = _box(product, parts[0])
        found[here].update(_box(product, name) for name in _imported(product, path))
        found[here].discard(here)
    return found


def reduced(product: str, imports: Graph) -> Graph:
    """Return the downward imports, without those that a longer way through others implies."""
    names = _order(product)
    downward = {name: imports[name] & {*names[names.index(name) + 1 :]} for name in names}
    return {
        name: {
            target for target in targets
            if not any(target in _reachable(downward, other) for other in targets - {target})
        }
        for name, targets in downward.items()
    }


def svg() -> str:
    """Return the drawing: both products, the arrows from each package to those it imports."""
    parts, top = [], 0
    for product in ORDER:
        drawing, height = _draw(product, top)
        parts.append(drawing)
        top += height
    return _DOCUMENT.format(width=_WIDTH, height=top, body="\n".join(parts))


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, 78, initial_indent=f"  {name:14}", subsequent_indent=" " * 16,
        break_on_hyphens=False,
    )  # fmt: skip


def _modules(directory: Path) -> str:
    names = (path.stem for path in directory.glob("*.py"))
    return " ".join(sorted(name for name in names if not name.startswith("__")))


def _box(product: str, name: str) -> str:
    return name if name in ORDER[product] else BASE


def _imported(product: str, path: Path) -> Iterator[str]:
    """Yield the first name below the product of each import in a module."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package[: len(package) - node.level + 1] if node.level else ()
        names = (*base, *(node.module.split(".") if node.module else ()))
        if names[:1] == (product,):
            yield from [names[1]] if len(names) > 1 else [alias.name for alias in node.names]


def _reachable(imports: Graph, start: str) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        for target in imports[pending.pop()] - found:
            found.add(target)
            pending.append(target)
    return found


def _order(product: str) -> list[str]:
    """Return all boxes of a product from the top down."""
    names = list(ORDER[product])
    names.insert(len(names) - _BELOW_BASE[product], BASE)
    return names


def _ranks(product: str, arrows: Graph) -> dict[str, int]:
    """Return the row of each package, counted from the bottom."""
    ranks: dict[str, int] = {}
    for name in reversed(_order(product)):
        ranks[name] = max((ranks[target] for target in arrows[name]), default=-1) + 1
    return ranks


def _places(ranks: dict[str, int], arrows: Graph) -> dict[str, tuple[float, float]]:
    """Return the centre of each box, seen from the top left corner of the product's drawing."""
    places: dict[str, tuple[float, float]] = {}
    highest = max(ranks.values())
    for rank in range(highest + 1):
        row = sorted(name for name in ranks if ranks[name] == rank)
        wanted = {
            name: [places[target][0] for target in sorted(arrows[name])] or [0]
            for name in row
        }
        row.sort(key=lambda name: (sum(wanted[name]) / len(wanted[name]), name))
        for number, name in enumerate(row):
            shift = (rank % 3 - 1) * 46  # so that an arrow past a row does not hide behind a box
            x = _WIDTH * (number + 0.5) / len(row) + shift
            places[name] = (x, 52 + (highest - rank) * _ROW)
    return places


def _draw(product: str, top: int) -> tuple[str, int]:
    arrows = reduced(product, graph(product))
    ranks = _ranks(product, arrows)
    places = _places(ranks, arrows)
    title = f'<text class="t" x="8" y="20">{product}</text>'
    lines = [f'<g transform="translate(0 {top})">', title]
    for name in sorted(arrows):
        lines += [_arrow(places[name], places[target]) for target in sorted(arrows[name])]
    for name, (x, y) in sorted(places.items()):
        left, upper = x - _BOX / 2, y - _HEIGHT / 2
        lines.append(
            f'<rect x="{left:.0f}" y="{upper:.0f}" width="{_BOX}" height="{_HEIGHT}" rx="4"/>'
            f'<text x="{x:.0f}" y="{y + 4:.0f}">{name}</text>'
        )
    return "\n".join([*lines, "</g>"]), 52 + (max(ranks.values()) + 1) * _ROW - _HEIGHT


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    y, to_y = y + _HEIGHT / 2, to_y - _HEIGHT / 2
    bend = (to_y - y) / 2
    return (
        f'<path d="M{x:.0f} {y:.0f}C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} '
        f'{to_x:.0f} {to_y:.0f}"/>'
    )


_DOCUMENT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" \
font-size="12">
<style>
rect {{ fill: #f4f6f8; stroke: #51606e; }}
path {{ fill: none; stroke: #7d8b99; marker-end: url(#a); }}
text {{ fill: #1c2733; text-anchor: middle; }}
.t {{ font-size: 15px; font-weight: bold; text-anchor: start; }}
</style>
<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0 0L8 4L0 8z" style="fill: #7d8b99; stroke: none"/></marker></defs>
<rect width="{width}" height="{height}" style="fill: white; stroke: none"/>
{body}
</svg>
"""
