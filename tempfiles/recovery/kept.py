"""Directories of kept files: create and mark that of a run, remove those of older runs."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator

from ..errors import SettingError, TempFilesError
from ..fileops.measure import measure
from ..formatting import printable
from ..registry import naming, registrations
from ..registry.contexts import Context
from ..roots import dispose, marker, marker_reader
from ..roots.ownership import KEPT_PREFIX, PREFIX, Claim, Verdict, mark_kept
from . import reap

_UNSAFE = re.compile(r"[^\w.-]")
_LONGEST = 200  # bytes of a name of ours: what stands behind it still fits
_PROBE = ".tidy-probe-"


class KeptRun:
    """The directory of one run's kept files, with a directory for each context.

    Args:
        base: the absolute path of the directory in which it is created, when something is kept.
        project: the working directory of the run; kept runs of other projects are never removed.
        creates_base: whether `base` may be created too.

    Attributes:
        name: the end of the name of that directory. Processes with the same name share it.
        place: the directory of the run; None where there is none yet.
    """

    def __init__(self, base: str, project: str, *, creates_base: bool) -> None:
        self.base = base
        self.place: str | None = None
        self._project = project
        self._creates_base = creates_base
        self._claim: Claim | None = None
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self.name = f"{stamp}-{os.urandom(3).hex()}"
        self._directories: dict[Context, str] = {}
        self._parents: list[str] = []

    def directory(self, context: Context) -> str:
        """Return the directory of a context; it is created if it is missing.

        Raises:
            OSError: it cannot be created.
        """
        found = self._directories.get(context)
        if found is None or not os.path.isdir(found):  # a test may have removed it
            found = self._directories[context] = self._new_directory(context)
        return found

    def _new_directory(self, context: Context) -> str:
        while True:
            found = free_path(os.path.join(self._created(), _name_of(context)))
            with contextlib.suppress(FileExistsError):  # another process was faster
                os.mkdir(found, 0o700)
                return found

    def adopt(self) -> None:
        """Take over the directory if forked children have created it."""
        place = os.path.join(self.base, f"{KEPT_PREFIX}{self.name}")
        if self.place is None and os.path.isdir(place):
            with contextlib.suppress(OSError):
                self._claim = mark_kept(place, project=self._project, argv=sys.orig_argv)
                self.place = place

    def room_for(self, context: Context, name: str) -> str:
        """Return the path of an artifact; the directories above it are created.

        Raises:
            OSError: they cannot be created.
        """
        path = os.path.join(self.directory(context), name)
        missing = []
        parent = os.path.dirname(path)
        while not os.path.lexists(parent):
            missing.append(parent)
            parent = os.path.dirname(parent)
        self._parents += reversed(missing)
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        return path

    def holding(self, context: Context) -> str | None:
        """Return the directory of a context if there is something in it."""
        found = self._directories.get(context)
        return found if found is not None and _names(found) else None

    def contexts(self) -> Iterator[Context]:
        """Yield the contexts of which something is kept."""
        return filter(self.holding, self._directories)

    def finish(self, runs: int, size: int) -> None:
        """Remove empty directories of this run, and the oldest kept runs beyond the limits.

        Args:
            runs: how many runs of the project to keep, this one included.
            size: how many bytes they may take together, this one included.
        """
        claim, self._claim = self._claim, None
        if claim is None or self.place is None:
            return
        for path in (*reversed(self._parents), *self._directories.values()):
            with contextlib.suppress(OSError):
                os.rmdir(path)
        try:
            if {*_names(self.place)} <= {marker.NAME}:
                _dispose(self.place, claim)
                self.place = None
            else:
                size -= measure(self.place).taken
                _reap(_beyond(self._earlier(), runs - 1, size))
        finally:
            claim.release()

    def _created(self) -> str:
        if self.place is not None and os.path.isdir(self.place):
            return self.place
        if self._creates_base:
            os.makedirs(self.base, 0o700, exist_ok=True)
        place = os.path.join(self.base, f"{KEPT_PREFIX}{self.name}")
        try:
            os.mkdir(place, 0o700)
        except FileExistsError:
            if self.place is None:  # the parent process, or another child of it, has created it
                self.place = place
                registrations.keep(place)
                return place
            raise
        try:
            claim = mark_kept(place, project=self._project, argv=sys.orig_argv)
        except OSError:
            with contextlib.suppress(OSError):
                os.rmdir(place)
            raise
        if self._claim is not None:
            self._claim.release()
        registrations.keep(place)
        self.place, self._claim = place, claim
        return place

    def _earlier(self) -> list[Verdict]:
        """Return the kept runs of the project that no process uses, the newest first."""
        own = os.path.realpath(self.place or "")
        found = [
            verdict
            for verdict in reap.plan([self.base], include_kept=True).chosen
            if verdict.state == "kept" and verdict.root != own
            and verdict.marker is not None and verdict.marker.project == self._project
        ]  # fmt: skip
        return sorted(found, key=lambda verdict: verdict.created, reverse=True)


def check(directory: str) -> None:
    """Check, by a trial, that runs can be kept in a directory; nothing of the trial stays.

    Raises:
        SettingError: they cannot.
    """
    existing, missing = directory, []
    while not os.path.lexists(existing) and os.path.dirname(existing) != existing:
        existing, name = os.path.split(existing)
        missing.append(name)
    if not os.path.isdir(existing):
        what = f"{printable(existing)} is " if missing else ""
        raise SettingError(f"{printable(directory)}: {what}not a directory")
    created: list[str] = []
    try:
        # Below a name of our own, so that no other run can interfere.
        for name in (naming.unguessable_name(_PROBE), *reversed(missing)):
            path = os.path.join(created[-1] if created else existing, name)
            os.mkdir(path, 0o700)
            created.append(path)
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{printable(directory)}: cannot be written to: {reason(error)}"
        ) from error
    finally:
        for path in reversed(created):
            with contextlib.suppress(OSError):
                os.rmdir(path)


def outside_of_own_run(directory: str) -> str:
    """Return a temp directory; for a slot of this process's run, the directory of the run root."""
    directory = os.path.realpath(directory)
    root, slot = os.path.split(directory)
    if slot.isdigit() and os.path.basename(root).startswith(PREFIX):
        with contextlib.suppress(OSError, TempFilesError):  # then it is not this process's
            found = marker_reader.read_marker(root, None)
            if found is not None and found.pid == os.getpid():
                return os.path.dirname(root)
    return directory


