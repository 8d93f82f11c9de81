"""Samples of disk usage: how much lies below a directory at one moment, and which run holds it."""

from __future__ import annotations

import fnmatch
import heapq
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..errors import SettingError
from ..fileops.measure import Extent, Walk, WalkRules, mount_points
from ..formatting import printable
from ..roots import marker_reader, ownership
from ..system import syscalls

LARGEST = 5
"""How many of the largest topmost entries a sample names, by bytes and by files."""


@dataclass(frozen=True, slots=True)
class Share:
    """How much one topmost entry holds, itself included. `owner` and `context` (the current one of
    that run) are empty unless it is the root of a run; `name` is `.` where the whole directory is
    such a root.
    """

    name: str
    files: int
    directories: int
    bytes: int
    owner: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """The usage of a directory at one moment. The directory itself is not counted; where it is the
    root of a run, nor are the run's own files.

    `timestamp` is in seconds since the epoch. `files` counts everything but directories. `bytes`
    is the sum of the lengths of the regular files, one with several names counted once.
    `unreadable` counts directories and files that could not be examined, `mounts` the mount points
    that were not entered. `context` is the current context of the sampling process. `shares` holds
    the root of each run, then the largest of the other topmost entries.
    """

    timestamp: float
    files: int = 0
    directories: int = 0
    bytes: int = 0
    unreadable: int = 0
    mounts: int = 0
    context: str = ""
    shares: tuple[Share, ...] = ()


def name_matcher(patterns: Sequence[str]) -> Callable[[str], object] | None:
    """Return a test of names for shell patterns (any may match), or None where there are none.

    Raises:
        SettingError: a pattern is empty, holds a separator or NUL, or a `[` that is never closed.
    """
    if not patterns:
        return None
    for pattern in patterns:
        if not pattern:
            raise SettingError("'' matches no name")
        if "/" in pattern or os.sep in pattern or "\0" in pattern:
            raise SettingError(f"{pattern!r} is no pattern of a single name")
        if "[" in re.sub(r"\[!?+\]?+[^\]]*\]", "", pattern):
            raise SettingError(f"{pattern!r} has a '[' that is never closed")
    expressions = (fnmatch.translate(os.path.normcase(pattern)) for pattern in patterns)
    return re.compile("|".join(expressions)).match


def take_sample(
    directory: str,
    matches: Callable[[str], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Sample:
    """Count what lies below a directory now; one that does not exist holds nothing.

    Args:
        directory: the path of the directory.
        matches: says of a name whether it counts; a directory that counts does so with all below
            it. Default: all count.
        cancelled: asked at each directory whether to give up.

    Raises:
        CancelledError: `cancelled` said so.
    """
    top = os.path.realpath(directory)
    walk = Walk(top, WalkRules(matches, mount_points(top), set(), cancelled))
    timestamp = syscalls.time()
    walk.run()
    whole = walk.total()
    owner = marker_reader.describe(walk.top)
    if owner is not None:
        _leave_out_own_files(walk, whole)
    return Sample(
        timestamp,
        whole.files,
        whole.directories,
        whole.bytes,
        walk.unreadable,
        walk.mounts,
        shares=(_share(".", whole, *owner),) if owner is not None else tuple(_shares(walk)),
    )


def _leave_out_own_files(walk: Walk, whole: Extent) -> None:
    """Subtract from a run root what the run itself created: its marker, its journal, the slots.

    What of these does not match any pattern has not been counted.
    """
    whole.files -= len(walk.loose)
    whole.bytes -= sum(size for _, size in walk.loose)
    slots = (name.isdigit() and extent.directories > 0 for name, extent in walk.extents.items())
    whole.directories -= sum(slots)


def _shares(walk: Walk) -> Iterable[Share]:
    """Yield the roots of runs, then the largest other entries."""
    others = []
    for name, extent in walk.extents.items():
        owner = None
        if name.startswith(ownership.PREFIX):
            owner = marker_reader.describe(os.path.join(walk.top, name))
        if owner is not None:
            yield _share(name, extent, *owner)
        elif extent.entries:
            others.append((name, extent))
    loose = heapq.nlargest(LARGEST, walk.loose, key=lambda file: file[1])
    others += [(name, Extent(size, files=1)) for name, size in loose]
    largest = heapq.nlargest(LARGEST, others, key=lambda other: other[1].bytes)
    most_files = heapq.nlargest(LARGEST, others, key=lambda other: other[1].files)
    for name, extent in dict([*largest, *most_files]).items():
        yield _share(name, extent)


def _share(name: str, extent: Extent, owner: str = "", context: str = "") -> Share:
    return Share(
        printable(name), extent.files, extent.directories, extent.bytes, owner, context
    )
