"""Keep what failed tests still have (`--keep`), and artifacts.

What is registered would be removed when its context closes, and is moved then. Of what else it
left in the temp directory a copy is made then, as it is at that moment: the original stays for
the tests that follow, as without `--keep`. What it left elsewhere stays where it is.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tempfiles.errors import EscapeError, InvalidNameError
from tempfiles.fileops.copy import Missed, copy
from tempfiles.fileops.measure import measure
from tempfiles.formatting import format_size, printable
from tempfiles.records import Leak
from tempfiles.registry import contexts, move, registrations
from tempfiles.registry.contexts import Context
from tempfiles.registry.reclaim import is_in_place
from tempfiles.reports import RunReport
from tempfiles.run import survivors

from .kept_runs import KeptRun, check, free_path, outside_of_own_run, reason

_MOST_TOLD = 10  # paths of one context that are not kept, and that are left where they are
_LONGEST_TOLD = 160  # characters of such a path


class KeepSettings(NamedTuple):
    """How to keep.

    `when` is `never`, `on-failure` or `always`. `directory` is where; None: `temp`, the system's
    temp directory at the start of the run (None: as it is now). At most `runs` runs and `bytes`
    bytes are held. `cleans_outside` says that leaks outside the temp directory are removed too.
    `project` is the working directory of the run.
    """

    when: str = "never"
    directory: str | None = None
    runs: int = 3
    bytes: int = 1 << 30
    cleans_outside: bool = False
    project: str = ""
    temp: str | None = None


class Keeper:
    """Keeps things of one run in a directory of its own, made with the first of them.

    Nothing that goes wrong in keeping is raised, but for artifacts: it is told in one line.

    Attributes:
        registered_kept: how many registered files and directories were kept, not removed.

    Raises:
        UsageError: `directory` is something else, or cannot be written to.
    """

    def __init__(self, settings: KeepSettings) -> None:
        self.registered_kept = 0
        self._settings = settings
        directory = settings.directory
        if directory is not None:
            check(directory)
        base = directory or outside_of_own_run(settings.temp or tempfile.gettempdir())
        self._run = KeptRun(base, settings.project, makes_base=directory is not None)
        self._room = settings.bytes
        self._kept: set[tuple[str, str, str]] = set()
        self._missed: dict[Context, list[str]] = {}
        self._complaints: set[str] = set()

    def keep_registered(self, context: Context, failed: bool) -> None:
        """Move what a context has registered, if it failed.

        Args:
            context: the context; it is about to close.
            failed: whether it failed, or is about to fail for what it leaked.
        """
        with contexts.untracked(), self._attempt(context):
            if not self._is_wanted(failed):
                return
            paths = sorted({*(context.files or ()), *(context.directories or ())})
            registrations.before_removal(paths)
            for path in paths:
                # It may have been moved with the directory above it.
                if os.path.lexists(path) and is_in_place(path, context):
                    moved = self._put(context, path, move.move_partially)
                    self.registered_kept += moved

    def keep_leaks(
        self, context: Context, leaks: Iterable[Leak], failed: bool,
        annotate: Callable[[str], bool],
    ) -> None:
        """Copy what a context leaked, if it failed, and add to its failure what was kept.

        Args:
            context: the context; it has closed.
            leaks: what it leaked.
            failed: whether it failed.
            annotate: adds text to the failure; returns whether there is a failure to add it to.
        """
        with contexts.untracked(), self._attempt(context):
            if not self._is_wanted(failed):
                return
            chosen = [leak for leak in leaks if self._is_removed(leak)]
            survivors.flush([leak.path for leak in chosen if leak.never_closed])
            for leak in chosen:
                if self._put(context, leak.path, copy):
                    self._kept.add((leak.scope, leak.context, leak.path))
            self._tell(context, [leak.path for leak in leaks if leak not in chosen], annotate)

    def noted(self, report: RunReport) -> RunReport:
        """Return the report of the run with what was kept told as such."""
        summary = report.summary
        # What was gone when its context closed counts as removed by its test.
        self.registered_kept = min(self.registered_kept, summary.removed_by_tests)
        report = report._replace(
            summary=summary._replace(
                removed_by_tests=summary.removed_by_tests - self.registered_kept,
                registered=summary.registered + self.registered_kept,
            ),
        )
        if not self._kept:
            return report
        leaks = (
            replace(leak, outcome="kept")
            if leak.outcome == "removed" and (leak.scope, leak.context, leak.path) in self._kept
            else leak
            for leak in report.leaks
        )
        return report._replace(leaks=tuple(leaks))

    def artifact(self, context: Context, name: str) -> Path:
        """Return the path of an artifact of a test; the directories on the way are made.

        Raises:
            InvalidNameError: the name is empty or has NUL in it.
            EscapeError: it leads out of the test's directory.
            OSError: the directories cannot be made.
        """
        if not name or "\0" in name:
            raise InvalidNameError(f"not a name for an artifact: {name!r}")
        if os.path.isabs(name) or ".." in re.split(r"[/\\]", name):
            raise EscapeError(f"an artifact stays in its directory: {name!r}")
        with contexts.untracked():
            return Path(self._run.room_for(context, name))

    def told(self) -> Iterator[str]:
        """Yield the line on where things were kept, if any were."""
        kept = [(context.scope, context.id) for context in self._run.contexts()]
        if kept:
            from ..output.lines import counted_contexts

            place = printable(self._run.place or "")
            yield f"Kept files of {counted_contexts(kept)}: {place}"

    def finish(self) -> None:
        """Remove the oldest runs beyond what is to be held, and let go of this one's directory."""
        try:
            self._run.finish(self._settings.runs, self._settings.bytes)
        except Exception as error:
            _say(f"cannot remove older runs in {printable(self._run.base)}: {reason(error)}")

    def _is_wanted(self, failed: bool) -> bool:
        return self._settings.when == "always" or (self._settings.when == "on-failure" and failed)

    def _is_removed(self, leak: Leak) -> bool:
        """Whether a leak is removed at the end of the run, as far as is known by now."""
        if leak.where == "temp":
            return True
        holds_us = f"{os.path.realpath(self._run.base)}{os.sep}".startswith(leak.path + os.sep)
        return self._settings.cleans_outside and leak.evidence == "observed" and not holds_us

    def _put(self, context: Context, path: str, put: Any) -> bool:
        """Move or copy a path into the directory of a context; return whether it is there."""
        missed = self._listing(context, os.path.dirname(path))
        size = measure(path).taken
        if size > self._room:
            room = f"{format_size(size)}, and --keep-bytes leaves room for"
            missed(path, OSError(f"{room} {format_size(self._room)}"))
            return False
        target = free_path(os.path.join(self._run.directory(context), os.path.basename(path)))
        try:
            put(path, target, missed)
        except OSError as error:
            missed(path, error)
        if not os.path.lexists(target):
            return False
        self._room -= size
        return True

    def _listing(self, context: Context, directory: str) -> Missed:
        """Return what notes paths that are not kept, as they are called in a directory."""

        def missed(path: str, error: OSError) -> None:
            if os.path.lexists(path):  # else it has vanished meanwhile
                name = os.path.relpath(path, directory)
                if len(name) > _LONGEST_TOLD:
                    name = f"...{name[-_LONGEST_TOLD:]}"
                told = f"{printable(name)}: {reason(error)}"
                self._missed.setdefault(context, []).append(told)

        return missed

    def _tell(
        self, context: Context, left: list[str], annotate: Callable[[str], bool]
    ) -> None:
        """Tell in a failure where its files are; where there is none, only what is not kept."""
        missed, place = self._missed.pop(context, []), self._run.holding(context)
        lines = []
        if place is not None:
            but = f" (without {_some(missed, '; ')})" if missed else ""
            lines.append(f"Kept: {printable(place)}{but}")
        elif missed:
            lines.append(f"Not kept: {_some(missed, '; ')}")
        if left:
            lines.append(_some([f"left where it is: {printable(path)}" for path in left], "\n"))
        text = "".join(f"{line}\n" for line in lines)
        is_told = bool(text) and annotate(text)
        if missed and not is_told:
            _say(f"cannot keep all of {printable(context.id)}: {_some(missed, '; ')}")

    @contextlib.contextmanager
    def _attempt(self, context: Context) -> Iterator[None]:
        """Tell, once, where nothing can be kept, as on a full disk; the run goes on."""
        try:
            yield
        except Exception as error:  # whatever it is: the results of the tests matter more
            said = f"{printable(self._run.base)}: {reason(error)}"
            if said not in self._complaints:
                self._complaints.add(said)
                _say(f"cannot keep the files of {printable(context.id)} in {said}")


def _say(text: str) -> None:
    with contextlib.suppress(Exception):  # a test may have put anything in its place
        sys.stderr.write(f"tidytest: {text}\n")


def _some(texts: list[str], between: str) -> str:
    more = [f"and {len(texts) - _MOST_TOLD} more"] if len(texts) > _MOST_TOLD else []
    return between.join([*texts[:_MOST_TOLD], *more])
