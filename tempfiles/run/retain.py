"""Keep the files of failed tests, and artifacts.

Registered files would be removed when their context closes: they are moved then. Leaks in the temp
directory are copied then, as they are at that moment: the originals stay for the tests that follow.
Leaks elsewhere stay where they are.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ..errors import EscapeError, InvalidNameError
from ..fileops.copy import Missed, copy
from ..fileops.measure import measure
from ..formatting import format_size, printable
from ..records import Leak
from ..recovery.kept import KeptRun, check, free_path, outside_of_own_run, reason
from ..registry import contexts, move, registrations
from ..registry.contexts import Context
from ..registry.reclaim import is_in_place
from ..reports import RunReport
from . import move_out

_MOST_LISTED = 10  # paths of one context that are not kept, and that are left where they are
_LONGEST_LISTED = 160  # characters of such a path

_log = logging.getLogger("tempfiles")

Annotate = Callable[[str], bool]
"""Add lines to the failure of a context; return whether there was one to add them to."""


class RetentionSettings(NamedTuple):
    """What to keep, where, and how much of it.

    Args:
        when: `never`, `on-failure` or `always`.
        directory: where to keep runs; None for `temp`.
        runs: how many runs of the project to keep.
        bytes: how many bytes the kept runs may take together.
        cleans_outside: whether leaks outside the temp directory are removed too, and so copied.
        project: the working directory of the run.
        temp: the system's temp directory at the start of the run; None for the present one.
    """

    when: str = "never"
    directory: str | None = None
    runs: int = 3
    bytes: int = 1 << 30
    cleans_outside: bool = False
    project: str = ""
    temp: str | None = None


class Retention:
    """Keep files of one run in a directory of its own, created when the first file is kept.

    A host calls `keep_registered` before a context closes and `keep_leaks` after. Errors of keeping
    are not raised, except for artifacts: they cost one warning.

    Args:
        settings: what to keep, where, and how much of it.
        warn: called with each warning, one line; logs it by default.

    Attributes:
        registered_kept: how many registered files and directories were kept instead of removed.

    Raises:
        SettingError: `directory` is not a directory, or cannot be written to.
    """

    def __init__(
        self, settings: RetentionSettings, warn: Callable[[str], object] = _log.warning
    ) -> None:
        self.registered_kept = 0
        self._settings = settings
        self._warn = warn
        directory = settings.directory
        if directory is not None:
            check(directory)
        base = directory or outside_of_own_run(settings.temp or tempfile.gettempdir())
        self._run = KeptRun(base, settings.project, creates_base=directory is not None)
        self._room = settings.bytes
        self._elsewhere: list[tuple[str, str]] = []
        self._registered_elsewhere = 0
        self._kept: set[tuple[str, str, str]] = set()
        self._missed: dict[Context, list[str]] = {}
        self._warned: set[str] = set()

    @property
    def name(self) -> str:
        """The part of its name that differs between runs; settable before a file is kept.

        Processes of one run that have the same name keep their files in the same directory.
        """
        return self._run.name

    @name.setter
    def name(self, name: str) -> None:
        self._run.name = name

    @property
    def place(self) -> str | None:
        """The directory of this run's kept files; None if nothing was kept yet."""
        return self._run.place

    def kept_contexts(self) -> list[tuple[str, str]]:
        """Return the scope and id of each context of which something is kept."""
        own = ((context.scope, context.id) for context in self._run.contexts())
        return list(dict.fromkeys([*own, *self._elsewhere]))

    def join(self, contexts: Iterable[tuple[str, str]], registered: int) -> None:
        """Add what a forked child has kept of the same run; before the report is marked.

        Args:
            contexts: the scope and id of each context of which it has kept something.
            registered: how many registered files and directories it has kept.
        """
        self._elsewhere += contexts
        self._registered_elsewhere += registered
        self._run.adopt()

    def keep_registered(self, context: Context, failed: bool = True) -> None:
        """Move what a context has registered, before it closes.

        Args:
            context: the context; still open.
            failed: whether it failed. A host that knows it only after the close says True where it
                may still fail.
        """
        if not self._is_wanted(failed):
            return
        with contexts.untracked(), self._attempt(context):
            paths = sorted({*(context.files or ()), *(context.directories or ())})
            registrations.before_removal(paths)
            for path in paths:
                # It may have been moved with the directory above it.
                if os.path.lexists(path) and is_in_place(path, context):
                    moved = self._put(context, path, move.move_partially)
                    self.registered_kept += moved

    def keep_leaks(
        self, context: Context, leaks: Iterable[Leak], failed: bool = True,
        annotate: Annotate = lambda text: False,
    ) -> None:
        """Copy what a context has leaked, and add to its failure where its files are.

        Args:
            context: the context; closed already.
            leaks: what it left.
            failed: whether it failed.
            annotate: adds lines to its failure; returns whether there was one.
        """
        if not self._is_wanted(failed):
            return
        with contexts.untracked(), self._attempt(context):
            chosen = [leak for leak in leaks if self._is_removed(leak)]
            move_out.flush([leak.path for leak in chosen if leak.never_closed])
            for leak in chosen:
                if self._put(context, leak.path, copy):
                    self._kept.add((leak.scope, leak.context, leak.path))
            self._annotate(context, [leak.path for leak in leaks if leak not in chosen], annotate)

    def mark_kept(self, report: RunReport) -> RunReport:
        """Return the report of the run with the outcome `kept` for what was kept."""
        summary = report.summary
        # What was gone when its context closed was counted as removed by its test.
        self.registered_kept = min(self.registered_kept, summary.removed_by_tests)
        report = report._replace(
            summary=summary._replace(
                removed_by_tests=summary.removed_by_tests - self.registered_kept,
                registered=summary.registered + self.registered_kept,
            ),
        )
        self.registered_kept += self._registered_elsewhere
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
        """Return the path of an artifact of a context; the directories above it are created.

        Args:
            context: the context whose directory it lies in.
            name: a relative path.

        Raises:
            InvalidNameError: the name is empty or contains NUL.
            EscapeError: it leads out of the directory of the context.
            OSError: the directories cannot be created.
        """
        if not name or "\0" in name:
            raise InvalidNameError(f"not a name for an artifact: {name!r}")
        if os.path.isabs(name) or ".." in re.split(r"[/\\]", name):
            raise EscapeError(f"an artifact stays in its directory: {name!r}")
        with contexts.untracked():
            return Path(self._run.room_for(context, name))

    def finish(self) -> None:
        """Remove the oldest kept runs beyond the limits, and release this one's directory."""
        try:
            self._run.finish(self._settings.runs, self._settings.bytes)
        except Exception as error:
            self._warn(f"cannot remove older runs in {printable(self._run.base)}: {reason(error)}")

    def _is_wanted(self, failed: bool) -> bool:
        return self._settings.when == "always" or (failed and self._settings.when == "on-failure")

    def _is_removed(self, leak: Leak) -> bool:
        """Return whether a leak will be removed at the end of the run, as far as is known."""
        if leak.where == "temp":
            return True
        holds_us = f"{os.path.realpath(self._run.base)}{os.sep}".startswith(leak.path + os.sep)
        return self._settings.cleans_outside and leak.evidence == "observed" and not holds_us

    def _put(self, context: Context, path: str, put: Callable[[str, str, Missed], object]
    ) -> bool:
        """Move or copy a path into the directory of a context; return whether it is there."""
        missed = self._listing(context, os.path.dirname(path))
        size = measure(path).taken
        if size > self._room:
            room = format_size(self._room)
            missed(path, OSError(f"{format_size(size)}, and the limit leaves room for {room}"))
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
        """Return a callback that lists a path that is not kept, relative to a directory."""

        def missed(path: str, error: OSError) -> None:
            if os.path.lexists(path):  # else it has vanished meanwhile
                name = os.path.relpath(path, directory)
                if len(name) > _LONGEST_LISTED:
                    name = f"...{name[-_LONGEST_LISTED:]}"
                listed = f"{printable(name)}: {reason(error)}"
                self._missed.setdefault(context, []).append(listed)

        return missed

    def _annotate(self, context: Context, left: list[str], annotate: Annotate) -> None:
        """Add to a failure where its files are; warn of what is not kept if there is no failure."""
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
        annotated = bool(text) and annotate(text)
        if missed and not annotated:
            self._warn(f"cannot keep all of {printable(context.id)}: {_some(missed, '; ')}")

    @contextlib.contextmanager
    def _attempt(self, context: Context) -> Iterator[None]:
        """Warn once where nothing can be kept, as on a full disk; the run goes on."""
        try:
            yield
        except Exception as error:  # any: the results of the tests matter more
            problem = f"{printable(self._run.base)}: {reason(error)}"
            if problem not in self._warned:
                self._warned.add(problem)
                self._warn(f"cannot keep the files of {printable(context.id)} in {problem}")


def _some(texts: list[str], between: str) -> str:
    more = [f"and {len(texts) - _MOST_LISTED} more"] if len(texts) > _MOST_LISTED else []
    return between.join([*texts[:_MOST_LISTED], *more])
