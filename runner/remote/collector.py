"""Collect the events of a chunk in its node process, and tell the parent which tests run."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from ..pool.source import Source
from ..workers import events
from .messages import Frames, Note

_PACE = 0.5
"""Seconds between two notes, at least; the first one goes out at once."""
_BEAT = 5.0
"""Seconds between two notes, at most: so the parent knows that the machine lives."""


class Collector:
    """Takes events as `pool.source.EventHandler`, and keeps them for the result of the chunk.

    Args:
        frames: the pipes to the process that started this one.
        token: of the chunk.
        offset: what to add to a time here to have one of the parent.
    """

    stops = False

    def __init__(self, frames: Frames, token: str, offset: float) -> None:
        self._frames = frames
        self._token = token
        self._offset = offset
        self._feeds: list[tuple[int | None, Source, list[bytes]]] = []
        self._running: dict[Source, int] = {}
        self._started: list[int] = []
        self._noted: list[int] = []
        self._noted_at = 0.0
        self.is_deserted = False

    def feed(self, unit: int, source: Source, lines: list[bytes]) -> None:
        """Take more events of a unit."""
        for line in lines:
            code = line[:1]
            if code == b"s":
                self._running[source] = place = int(line[1:].partition(b" ")[0])
                self._started.append(place)
            elif code in (b"p", b"x"):
                self._running.pop(source, None)
        self._feeds.append((unit, source, lines))

    def feed_outside(self, source: Source, lines: list[bytes]) -> None:
        """Take the events of a worker that are of no unit."""
        self._feeds.append((None, source, lines))

    def finish_unit(self, unit: int) -> None:
        """Do nothing: the schedule knows it."""

    def advance(self) -> None:
        """Send a note where it is time.

        Raises:
            KeyboardInterrupt: nobody waits for the chunk any more.
        """
        try:
            if self._frames.receive(0) is not None:
                raise EOFError
            now, running = monotonic(), sorted(self._running.values())
            since = now - self._noted_at
            if since > _BEAT or (since > _PACE and running != self._noted):
                self._frames.send(Note(self._token, running, self._started))
                self._noted, self._noted_at, self._started = running, now, []
        except (EOFError, OSError):
            self.is_deserted = True
            raise KeyboardInterrupt from None

    def feeds(
        self, places: Mapping[Source, int]
    ) -> list[tuple[int | None, int, list[bytes]]]:
        """Return the events, with the times of the parent.

        Args:
            places: the place of each worker in the result of the chunk.
        """
        return [
            (unit, places[source], [*map(self._moved, lines)])
            for unit, source, lines in self._feeds
        ]

    def _moved(self, line: bytes) -> bytes:
        code = line[:1]
        if code == b"s":
            index, _, moment = line.partition(b" ")
            return b"%b %.6f" % (index, float(moment) + self._offset)
        if code in (b"p", b"x"):
            moment, _, seconds = line[1:].partition(b" ")
            return b"%b%.6f %b" % (code, float(moment) + self._offset, seconds)
        if code == b"S":
            return events.moved_foreign(line, self._offset)
        return line
