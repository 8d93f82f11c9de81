"""Draw a run over time: a curve of its disk usage above lanes of bars, on one axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from . import axes
from .usage import Sample

__all__ = ["Lane", "Timeline", "draw_timeline"]

_LEFT, _TOP = 72, 32
_CURVE = 130
_LANE, _GAP = 16, 6


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of bars: its label, its class in the style sheet, and the bars.

    `spans` are pairs of seconds since the start, in their order. A bar is at least `least` pixels
    wide.
    """

    label: str
    kind: str
    spans: Sequence[tuple[float, float]]
    least: float = 0.5


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn: `seconds` from `started`, in seconds since the epoch.

    `summary` says in one sentence what there is to see.
    """

    summary: str
    started: float
    seconds: float
    samples: Sequence[Sample] = ()
    lanes: Sequence[Lane] = ()


def draw_timeline(timeline: Timeline, width: int) -> str:
    """Return an SVG without colours, for a page with a style sheet.

    The attributes `data-left` and `data-right` are where the time axis begins and ends, as shares
    of the width, and `data-seconds` is what it spans.

    Args:
        timeline: what to draw.
        width: in pixels, at which its text has the size of the page's.
    """
    time_axis = axes.time_axis("Time since the start", timeline.seconds, max(2, width // 130))
    size_axis = axes.size_axis(max((sample.bytes for sample in timeline.samples), default=1))
    bottom = _TOP + _CURVE if timeline.samples else 8
    panel = axes.Panel(_LEFT, width - 12, _TOP, bottom, time_axis, size_axis)
    lanes_end = bottom + 12 + len(timeline.lanes) * (_LANE + _GAP)
    return "\n".join([
        f'<svg viewBox="0 0 {width} {lanes_end + 44}" role="img"'
        f' aria-label="{escape(timeline.summary)}" data-left="{panel.left / width:.5f}"'
        f' data-right="{panel.right / width:.5f}" data-seconds="{timeline.seconds}">',
        *_grid(panel, lanes_end),
        *(_curve(timeline, panel) if timeline.samples else ()),
        *_lanes(timeline.lanes, panel),
        *axes.time_ticks(panel, lanes_end - 4),
        axes.text((panel.left + panel.right) / 2, lanes_end + 38, time_axis.label, "ink", "middle"),
        "</svg>",
    ])  # fmt: skip


def _grid(panel: axes.Panel, bottom: int) -> Iterator[str]:
    for value, _ in panel.time.ticks():
        x = panel.x(value)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{panel.top}" y2="{bottom}"/>'


def _curve(timeline: Timeline, panel: axes.Panel) -> list[str]:
    points = panel.points(axes.thin(timeline.samples), "bytes", timeline.started)
    return [*axes.frame(panel), *axes.area(panel, points)]


def _lanes(lanes: Sequence[Lane], panel: axes.Panel) -> Iterator[str]:
    for index, lane in enumerate(lanes):
        top = panel.bottom + 12 + index * (_LANE + _GAP)
        bars = (
            f"M{start:g} {top}H{stop:g}V{top + _LANE}H{start:g}Z"
            for start, stop in _bars(lane, panel)
        )
        yield f'<path class="{lane.kind}" d="{"".join(bars)}"/>'
        yield axes.text(panel.left - 8, top + 12, lane.label, "muted", "end")


def _bars(lane: Lane, panel: axes.Panel) -> Iterable[tuple[float, float]]:
    """Return the bars in pixels; those that touch are one, so that 5,000 tests stay small."""
    merged: list[tuple[float, float]] = []
    for begins, ends in lane.spans:
        start = round(panel.x(max(0.0, begins)) * 2) / 2
        stop = max(start + lane.least, round(panel.x(max(0.0, ends)) * 2) / 2)
        if merged and start <= merged[-1][1]:
            start, stop = merged[-1][0], max(stop, merged.pop()[1])
        merged.append((start, stop))
    return merged
