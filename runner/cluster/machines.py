"""One machine of the cluster as the parent sees it: what it runs, what it has said."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from time import monotonic

from ..remote.messages import Answer, Note
from ..scheduling.plan import Unit


class Machine:
    """One machine.

    Args:
        number: of the machine, from 0; none is used twice.
        address: the engine's name for it.

    Attributes:
        name: what messages and reports call it.
        cores: how many local workers it starts; 0 as long as it has not answered.
        first_worker: the number of its first local worker.
        future: the answer to the call under way.
        units: what it runs.
        token: of the call under way.
        running: the places of the tests that ran when it was last heard.
        started: the places of all tests that it has begun in this call.
        heard: when it was last heard, as `time.monotonic` tells it.
    """

    def __init__(self, number: int, address: str) -> None:
        self.number = number
        self.address = address
        self.name = address.partition("://")[2] or address
        self.cores = 0
        self.first_worker = 0
        self.future: Future[Answer] | None = None
        self.units: list[Unit] = []
        self.token = ""
        self.running: list[int] = []
        self.started: set[int] = set()
        self.heard = monotonic()

    def begin(self, token: str, units: Iterable[Unit]) -> None:
        """Note that a call goes out.

        Args:
            token: of the call.
            units: the units of its chunk.
        """
        self.token = token
        self.units = [*units]
        self.running, self.started = [], set()
        self.heard = monotonic()

    def hear(self, note: Note) -> None:
        """Take a note of the call under way; others are of an earlier one."""
        if note.token == self.token:
            self.heard = monotonic()
            self.running = note.running
            self.started.update(note.started)

    def take_units(self) -> list[Unit]:
        """Return what it ran, and forget the call."""
        units, self.units = self.units, []
        self.future = None
        return units
