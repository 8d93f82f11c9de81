"""Where events come from, with what the tests printed, and who takes them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ..workers.channel import Paths

if TYPE_CHECKING:
    from tempfiles import Rescued


class Source:
    """One worker process as the replay sees it: its output files.

    Args:
        number: that of the worker.
        paths: the files of standard output and standard error, one if they are the same; none
            where the events hold what was printed.
    """

    def __init__(self, number: int, paths: Sequence[str]) -> None:
        self.number = number
        self.paths = paths
        self._read_to = [0] * len(paths)

    def skip_to(self, positions: Sequence[int]) -> None:
        """Leave out what was printed before: it belongs to another unit."""
        self._read_to = list(positions)

    def new_output(self, positions: Sequence[int]) -> list[tuple[int, bytes]]:
        """Return what was printed up to some positions: the descriptor, and the bytes."""
        found = []
        for index, (path, end) in enumerate(zip(self.paths, positions, strict=True)):
            start = self._read_to[index]
            if end > start:
                with contextlib.suppress(OSError), open(path, "rb") as file:
                    file.seek(start)
                    found.append((index + 1, file.read(end - start)))
                self._read_to[index] = end
        return found


class EventHandler(Protocol):
    """Who takes the events of the units."""

    def feed(self, unit: int, source: Source, lines: list[bytes]) -> None:
        """Take more events of a unit."""

    def feed_outside(self, source: Source, lines: list[bytes]) -> None:
        """Take the events of a worker that are of no unit."""

    def finish_unit(self, unit: int) -> None:
        """Note that a unit is over."""

    def advance(self) -> None:
        """Do what is due; called after each look at the workers."""

    @property
    def stops(self) -> bool:
        """Whether the run is to stop."""


class EndedWorker(Protocol):
    """A worker that has ended, here or on another machine.

    Attributes:
        number: of the worker; a replacement has that of the worker that died.
        paths: its files.
        source: where its events come from.
        report: its last event; empty if it died.
        contexts: the events of the contexts that it has closed.
        rescued: the user's files that were moved out of its run root.
    """

    number: int
    paths: Paths
    source: Source
    report: bytes
    contexts: list[bytes]
    rescued: tuple[Rescued, ...]

    @property
    def ran(self) -> Sequence[int]:
        """The places of the tests that it has run, in its order."""


def write_out(fd: int, data: bytes) -> None:
    """Write what a test has printed to the standard output or standard error of this process."""
    stream = sys.__stdout__ if fd == 1 else sys.__stderr__
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if stream is not None:
            stream.flush()
        while data:
            data = data[os.write(fd, data) :]
