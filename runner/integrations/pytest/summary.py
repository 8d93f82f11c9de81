"""Print the section on leaked files at the end of a pytest session, if there is anything to say."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from time import monotonic
from typing import Any

from tempfiles import format_size

from ...hosting.run_end import RunEnd
from ...session.session import Session
from .reports import ClosedContexts

_MOST_KEPT = 1 << 30
_SECONDS = 0.2  # to look for the size of what pytest keeps


def print_summary(
    terminal: Any, end: RunEnd, session: Session, closed: ClosedContexts
) -> None:
    """Print what contexts left, where to begin, and the totals.

    Args:
        terminal: pytest's terminal reporter.
        end: the end of the run.
        session: its session.
        closed: the contexts that closed.
    """
    lines = list(_lines(terminal, end, session, closed))
    kept = _kept_line(terminal.config)
    if not lines and not kept:
        return
    if lines:
        terminal.write_sep("=", "leaked files (tidytest)", yellow=True)
    for line in lines:
        terminal.write_line(line)
    if kept:
        terminal.write_line(kept)


def _lines(
    terminal: Any, end: RunEnd, session: Session, closed: ClosedContexts
) -> Iterator[str]:
    from ...output.colour import Painter
    from ...session.summary import section_lines

    verbosity = terminal.config.get_verbosity() + 1
    painter = Painter()
    painter.width = terminal._tw.fullwidth
    shown = [report if verbosity > 1 else new for report, new in closed.reports]
    yield from section_lines(shown, end.display(verbosity), painter, session.policy)
    if end.is_silent:
        return
    text = io.StringIO()
    end.print_summary(text, verbosity, names=False)
    yield from text.getvalue().splitlines()


def _kept_line(config: Any) -> str | None:
    """Return a line on the size of what `tmp_path_retention` keeps, if it is large."""
    base = getattr(getattr(config, "_tmp_path_factory", None), "_basetemp", None)
    if base is None:
        return None
    size, is_whole = _size(os.path.dirname(base))
    if size <= _MOST_KEPT:
        return None
    more = "" if is_whole else "more than "
    return (
        f"pytest keeps {more}{format_size(size)} in {os.path.dirname(base)}:"
        " tmp_path_retention_count and tmp_path_retention_policy limit it"
    )


def _size(directory: str) -> tuple[int, bool]:
    """Return the bytes below a directory, as far as the time allows, and whether that is all."""
    end, size, pending = monotonic() + _SECONDS, 0, [directory]
    while pending:
        if monotonic() > end:
            return size, False
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return size, True
