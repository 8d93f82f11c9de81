"""Remove and report what dead runs left: briefly before the tests, the rest at the end."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import tempfiles
from tempfiles import RemovalReport, format_count, format_size, printable

if TYPE_CHECKING:
    from tempfiles import Reaped, ReapReport

# The first test waits at most 100 ms for the removal, also on a busy machine.
_SECONDS_AT_START = 0.06
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

_MOST_RUNS = 5
_MOST_LEAKS = 10


class Reaper:
    """Removes what dead runs of this user left, first as far as the time allows, then the rest.

    Args:
        directory: where this run creates its root; None for the system's temp directory.
    """

    def __init__(self, directory: str | None = None) -> None:
        own = [os.path.realpath(directory)] if directory is not None else []
        self._directory = directory
        self._directories = list(dict.fromkeys([*own, *tempfiles.root_directories()]))
        self._unfinished = False
        self._reported: set[str] = set()

    def begin(self, stream: Any) -> None:
        """Remove for a short time, before this run creates its own root; print what was removed."""
        if tempfiles.has_orphans(self._directories):
            report = tempfiles.reap(self._directories, deadline=_SECONDS_AT_START)
            self._unfinished = not report.complete
            self._print(stream, report)

    def make_room(self, error: OSError, stream: Any) -> bool:
        """Remove all from the file system that has no room for this run's root.

        Args:
            error: why the root could not be created.
            stream: where to print what was removed.

        Returns:
            Whether something was removed, so that there may be room now.
        """
        if error.errno not in _FULL:
            return False
        full = self._directory or tempfiles.system_directory()
        report = tempfiles.reap(self._directories, same_device_as=full)
        self._print(stream, report)
        return report.removal.removed > 0

    def end(self, stream: Any) -> None:
        """Remove what there was no time for at the start."""
        if self._unfinished:
            self._print(stream, tempfiles.reap(self._directories))

    def _print(self, stream: Any, report: ReapReport) -> None:
        dead = [root for root in report.roots if root.fate != "skipped" and not _is_bare(root)]
        if not dead:
            return
        before = self._reported
        rest = [root for root in dead if root.marker is not None and root.marker.root in before]
        self._reported = {r.marker.root for r in dead if r.marker is not None and r.leaks}
        for line in _lines([root for root in dead if root not in rest], rest):
            stream.write(f"{line}\n")
        stream.flush()


def _is_bare(root: Reaped) -> bool:
    """Return whether a root was an empty directory, perhaps of a run that was just starting."""
    return root.marker is None and root.removal.files + root.removal.directories <= 1


def _lines(dead: list[Reaped], rest: list[Reaped]) -> Iterator[str]:
    """Yield the lines on roots that were removed.

    Args:
        dead: those that are reported for the first time.
        rest: those that were reported before, of which more was removed now.
    """
    if rest:
        yield f"tidytest: the rest of what earlier runs left: {_removed(rest)}"
    if len(dead) == 1:
        yield f"tidytest: an earlier run {_death(dead[0])}: {_removed(dead)}"
    elif dead:
        yield f"tidytest: {len(dead)} earlier runs died: {_removed(dead)}"
    for root in dead[:_MOST_RUNS]:
        if len(dead) > 1:
            yield f"    one {_death(root)}"
        yield from _leak_lines(root)
        for path, now in root.rescued.items():
            name = printable(os.path.basename(path))
            yield f"    {name} existed before that run: it is now {printable(now)}"
    if len(dead) > _MOST_RUNS:
        yield f"    ... and {len(dead) - _MOST_RUNS} more"


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
    for leak in root.leaks[:_MOST_LEAKS]:
        made_by = f"  {printable(leak.made_by)}" if leak.made_by else ""
        name = printable(os.path.basename(leak.path))
        yield f"    {name}  {format_size(leak.bytes)}  left by {printable(leak.context)}{made_by}"
    more = len(root.leaks) - _MOST_LEAKS
    more = max(0, more) + root.more
    if more:
        yield f"    ... and {more:,} more"
