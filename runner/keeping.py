"""Keep what failed tests still have (`--keep`), and artifacts: one directory a run, marked as kept.

What is registered would be removed when its context closes, and is moved then; so is what an
object would remove that nobody has closed. What else has leaked stays for the tests that follow, as
without `--keep`, and is moved at the end of the run. What leaked outside the temp directory stays.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tempfiles import _contexts as contexts
from tempfiles import _registrations as registrations
from tempfiles import finalizers, marker_view
from tempfiles._contexts import Context
from tempfiles.errors import EscapeError, InvalidNameError, TempFilesError
from tempfiles.ownership import KEPT_PREFIX, PREFIX, mark_kept
from tempfiles.records import Leak
from tempfiles.reports import RunReport
from tempfiles.text import printable

from .errors import UsageError
from .failures import is_failure_of

_UNSAFE = re.compile(r"[^\w.-]")
_LONGEST_NAME = 120  # characters, four bytes each at most would not fit: ids are mostly ASCII


class KeepSettings(NamedTuple):
    """When to keep (`never`, `on-failure`, `always`), where (None: the system's temp directory),
    how many runs, and at most how many bytes."""

    when: str = "never"
    directory: str | None = None
    runs: int = 3
    bytes: int = 1 << 30


class Keeper:
    """Keeps things of one run in a directory of its own, made with the first of them.

    Attributes:
        registered_kept: how many registered files and directories were kept, not removed.

    Raises:
        UsageError: `directory` is something else, or cannot be written to.
    """

    def __init__(self, settings: KeepSettings) -> None:
        self.registered_kept = 0
        self._settings = settings
        self._base = settings.directory or _system_temp()
        self._place: str | None = None
        self._claim: Any = None
        self._directories: dict[Context, str] = {}
        self._pending: list[tuple[Leak, str]] = []
        self._kept: set[str] = set()
        self._told: set[Context] = set()
        self._complaints: set[str] = set()
        if settings.directory is not None:
            _check(settings.directory)
            registrations.keep(settings.directory)

    def keep_registered(self, context: Context, result: Any, test: Any = None) -> None:
        """Move what a context has registered, if it failed; `test` is None for a fixture."""
        if not self._is_wanted(result, test, context.id):
            return
        registered = sorted({*(context.files or ()), *(context.directories or ())})
        with contexts.unseen(), self._attempt(context):
            moved = 0
            for path in registered:
                if os.path.lexists(path):  # else it has been moved with the directory above it
                    moved += self._move(path, self._target(context, path))
            self.registered_kept += moved
            if moved:
                self._annotate(result, test, context)

    def keep_leaks(
        self, context: Context, leaks: Iterable[Leak], result: Any, test: Any = None
    ) -> None:
        """Have leaks of a context moved at the end of the run, if it failed."""
        leaks = [leak for leak in leaks if leak.where == "temp"]
        if not leaks or not self._is_wanted(result, test, context.id):
            return
        with contexts.unseen(), self._attempt(context):
            for leak in leaks:
                self._pending.append((leak, self._target(context, leak.path)))
            self._move_pending(never_closed=True)
            self._annotate(result, test, context)

    def move_leaks(self) -> None:
        """Move the leaks now; what has vanished meanwhile is left out."""
        with contexts.unseen():
            self._move_pending(never_closed=False)

    def _move_pending(self, never_closed: bool) -> None:
        chosen = [entry for entry in self._pending if entry[0].never_closed or not never_closed]
        if never_closed:
            finalizers.disarm([leak.path for leak, _ in chosen])
        for leak, target in chosen:
            self._pending.remove((leak, target))
            if self._move(leak.path, target):
                self._kept.add(leak.path)
                if not leak.never_closed:
                    os.symlink(target, leak.path)  # so that the end of the run knows it as a leak

    def noted(self, report: RunReport) -> RunReport:
        """Return the report of the run with what was kept told as such."""
        summary = report.summary
        # What was gone when its context closed counts as removed by its test.
        self.registered_kept = min(self.registered_kept, summary.removed_by_tests)
        report = report._replace(summary=summary._replace(
            removed_by_tests=summary.removed_by_tests - self.registered_kept,
            registered=summary.registered + self.registered_kept,
        ))  # fmt: skip
        if not self._kept:
            return report
        leaks = (
            replace(leak, outcome="kept") if leak.path in self._kept else leak
            for leak in report.leaks
        )
        return report._replace(leaks=tuple(leaks))

    def artifact(self, context: Context, name: str) -> Path:
        """Return the path of an artifact of a test; the directories on the way are made.

        Raises:
            InvalidNameError: the name is empty or has NUL in it.
            EscapeError: it leads out of the test's directory.
        """
        if not name or "\0" in name:
            raise InvalidNameError(f"not a name for an artifact: {name!r}")
        if os.path.isabs(name) or ".." in re.split(r"[/\\]", name):
            raise EscapeError(f"an artifact stays in its directory: {name!r}")
        with contexts.unseen():
            path = Path(self._directory(context), name)
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def told(self) -> Iterator[str]:
        """Yield the line on where things were kept, if any were."""
        if self._place is not None:
            from .summaries import counted_contexts

            of = counted_contexts((context.scope, context.id) for context in self._directories)
            yield f"Kept files of {of}: {printable(self._place)}"

    def finish(self) -> None:
        """Remove the oldest runs beyond what is to be held, and let go of this one's directory."""
        if self._claim is not None:
            _prune(self._base, self._place or "", self._settings)
            self._claim.release()
            self._claim = None

    def _is_wanted(self, result: Any, test: Any, name: str) -> bool:
        if self._settings.when != "on-failure":
            return self._settings.when == "always"
        last = [entries[-1][0] for entries in (result.errors, result.failures) if entries]
        return any(is_failure_of(failed, test, name) for failed in last)

    def _annotate(self, result: Any, test: Any, context: Context) -> None:
        annotate = getattr(result, "annotate", None)
        text = f"Kept: {printable(self._directory(context))}"
        if annotate is not None and context not in self._told:
            self._told.add(context)
            annotate(test, context.id, f"{text}\n")

    def _target(self, context: Context, path: str) -> str:
        taken = {target for _, target in self._pending}
        return _free(os.path.join(self._directory(context), os.path.basename(path)), taken)

    def _directory(self, context: Context) -> str:
        """Return the directory of a test, a class or a module; it is made."""
        found = self._directories.get(context)
        if found is None:
            name = _UNSAFE.sub("_", context.id)[:_LONGEST_NAME].strip(".") or "_"
            found = _free(os.path.join(self._run_directory(), name), set())
            os.mkdir(found, 0o700)
            self._directories[context] = found
        return found

    def _run_directory(self) -> str:
        if self._place is None:
            stamp = time.strftime("%Y%m%d-%H%M%S")
            name = f"{KEPT_PREFIX}{stamp}-{os.urandom(3).hex()}"
            place = os.path.join(self._base, name)
            os.makedirs(place, 0o700)
            try:
                self._claim = mark_kept(place, project=os.getcwd(), argv=sys.orig_argv)
            except OSError:
                with contextlib.suppress(OSError):
                    os.rmdir(place)
                raise
            registrations.keep(place)
            self._place = place
        return self._place

    @contextlib.contextmanager
    def _attempt(self, context: Context) -> Iterator[None]:
        """Tell, once, where nothing can be kept, as on a full disk; the run goes on."""
        try:
            yield
        except OSError as error:
            said = f"{printable(self._base)}: {error.strerror}"
            if said not in self._complaints:
                self._complaints.add(said)
                of = printable(context.id)
                sys.stderr.write(f"tidytest: cannot keep the files of {of} in {said}\n")

    def _move(self, source: str, target: str) -> bool:
        from tempfiles import persist

        try:
            persist(source, target)
        except (TempFilesError, OSError) as error:
            if os.path.lexists(source):
                sys.stderr.write(f"tidytest: cannot keep {printable(source)}: {error}\n")
            return False
        return True


_used: list[Keeper] = []


def use(keeper: Keeper) -> None:
    """Have `artifact` put things where this keeper does."""
    _used.append(keeper)


def artifact(context: Context, name: str) -> Path:
    """Return the path of an artifact; see `Keeper.artifact`."""
    if not _used:
        use(Keeper(KeepSettings()))
    return _used[-1].artifact(context, name)


def told() -> Iterator[str]:
    """Yield the line on where things were kept, if any were."""
    if _used:
        yield from _used[-1].told()


def _free(path: str, taken: Container[str]) -> str:
    """Return a path that is not there, with a number where it would be."""
    number, found = 1, path
    while found in taken or os.path.lexists(found):
        number += 1
        found = f"{path}~{number}"
    return found


def _system_temp() -> str:
    """Return the temp directory as it is outside of this process's run."""
    directory = os.path.realpath(tempfile.gettempdir())
    root, slot = os.path.split(directory)
    if slot.isdigit() and os.path.basename(root).startswith(PREFIX):
        with contextlib.suppress(OSError, TempFilesError):  # then it is not this process's
            found = marker_view.read(root, None)
            if found is not None and found.pid == os.getpid():
                return os.path.dirname(root)
    return directory


def _check(directory: str) -> None:
    if os.path.lexists(directory) and not os.path.isdir(directory):
        raise UsageError(f"--keep-dir {printable(directory)}: not a directory")
    existing = directory
    while not os.path.isdir(existing):
        existing = os.path.dirname(existing)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"--keep-dir {printable(directory)}: cannot be written to")


def _prune(base: str, own: str, settings: KeepSettings) -> None:
    """Remove the oldest kept runs of this project beyond the number and the bytes to hold."""
    from tempfiles import orphans
    from tempfiles.sweep import measure

    project = os.getcwd()
    found = [
        verdict
        for verdict in orphans.plan([base], include_kept=True).chosen
        if verdict.state == "kept" and verdict.root != os.path.realpath(own)
        and verdict.marker is not None and verdict.marker.project == project
    ]  # fmt: skip
    found.sort(key=lambda verdict: verdict.created, reverse=True)
    total = measure(own, os.lstat(own)).bytes
    surplus = []
    for number, verdict in enumerate(found, 2):
        total += measure(verdict.root, os.lstat(verdict.root)).bytes
        if number > settings.runs or total > settings.bytes:
            surplus.append(verdict)
    orphans.reap(orphans.Plan(tuple(surplus)))
