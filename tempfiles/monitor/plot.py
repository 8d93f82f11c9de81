"""Draw samples over time: an SVG file, or an HTML page with a table, that needs no other file."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Sequence
from html import escape

from ..errors import SettingError
from ..formatting import format_size
from . import axes
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

WIDTH, HEIGHT = 960, 560
_LEFT, _RIGHT = 84, 936
_MOST_MARKS = 200

_STYLE = """
svg { background: #fcfcfb; font: 13px system-ui, sans-serif; }
.ink { fill: #1f2328; } .title { font-size: 18px; font-weight: 600; } .muted { fill: #57606a; }
.grid { stroke: #e4e4e0; } .axis { stroke: #9a9a94; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.bytes { stroke: #1f6fc4; } .files { stroke: #1f6fc4; } .directories { stroke: #b4500b; }
.area { fill: #1f6fc4; fill-opacity: 0.12; }
.mark { fill: #1f6fc4; fill-opacity: 0; } .mark:hover { fill-opacity: 1; }
.peak { fill: #1f6fc4; }
@media (prefers-color-scheme: dark) {
  svg { background: #1a1a19; }
  .ink { fill: #f0f0ee; } .muted { fill: #a9a9a4; }
  .grid { stroke: #343432; } .axis { stroke: #6c6c68; }
  .bytes, .files { stroke: #5aa2ee; } .directories { stroke: #ee9148; }
  .area, .mark, .peak { fill: #5aa2ee; }
}
"""


def check_ending(path: str) -> None:
    """Raise SettingError unless a path has an ending that can be drawn."""
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
        drawing = _PAGE.format(title=escape(_title(directory)), drawing=drawing, table=table)
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


def draw(samples: Sequence[Sample], directory: str) -> str:
    """Return an SVG of the bytes, files and directories of a directory over time."""
    heading, summary = _title(directory), summarise(samples)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" aria-labelledby="plot-title plot-summary">',
        f'<title id="plot-title">{escape(heading)}</title>',
        f'<desc id="plot-summary">{escape(summary)}</desc>',
        f"<style>{_STYLE}</style>",
        axes.text(24, 32, _shorten(heading, 90), "ink title"),
        *_paragraph(summary),
    ]
    shown = axes.thin(samples)
    if shown:
        span = max(sample.timestamp for sample in shown) - shown[0].timestamp
        time_axis = axes.time_axis("Time since the first sample", span)
        parts += _size_panel(shown, time_axis)
        parts += _entries_panel(shown, time_axis)
    return "\n".join([*parts, "</svg>"]) + "\n"


def summarise(samples: Sequence[Sample]) -> str:
    """Return in one sentence what the curve shows, for those who cannot see it."""
    if not samples:
        return "No samples were taken."
    first, last = samples[0], samples[-1]
    peak = max(samples, key=lambda sample: sample.bytes)
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(first.timestamp))
    count = "1 sample" if len(samples) == 1 else f"{len(samples):,} samples"
    during = f" Current at the peak: {context}." if (context := _current_contexts(peak)) else ""
    return (
        f"{count} from {began} over {last.timestamp - first.timestamp:.0f} s: peak "
        f"{format_size(peak.bytes)} after {peak.timestamp - first.timestamp:.0f} s, "
        f"at most {max(sample.files for sample in samples):,} files, "
        f"{format_size(last.bytes)} at the end.{during}"
    )


def _size_panel(samples: Sequence[Sample], time_axis: axes.Axis) -> list[str]:
    size_axis = axes.size_axis(max(sample.bytes for sample in samples))
    panel = axes.Panel(_LEFT, _RIGHT, 116, 316, time_axis, size_axis)
    points = panel.points(samples, "bytes", samples[0].timestamp)
    peak = max(samples, key=lambda sample: sample.bytes)
    x, y = points[list(samples).index(peak)].split(",")
    return [
        *axes.frame(panel),
        *axes.time_ticks(panel, panel.bottom),
        *axes.area(panel, points),
        f'<circle class="peak" cx="{x}" cy="{y}" r="4"/>',
        *_marks(samples, points),
    ]


def _entries_panel(samples: Sequence[Sample], time_axis: axes.Axis) -> list[str]:
    most = max(max(sample.files, sample.directories) for sample in samples)
    panel = axes.Panel(_LEFT, _RIGHT, 368, 508, time_axis, axes.count_axis(most))
    parts = [*axes.frame(panel), *axes.time_ticks(panel, panel.bottom)]
    for index, name in enumerate(("directories", "files")):
        dashes = ' stroke-dasharray="6 4"' if name == "directories" else ""  # not by colour alone
        x = _RIGHT - 110 - index * 80
        place = f'x1="{x}" x2="{x + 18}" y1="352" y2="352"'
        parts.append(f'<line class="line {name}"{dashes} {place}/>')
        parts.append(axes.text(x + 24, 356, name, "ink"))
        parts.append(axes.line(panel.points(samples, name, samples[0].timestamp), name, dashes))
    return [*parts, axes.text(510, 550, time_axis.label, "ink", "middle")]


def _marks(samples: Sequence[Sample], points: Sequence[str]) -> list[str]:
    """Return what shows the numbers of a sample when pointed at, where there is room for it."""
    if len(samples) > _MOST_MARKS:
        return []
    marks = []
    for sample, point in zip(samples, points, strict=True):
        x, y = point.split(",")
        tip = f"{format_size(sample.bytes)}, {sample.files:,} files"
        tip += f"\n{context}" if (context := _current_contexts(sample)) else ""
        title_element = f"<title>{escape(tip)}</title>"
        marks.append(f'<circle class="mark" cx="{x}" cy="{y}" r="5">{title_element}</circle>')
    return marks


def _title(directory: str) -> str:
    """Return the title of the curve of a directory."""
    return f"Temporary files in {directory}"


def _current_contexts(sample: Sample) -> str:
    contexts = [sample.context, *(share.context for share in sample.shares)]
    return "; ".join(dict.fromkeys(filter(None, contexts)))


def _paragraph(text: str) -> list[str]:
    lines = textwrap.wrap(text, 125, max_lines=2, placeholder=" …")
    return [axes.text(24, 54 + 18 * index, line, "muted") for index, line in enumerate(lines)]


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
