"""What runs that died have left: removed at the start, told in one line, the rest at the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tempfiles.quantities import format_size
from tempfiles.text import printable

if TYPE_CHECKING:
    from tempfiles.orphans import Plan, Reaped, ReapReport

# The first test waits no longer than 100 ms for what others have left.
_SECONDS_AT_START = 0.08
_MOST_LEAKS_TOLD = 5


class Reaper:
    """Removes the orphans of one temp directory, as far as the time allows, in two goes.

    Args:
        directory: where run roots lie; None for the system's temp directory.
    """

    def __init__(self, directory: str | None = None) -> None:
        self._directory = os.path.realpath(directory or tempfile.gettempdir())
        self._remaining: Plan | None = None

    def begin(self, stream: Any) -> None:
        """Reap quickly, before this run's own root is made; tell what was done."""
        # Most often there is nothing, and then nothing is imported for it.
        if not any(name.startswith("tidy-") for name in os.listdir(self._directory)):
            return
        from tempfiles import orphans

        plan = orphans.plan([self._directory])
        if plan.chosen:
            report = orphans.reap(plan, deadline=_SECONDS_AT_START)
            self._remaining = report.remaining if report.remaining.chosen else None
            _tell(stream, report)

    def end(self, stream: Any) -> None:
        """Reap what there was no time for at the start."""
        if self._remaining is not None:
            from tempfiles import orphans

            _tell(stream, orphans.reap(self._remaining))


def _tell(stream: Any, report: ReapReport) -> None:
    for root in report.roots:
        for line in _lines(root):
            stream.write(f"{line}\n")
    stream.flush()


def _lines(root: Reaped) -> Iterator[str]:
    if root.fate == "skipped":
        return
    removed = f"{root.removal.removed} entries, {format_size(root.removal.bytes)}"
    fate = {
        "removed": f"removed {removed}",
        "remaining": f"removed {removed}, the rest at the end of this run",
        "failed": f"could not remove all: {root.reason}",
    }[root.fate]
    during = f" during {printable(root.running.id)}" if root.running is not None else ""
    command = printable(" ".join(root.marker.argv)) if root.marker is not None else "?"
    yield f"tidytest: an earlier run died{during} ({command}): {fate}"
    for leak in root.leaks[:_MOST_LEAKS_TOLD]:
        origin = f"  {printable(str(leak.origin))}" if leak.origin is not None else ""
        name = printable(os.path.basename(leak.path))
        yield f"    {name}  {format_size(leak.bytes)}  left by {printable(leak.context)}{origin}"
    if len(root.leaks) > _MOST_LEAKS_TOLD:
        yield f"    ... and {len(root.leaks) - _MOST_LEAKS_TOLD} more"