def free_path(path: str) -> str:
    """Return a path that does not exist: the given one, or it with a number."""
    directory, name = os.path.split(path)
    number, found = 1, path
    while os.path.lexists(found):
        number += 1
        end = f"~{number}"
        found = os.path.join(directory, _shortened(name, naming.MAX_BYTES - len(end)) + end)
    return found


def reason(error: BaseException) -> str:
    """Return the message of an error without its number and path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _name_of(context: Context) -> str:
    name = _UNSAFE.sub("_", context.id)
    encoding = sys.getfilesystemencoding()
    name = name.encode(encoding, "replace").decode(encoding).replace("?", "_")
    return _shortened(name, _LONGEST).strip(".") or "_"


def _shortened(name: str, most: int) -> str:
    """Return a name cut to a number of bytes, at the end of a character."""
    while len(os.fsencode(name)) > most:
        name = name[:-1]
    return name


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _beyond(found: list[Verdict], number: int, size: int) -> Iterator[Verdict]:
    """Yield the runs beyond a number, or beyond a size together with those before them."""
    for index, verdict in enumerate(found):
        size -= measure(verdict.root).taken
        if index >= number or size < 0:
            yield verdict


def _reap(surplus: Iterable[Verdict]) -> None:
    """Remove runs, except those that another process has removed meanwhile."""
    reap.execute(reap.Plan(tuple(surplus)))


def _dispose(place: str, claim: Claim) -> None:
    # A test may have closed our descriptor, and another directory have its number now.
    if claim.lock.dir_fd is None or claim.lock.is_open():
        dispose.dispose(place, claim.lock, measure=False)
