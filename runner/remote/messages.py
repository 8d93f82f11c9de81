"""What the parent, the engine's process on a machine and the node process there send each other."""

from __future__ import annotations

import os
import pickle
import selectors
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tempfiles import Rescued

_HEAD = struct.Struct("!Q")
_MOST = 1 << 20  # bytes to read at once


class EngineError(Exception):
    """The engine does not answer; the message says which one."""


class MachinePlan(NamedTuple):
    """What a machine needs to run tests of one run.

    Attributes:
        run: one word for the run.
        settings: the settings of the run.
        words: those for unittest.
        argv: `sys.argv` of the parent.
        flags: those of the parent's interpreter.
        result: the settings of the result.
        suite: a hash of the ids of all tests in serial order.
        ids: these ids, compressed, where the parent has chosen or ordered the tests; else empty.
        directory: the working directory of the run.
        paths: what the parent's `sys.path` has of the project, relative to `directory`.
        files: the files of the project with their digests, compressed; empty where `ship` has them.
        ship: the project as a zip; empty where the machine has it at the same path.
        temp: the system's temp directory.
        kept: the name of the directory of kept files.
        baseline: the content of the file of known leaks; None without one.
        joined: whether standard output and standard error are one file.
        versions: those of Python, tidytest and the libraries that the tests have imported.
    """

    run: str
    settings: dict[str, Any]
    words: list[str]
    argv: list[str]
    flags: list[str]
    result: dict[str, Any]
    suite: str
    ids: bytes
    directory: str
    paths: list[str]
    files: bytes
    ship: bytes
    temp: str
    kept: str
    baseline: bytes | None
    joined: bool
    versions: dict[str, str]


class PlannedUnit(NamedTuple):
    """A unit of a chunk: its number, its key, the places of its tests, and its likely seconds."""

    number: int
    key: str
    first: int
    stop: int
    seconds: float | None


class Chunk(NamedTuple):
    """Units that one machine runs in one go.

    Attributes:
        units: the units.
        moment: a reading of the parent's `time.perf_counter` when it sent the chunk.
        first_worker: the number of the machine's first worker, so that all numbers differ.
    """

    units: tuple[PlannedUnit, ...]
    moment: float
    first_worker: int


class Call(NamedTuple):
    """What a task of the engine is to do in the process that it runs in.

    Attributes:
        run: one word for the run.
        plan: the plan; None where the process has it.
        chunk: what to run; None to prepare or end only.
        ends: whether to end what the process has of the run afterwards.
        token: of the call, which the notes about it carry.
    """

    run: str
    plan: MachinePlan | None
    chunk: Chunk | None
    ends: bool
    token: str


class Facts(NamedTuple):
    """What a machine says of itself: its name, its number of local workers, its versions."""

    host: str
    cores: int
    versions: dict[str, str]
    remarks: str


class Answer(NamedTuple):
    """The answer to a call.

    Attributes:
        facts: of the machine; None where the process has nothing of the run.
        result: a pickled and compressed `ChunkResult`; empty without one, also where the machine
            has to be prepared once more.
        refusal: why the machine cannot run the tests.
        broke: why the node process died, or None.
    """

    facts: Facts | None = None
    result: bytes = b""
    refusal: str = ""
    broke: str | None = None


class WorkerOutput(NamedTuple):
    """What one local worker has left.

    Attributes:
        number: 0 to N-1 on its machine.
        out: what its tests have written to standard output.
        err: the same of standard error; None where both are one file.
        collected: what a listener has collected, as coverage data.
        report: its last event; empty if it died.
        contexts: the events of the contexts that it has closed, if it died.
        rescued: the user's files that were moved out of its run root, if it died.
        ran: the places of the tests that it has run, in its order.
    """

    number: int
    out: bytes
    err: bytes | None
    collected: bytes
    report: bytes
    contexts: list[bytes]
    rescued: tuple[Rescued, ...]
    ran: list[int]


class ChunkResult(NamedTuple):
    """The result of the run of a chunk.

    Attributes:
        workers: the local workers.
        feeds: events: the number of their unit (None for none), the place of their worker in
            `workers`, and the lines.
        finished: the numbers of the units that are over, and the seconds that they took.
        failures: what went wrong at the end of workers, in words.
        kept: the kept files as a tar; empty if there are none.
        moved: the paths of this machine that stand for paths of the parent.
        stopped: whether the machine stopped before the end of the chunk.
        signal: the signal that a test has sent to end the run; 0 without one.
    """

    workers: list[WorkerOutput]
    feeds: list[tuple[int | None, int, list[bytes]]]
    finished: list[tuple[int, float]]
    failures: list[str]
    kept: bytes
    moved: dict[str, str]
    stopped: bool
    signal: int


class Note(NamedTuple):
    """What a machine says while it runs a chunk: the places of tests that run, and of all begun."""

    token: str
    running: list[int]
    started: list[int]


class Frames:
    """Objects that two processes send each other through a pair of pipes.

    Args:
        source: the descriptor to read from.
        sink: the descriptor to write to.
    """

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._buffer = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(source, selectors.EVENT_READ)

    def send(self, message: object) -> None:
        """Send an object.

        Raises:
            OSError: the other process is gone.
        """
        content = pickle.dumps(message)
        data = memoryview(_HEAD.pack(len(content)) + content)
        while data:
            data = data[os.write(self._sink, data) :]

    def receive(self, seconds: float | None = None) -> Any:
        """Return the next object; None if none has come within some seconds.

        Raises:
            EOFError: the other process is gone.
        """
        while True:
            if (content := self._content()) is not None:
                return pickle.loads(content)
            if not self._selector.select(seconds):
                return None
            data = os.read(self._source, _MOST)
            if not data:
                raise EOFError
            self._buffer += data

    def _content(self) -> bytes | None:
        if len(self._buffer) < _HEAD.size:
            return None
        end = _HEAD.size + _HEAD.unpack_from(self._buffer)[0]
        if len(self._buffer) < end:
            return None
        content = bytes(self._buffer[_HEAD.size : end])
        del self._buffer[:end]
        return content

    def close(self) -> None:
        """Close both pipes."""
        self._selector.close()
        os.close(self._source)
        os.close(self._sink)
