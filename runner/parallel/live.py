"""Show on a terminal what the workers run, on one line below the output of the run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from tempfiles import printable

from ..pool.source import EventHandler, Source
from ..session.outcomes import FAILURES
from ..unittest_api import test_id
from ..workers import events

_PAUSE = 0.2
"""Seconds between two drawings of a line that shows the same tests."""
_WIDTH = 80
"""Characters of a line where the terminal does not tell."""
_SHORT = 0.5
"""Seconds after which the line says how long a test has been running."""

# The line stands below the cursor, which stays where it is: make room below, save the place of the
# cursor, go down, write, go back. Whatever is printed next begins with erasing it.
_BEGIN, _END = "\x1bD\x1b[A\x1b7\r\x1b[B", "\x1b[K\x1b8"
_ERASE = "\x1b[J"


class LiveLine:
    """Passes events on, and draws a line: tests done, failures, leaks, and what runs for how long.

    Args:
        handler: takes the events.
        tests: all tests.
        total: how many tests there are; a suite that runs its tests itself is one of `tests`.
        stream: the terminal.
    """

    def __init__(
        self, handler: EventHandler, tests: Sequence[Any], total: int, stream: Any
    ) -> None:
        self._handler = handler
        self._tests = tests
        self._total = total
        self._stream = stream
        self._running: dict[Source, tuple[str, float]] = {}  # id and start
        self._done: set[str] = set()
        self._failed: set[str] = set()
        self._leaks = 0
        self._is_drawn = False
        self._has_news = False
        self._drawn_at = 0.0

    # The events

    def feed(self, unit: int, source: Source, lines: list[bytes]) -> None:
        """Take more events of a unit."""
        self._has_news = True
        for line in lines:
            self._count(source, line)
        self._handler.feed(unit, source, lines)

    def feed_outside(self, source: Source, lines: list[bytes]) -> None:
        """Take the events of a worker that are of no unit; they are printed at once."""
        self.erase()
        self._handler.feed_outside(source, lines)

    def finish_unit(self, unit: int) -> None:
        """Note that a unit is over."""
        self._has_news = True
        self._handler.finish_unit(unit)

    def advance(self) -> None:
        """Print what is due, and draw the line again."""
        if self._has_news:
            self._has_news = False
            self.erase()
            self._handler.advance()
        if not self._is_drawn or perf_counter() - self._drawn_at >= _PAUSE:
            self._draw()

    @property
    def stops(self) -> bool:
        """Whether the run is to stop."""
        return self._handler.stops

    def erase(self) -> None:
        """Erase the line, before anything else is printed."""
        if self._is_drawn:
            self._is_drawn = False
            self._stream.write(_ERASE)
            self._stream.flush()

    def _count(self, source: Source, line: bytes) -> None:
        code = line[:1].decode()
        if code == events.STARTED:
            index, _, moment = line[1:].partition(b" ")
            self._start(source, test_id(self._tests[int(index)]), float(moment))
        elif code == events.FOREIGN:
            self._start(source, str(events.foreign_id(line)), perf_counter())
        elif code in (events.PASSED, events.STOPPED):
            self._done.add(self._running.pop(source, ("", 0.0))[0])
        elif code == events.OUTCOME and events.is_failure(line, FAILURES):
            self._failed.add(events.outcome_of(line).id)
        elif code == events.CONTEXT:
            self._leaks += len(events.context_of(line).leaks)

    def _start(self, source: Source, id: str, moment: float) -> None:
        self._running[source] = id, moment
        self._failed.discard(id)  # of an earlier attempt

    # The line

    def _draw(self) -> None:
        self._is_drawn = True
        self._drawn_at = perf_counter()
        self._stream.write(f"{_BEGIN}{self.text(self._drawn_at)}{_END}")
        self._stream.flush()

    def text(self, now: float) -> str:
        """Return the line, not longer than the terminal is wide.

        Args:
            now: a reading of `time.perf_counter`.
        """
        counts = [f"{len(self._done):,} of {self._total:,} tests"]
        counts += [f"{len(self._failed):,} failed"] * bool(self._failed)
        counts += [f"{self._leaks:,} leaked"] * bool(self._leaks)
        longest_first = sorted(self._running.values(), key=lambda running: running[1])
        shown = [_with_time(id, now - begun) for id, begun in longest_first]
        return f"[{', '.join(counts)}] {'  '.join(shown)}"[: self._width() - 1]

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _WIDTH
        except (OSError, ValueError):
            return _WIDTH


def _with_time(id: str, seconds: float) -> str:
    return printable(id) if seconds < _SHORT else f"{printable(id)} {seconds:.0f} s"
