"""Write the curve of samples over time, as an SVG file or an HTML page with a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape

from ..errors import SettingError
from ..formatting import format_size
from .curve import draw, title
from .usage import Sample

_ENDINGS = (".html", ".htm", ".svg")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1.5rem auto;
  padding: 0 1rem; color: #1f2328; background: #fcfcfb; }}
svg {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
caption, th, td {{ text-align: left; padding: 0.25rem 1rem 0.25rem 0; }}
td.number, th.number {{ text-align: right; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #f0f0ee; background: #1a1a19; }} }}
</style>
</head>
<body>
{drawing}
{table}
</body>
</html>
"""


def check_ending(path: str) -> None:
    """Raise SettingError unless a path ends in what can be drawn."""
    if os.path.splitext(path)[1].lower() not in _ENDINGS:
        raise SettingError(f"{path!r} does not end in one of {', '.join(_ENDINGS)}")


def write_plot(path: str, samples: Sequence[Sample], directory: str) -> None:
    """Draw samples of a directory into a file, SVG or HTML by its ending.

    Raises:
        SettingError: another ending.
        OSError: the file cannot be written.
    """
    check_ending(path)
    drawing = draw(samples, directory)
    if not path.lower().endswith(".svg"):
        table = _table(samples)
        drawing = _PAGE.format(title=escape(title(directory)), drawing=drawing, table=table)
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(drawing)


def _table(samples: Sequence[Sample]) -> str:
    """Return what held the most when the directory was largest."""
    peak = max(samples, key=lambda sample: sample.bytes, default=None)
    if peak is None or not peak.shares:
        return ""
    rows = [
        f"<tr><td>{escape(share.name)}</td><td>{escape(share.owner)}</td>"
        f'<td>{escape(share.context)}</td><td class="number">{format_size(share.bytes)}</td>'
        f'<td class="number">{share.files:,}</td><td class="number">{share.directories:,}</td></tr>'
        for share in sorted(peak.shares, key=lambda share: -share.bytes)
    ]
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Name", "Owner", "Context"))
    heads += "".join(
        f'<th scope="col" class="number">{head}</th>' for head in ("Size", "Files", "Directories")
    )
    caption = "What held the most at the peak"
    return (
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"
        + "\n".join(rows) + "\n</tbody>\n</table>"
    )
