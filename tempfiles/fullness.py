"""A temp directory that has filled up: how large it is, and whose the files in it are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping

from . import sweep, syscalls
from .activity import Entry
from .quantities import format_size
from .text import printable

_MOST_TOLD = 5


def full_lines(root: str, entries: Mapping[str, Entry]) -> Iterator[str]:
    """Yield lines on a run root whose disk is full: its size, and its largest contexts.

    Args:
        root: the run root.
        entries: what is known of it, by `slot/name`.
    """
    sizes = _by_context(root, entries)
    used = format_size(sum(sizes.values()))
    yield f"No space left: the temp directory {printable(root)} holds {used}{_disk(root)}"
    for context, size in sizes.most_common(_MOST_TOLD):
        yield f"    {format_size(size):>10}  {printable(context)}"


def _by_context(root: str, entries: Mapping[str, Entry]) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for key, entry in list(entries.items()):
        path = os.path.join(root, key)
        try:
            status = syscalls.lstat(path)
        except OSError:
            continue
        sizes[entry.context.id] += sweep.measure(path, status).bytes
    return sizes


def _disk(root: str) -> str:
    try:
        status = os.statvfs(root)
    except (OSError, AttributeError):
        return ""
    size, free = status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
    return f"; its file system has {format_size(free)} of {format_size(size)} free"
