"""Take the result of a machine as if local workers had left it: events, output, kept files."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping

from tempfiles import KEPT_PREFIX, Rescued, untracked

from ..pool.source import Source
from ..remote.messages import ChunkResult, WorkerOutput
from ..workers import events
from ..workers.channel import paths_in


class AdoptedWorker:
    """A local worker of another machine, with its files in the run root of the parent.

    Args:
        result: what it has left.
        number: of the worker in the whole run.
        root: the run root.
        file: the number for its files.
        moved: the paths of its machine that stand for paths of the parent.

    Attributes:
        number: of the worker in the whole run.
        paths: its files; those that would be empty do not exist.
        source: where its events come from.
        report: its last event; empty if it died.
        contexts: the events of the contexts that it has closed, if it died.
        rescued: the user's files that were moved out of its run root, if it died.
        ran: the places of the tests that it has run, in its order.
    """

    def __init__(
        self, result: WorkerOutput, number: int, root: str, file: int, moved: Mapping[str, str]
    ) -> None:
        self.number = number
        self.paths = paths_in(root, file, joined=result.err is None)
        self.source = Source(number, list(dict.fromkeys((self.paths.out, self.paths.err))))
        self.report = translated(result.report, moved)
        self.contexts = [translated(line, moved) for line in result.contexts]
        self.rescued: tuple[Rescued, ...] = result.rescued
        self.ran = result.ran
        for path, content in (
            (self.paths.out, result.out), (self.paths.err, result.err),
            (self.paths.collected, result.collected),
        ):  # fmt: skip
            if content:
                with open(path, "wb") as written:
                    written.write(content)
        if result.collected:
            from ..listeners.coverage import move_paths

            move_paths(self.paths.collected, moved)


def translated(line: bytes, moved: Mapping[str, str]) -> bytes:
    """Return an event with the paths of the parent in place of those of a machine."""
    for there, here in moved.items():
        if there != here:
            line = line.replace(_inside_json(there), _inside_json(here))
    return line


def _inside_json(path: str) -> bytes:
    return json.dumps(path)[1:-1].encode()


def with_machine(
    lines: Iterable[bytes], machine: str, again: Mapping[int, list[str]]
) -> Iterator[bytes]:
    """Yield events with the machine after the start of each test.

    Args:
        lines: the events.
        machine: the name of the machine.
        again: the machines that were lost while they ran a test, by its place.
    """
    for line in lines:
        yield line
        if line[:1] in (b"s", b"S"):
            lost = again.get(events.index_of(line) or 0, []) if line[:1] == b"s" else []
            yield events.line(events.MACHINE, f"{machine}{attempt(lost)}").encode()


def attempt(lost: list[str]) -> str:
    """Return in words which attempt of a test this is, and why; empty for the first one."""
    if not lost:
        return ""
    noun = "machine" if len(lost) == 1 else "machines"
    return f", attempt {len(lost) + 1}: {noun} {', '.join(lost)} lost"


def unpack_kept(result: ChunkResult, base: str, name: str) -> None:
    """Add the kept files of a machine to those of this run.

    Args:
        result: that of the machine.
        base: the directory for the kept files of all runs.
        name: the name of this run's directory of kept files.
    """
    if not result.kept:
        return
    import tarfile

    place = os.path.join(base, f"{KEPT_PREFIX}{name}")
    with untracked(), tarfile.open(fileobj=io.BytesIO(result.kept)) as archive:
        os.makedirs(place, 0o700, exist_ok=True)
        archive.extractall(place, filter="tar")
