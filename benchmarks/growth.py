"""Draw the time of a run against its number of tests: `python -m benchmarks.growth`.

It runs suites of empty tests under tidytest, unittest and pytest, and writes `docs/run-time.svg`.
The time is that of the processor, so that a busy machine changes little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from .pairs import Contestant, Sample, interleave
from .places import in_memory
from .runs import OURS, PYTEST, REPOSITORY, STOCK, Count, command, compiled, installed
from .suites import Suite

DRAWING = REPOSITORY / "docs" / "run-time.svg"
COUNTS = (1, 10, 100, 1_000, 10_000)
ROUNDS = 3
PROGRAMS: Mapping[str, Sequence[str]] = {"pytest": PYTEST, "tidytest": OURS, "unittest": STOCK}
COLOURS = {"pytest": "#b4690e", "tidytest": "#1f6feb", "unittest": "#6e7781"}

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _EDGE = 640, 320, 60, 90, 40  # pixels
_LEAST, _MOST = 0.03, 20.0  # seconds on the scale
_MIDDLE, _END = 'text-anchor="middle"', 'text-anchor="end"'
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"
 font-family="sans-serif" font-size="13" stroke-width="2">
<title>Processor time of a run against its number of tests</title>
<rect width="100%" height="100%" fill="white"/>"""


def main() -> None:
    """Measure, print the seconds, and write the drawing."""
    compiled()
    measured: dict[int, dict[str, float]] = {}
    for count in COUNTS:
        measured[count] = times = seconds(count)
        print(count, *(f"{name} {value:.3f}" for name, value in times.items()), flush=True)
    DRAWING.write_text(svg(measured), encoding="utf-8")


def seconds(tests: int) -> dict[str, float]:
    """Return the median of the processor seconds of a run, for each program that is installed."""
    suite = Suite(f"{tests} empty tests", tests, "pass", in_memory())
    with suite.project() as base:
        contestants: dict[str, Contestant] = {
            name: partial(_run, base, program, tests)
            for name, program in PROGRAMS.items() if installed(name) or name == "tidytest"
        }  # fmt: skip
        rounds = interleave(contestants, ROUNDS)
    return {name: rounds.spread(name, "processor").value for name in contestants}


def _run(base: Path, program: Sequence[str], tests: int) -> Sample:
    before = _processor()
    module = "test_suite.py" if program is PYTEST else "test_suite"
    command(base, program, [module], Count(tests))
    return {"processor": _processor() - before}


def _processor() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def svg(measured: Mapping[int, Mapping[str, float]]) -> str:
    """Return the drawing, with logarithmic scales.

    Args:
        measured: the seconds of each program, by the number of tests.
    """
    parts, lowest = [_HEAD.format(width=_WIDTH, height=_HEIGHT), *_scale()], 0.0
    for name, colour in COLOURS.items():
        points = [(_x(n), _y(times[name])) for n, times in measured.items() if name in times]
        if points:
            line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}"/>')
            x, y = points[-1]
            lowest = max(y, lowest + 15)  # the names stand one below the other
            parts.append(_text(x + 8, lowest + 4, name, f'fill="{colour}"'))
    return "\n".join([*parts, "</svg>\n"])


def _scale() -> list[str]:
    bottom, right = _HEIGHT - _EDGE, _WIDTH - _RIGHT
    parts = [_text(_x(count), bottom + 18, f"{count:,}", _MIDDLE) for count in COUNTS]
    for value in (0.1, 1, 10):
        y = _y(value)
        parts.append(f'<path d="M{_LEFT} {y:.0f}H{right}" stroke="#d0d7de" stroke-width="1"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{value:g} s", _END))
    return [*parts, _text(right, _HEIGHT - 6, "tests without files", _END)]


def _text(x: float, y: float, words: str, attributes: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" stroke="none" {attributes}>{words}</text>'


def _x(count: int) -> float:
    share = math.log(count) / math.log(COUNTS[-1])
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float) -> float:
    share = math.log(value / _LEAST) / math.log(_MOST / _LEAST)
    return _HEIGHT - _EDGE - share * (_HEIGHT - 2 * _EDGE)


if __name__ == "__main__":
    main()
