"""What runs that died have left, in the lines that the next start prints."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tempfiles.formatting import format_count, format_size, printable
from tempfiles.recovery.reap import Reaped
from tempfiles.reports import RemovalReport

_MOST_RUNS_TOLD = 5
_MOST_LEAKS_TOLD = 10


def lines(dead: list[Reaped], rest: list[Reaped]) -> Iterator[str]:
    """Yield what to tell of roots that were removed.

    Args:
        dead: those that are told of for the first time.
        rest: those of which only the removal went on.
    """
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
        made_by = f"  {printable(leak.made_by)}" if leak.made_by else ""
        name = printable(os.path.basename(leak.path))
        yield f"    {name}  {format_size(leak.bytes)}  left by {printable(leak.context)}{made_by}"
    more = len(root.leaks) - _MOST_LEAKS_TOLD
    more = max(0, more) + root.more
    if more:
        yield f"    ... and {more:,} more"
