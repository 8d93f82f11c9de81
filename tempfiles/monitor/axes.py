"""Draw the parts of an SVG of samples over time: axes with ticks, curves, labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from .usage import Sample

_MOST_POINTS = 800
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from 0 to `limit`, in units of `unit` named `label`, with a tick each `step`."""

    label: str
    unit: float
    step: float
    limit: float

    def ticks(self) -> list[tuple[float, str]]:
        """Return the values with a tick, and their labels."""
        count = math.floor(self.limit / self.step + 1e-9)
        return [(n * self.step, f"{n * self.step / self.unit:,.10g}") for n in range(count + 1)]


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: the box in which it lies, in pixels, and its scales."""

    left: int
    right: int
    top: int
    bottom: int
    time: Axis
    value: Axis

    def x(self, seconds: float) -> float:
        """Return where a time lies."""
        return round(self.left + seconds / self.time.limit * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        """Return where a value lies."""
        return round(self.bottom - value / self.value.limit * (self.bottom - self.top), 1)

    def points(self, samples: Sequence[Sample], field: str, start: float) -> list[str]:
        """Return the points of a curve, for a time axis that begins at `start`."""
        return [
            f"{self.x(max(sample.timestamp - start, 0.0))},{self.y(getattr(sample, field))}"
            for sample in samples
        ]


def thin(samples: Sequence[Sample], most: int = _MOST_POINTS) -> list[Sample]:
    """Return at most about `most` samples: the first, the last, and of each stretch between them
    those with the most bytes and the most files, so that no peak is lost."""
    if len(samples) <= most:
        return list(samples)
    width = math.ceil(2 * len(samples) / most)
    kept = {0, len(samples) - 1}
    for start in range(0, len(samples), width):
        stretch = range(start, min(start + width, len(samples)))
        kept.add(max(stretch, key=lambda index: samples[index].bytes))
        kept.add(max(stretch, key=lambda index: samples[index].files))
    return [samples[index] for index in sorted(kept)]


def frame(panel: Panel) -> list[str]:
    """Return the axes of a panel."""
    parts = [text(panel.left - 60, panel.top - 12, panel.value.label, "ink")]
    for value, label in panel.value.ticks():
        y = panel.y(value)
        css, ends = "grid" if value else "axis", f'x1="{panel.left}" x2="{panel.right}"'
        parts.append(f'<line class="{css}" {ends} y1="{y}" y2="{y}"/>')
        parts.append(text(panel.left - 8, y + 4, label, "muted", "end"))
    return parts


def time_ticks(panel: Panel, bottom: int) -> list[str]:
    """Return the labels of the time axis, for the row whose upper edge is `bottom`."""
    return [
        text(panel.x(value), bottom + 20, label, "muted", "middle")
        for value, label in panel.time.ticks()
    ]


def area(panel: Panel, points: Sequence[str]) -> list[str]:
    """Return a curve of bytes and the area below it."""
    first, last = points[0].split(",")[0], points[-1].split(",")[0]
    below = f"{first},{panel.bottom} {' '.join(points)} {last},{panel.bottom}"
    return [f'<polygon class="area" points="{below}"/>', line(points, "bytes")]


def line(points: Sequence[str], css: str, dashes: str = "") -> str:
    """Return a curve, or a circle for a single point."""
    if len(points) == 1:
        x, y = points[0].split(",")
        return f'<circle class="line {css}" cx="{x}" cy="{y}" r="3"/>'
    return f'<polyline class="line {css}"{dashes} points="{" ".join(points)}"/>'


def text(x: float, y: float, words: str, css: str, anchor: str = "start") -> str:
    """Return a label."""
    return f'<text class="{css}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def time_axis(label: str, span: float, ticks: int = _TICKS) -> Axis:
    """Return an axis of `span` seconds, which may end between two ticks."""
    unit, name = next(
        (unit, name) for unit, name in ((3600, "h"), (60, "min"), (1, "s")) if span >= 3 * unit
        or unit == 1
    )
    return replace(_axis(f"{label} ({name})", span or 1.0, unit, ticks), limit=span or 1.0)


def size_axis(most: int) -> Axis:
    """Return an axis up to a number of bytes."""
    names = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
    power = next(
        (power for power in range(len(names)) if most < 1024 ** (power + 1)), len(names) - 1
    )
    return _axis(f"Size ({names[power]})", most or 1, 1024**power, least=1)


def count_axis(most: int) -> Axis:
    """Return an axis up to a number of entries."""
    return _axis("Entries (count)", most or 1, 1, least=1)


def _axis(
    label: str, most: float, unit: float, ticks: int = _TICKS, least: float = 0
) -> Axis:
    step = max(least, _round_step(most / unit / ticks) * unit)
    return Axis(label, unit, step, step * math.ceil(most / step))


def _round_step(least: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, ... that is no less."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * 0.999999)
