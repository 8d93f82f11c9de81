"""List and count what is registered."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ..fileops.measure import WalkRules, measure, type_of
from ..records import Resource, ResourceType
from ..registry import registrations
from ..registry.contexts import Context


@dataclass(frozen=True, slots=True)
class Usage:
    """Registered files and directories, and the bytes of the files with all in the directories."""

    files: int = 0
    directories: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """What this process has registered. `contexts` is how many are open or hold something;
    `by_context` has the usage of each by id (contexts of one id are added up)."""

    contexts: int
    files: int
    directories: int
    bytes: int
    by_context: Mapping[str, Usage]


def get_registered_files(context: str | None = None) -> tuple[Resource, ...]:
    """Return the registered files of this process, or of the contexts with one id."""
    return tuple(
        _resource(path, holder.id, created, "file")
        for holder in _holders(context)
        for path, created in tuple((holder.files or {}).items())
    )


def get_registered_directories(context: str | None = None) -> tuple[Resource, ...]:
    """Return the registered directories of this process, or of the contexts with one id.

    `size` is that of the directory itself, not of what is in it.
    """
    return tuple(
        _resource(path, holder.id, created, "directory")
        for holder in _holders(context)
        for path, created in tuple((holder.directories or {}).items())
    )


def stats() -> Stats:
    """Count what is registered, and add up the sizes (in bytes) of all files of it on disk."""
    by_context: dict[str, Usage] = {}
    holders = registrations.contexts_in_use()
    for holder in holders:
        before = by_context.get(holder.id, Usage())
        files, directories = tuple(holder.files or ()), tuple(holder.directories or ())
        by_context[holder.id] = Usage(
            before.files + len(files),
            before.directories + len(directories),
            before.bytes + sum(map(_size, [*files, *directories])),
        )
    usages = by_context.values()
    return Stats(
        len(holders),
        sum(usage.files for usage in usages),
        sum(usage.directories for usage in usages),
        sum(usage.bytes for usage in usages),
        by_context,
    )


def _holders(id: str | None) -> tuple[Context, ...]:
    return tuple(holder for holder in registrations.contexts_in_use() if id in (None, holder.id))


def _resource(path: str, context: str, created: float, type: ResourceType) -> Resource:
    try:
        status = os.lstat(path)
    except OSError:
        return Resource(path, type, context, created)
    return Resource(path, type_of(status), context, created, status.st_size, status.st_mtime)


def _size(path: str) -> int:
    """Add up the lengths of the files at a path, except below what is registered by itself."""
    rules = WalkRules(excludes=lambda below: registrations.owner(below) is not None)
    return measure(path, rules=rules).bytes
