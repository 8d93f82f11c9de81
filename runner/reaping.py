"""What runs that died have left: removed at the start, told in one line, the rest at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tempfiles.claims import KEPT_PREFIX, PREFIX, is_held
from tempfiles.root import system_directory
from tempfiles.text import printable

if TYPE_CHECKING:
    from tempfiles.orphans import Reaped, ReapReport

# The first test waits no longer than 100 ms for what others have left.
_SECONDS_AT_START = 0.08
_SECONDS_TO_PLAN = 0.04
_MOST_RUNS_TOLD = 5
_MOST_LEAKS_TOLD = 10


class Reaper:
    """Removes the orphans of one temp directory, as far as the time allows, in two goes.

    Args:
        directory: where run roots lie; None for the system's temp directory.
    """

    def __init__(self, directory: str | None = None) -> None:
        self._directory = os.path.realpath(directory or system_directory())
        self._unfinished = False
        self._told: set[str] = set()

    def begin(self, stream: Any) -> None:
        """Reap quickly, before this run's own root is made; tell what was done."""
        start = time.monotonic()
        # Most often there is nothing, or only live runs, and then nothing is imported for it.
        if not any(map(self._may_be_dead, os.listdir(self._directory))):
            return
        from tempfiles import orphans

        plan = orphans.plan([self._directory], deadline=_SECONDS_TO_PLAN)
        left = max(0.0, start + _SECONDS_AT_START - time.monotonic())
        report = orphans.reap(plan, deadline=left)
        self._unfinished = bool(report.remaining.chosen) or not plan.complete
        self._tell(stream, report)

    def _may_be_dead(self, name: str) -> bool:
        if not name.startswith(PREFIX) or name.startswith(KEPT_PREFIX):
            return False
        return not is_held(os.path.join(self._directory, name))

    def end(self, stream: Any) -> None:
        """Reap what there was no time for at the start."""
        if self._unfinished:
            from tempfiles import orphans

            self._tell(stream, orphans.reap(orphans.plan([self._directory])))

    def _tell(self, stream: Any, report: ReapReport) -> None:
        dead = [root for root in report.roots if root.fate != "skipped"]
        rest = [root for root in dead if root.marker is not None and root.marker.root in self._told]
        self._told = {root.marker.root for root in dead if root.marker is not None and root.leaks}
        for line in _lines([root for root in dead if root not in rest], rest):
            stream.write(f"{line}\n")
        if dead:
            stream.flush()


def _lines(dead: list[Reaped], rest: list[Reaped]) -> Iterator[str]:
    if rest:
        yield f"tidytest: the rest of what earlier runs left: {_removed(rest)}"
    if len(dead) == 1:
        yield f"tidytest: an earlier run {_death(dead[0])}: {_removed(dead)}"
    elif dead:
        yield f"tidytest: {len(dead)} earlier runs died: {_removed(dead)}"
    for root in dead[:_MOST_RUNS_TOLD]:
        if len(dead) > 1:
            yield f"    one {_death(root)}"
        yield from _leak_lines(root)
        for path, now in root.rescued.items():
            name = printable(os.path.basename(path))
            yield f"    {name} was there before that run: it is now {printable(now)}"
    if len(dead) > _MOST_RUNS_TOLD:
        yield f"    ... and {len(dead) - _MOST_RUNS_TOLD} more"


def _death(root: Reaped) -> str:
    running = root.running if root.running is not None and root.running.scope != "run" else None
    during = f" during {printable(running.id)}" if running is not None else ""
    command = f" ({printable(' '.join(root.marker.argv))})" if root.marker is not None else ""
    return f"died{during}{command}"


def _removed(dead: list[Reaped]) -> str:
    done = sum((root.removal for root in dead), RemovalReport())
    words = f"removed {format_count(done.removed, 'entry', 'entries')}, {format_size(done.bytes)}"
    if done.failed:
        first = done.failed[0]
        words += f"; could not remove {printable(first.path)}: {first.cause}"
        if len(done.failed) > 1:
            words += f", and {len(done.failed) - 1} more"
    if any(root.fate == "remaining" for root in dead):
        words += ", the rest at the end of this run"
    return words


def _leak_lines(root: Reaped) -> Iterator[str]:
    for leak in root.leaks[:_MOST_LEAKS_TOLD]:
        origin = f"  {printable(str(leak.origin))}" if leak.origin is not None else ""
        name = printable(os.path.basename(leak.path))
        yield f"    {name}  {format_size(leak.bytes)}  left by {printable(leak.context)}{origin}"
    more = len(root.leaks) - _MOST_LEAKS_TOLD
    more = max(0, more) + root.more
    if more:
        yield f"    ... and {more:,} more"
