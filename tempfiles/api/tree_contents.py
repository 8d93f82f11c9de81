"""What a tree is given as: dictionaries of paths, and what may stand in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ContentError, InvalidNameError
from ..records import ResourceType
from .content import encoded


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symlink in a tree; what it leads to is not looked at."""

    target: str


@dataclass(frozen=True, slots=True)
class SpecialFile:
    """A FIFO, socket or device that was found in a tree; it is never opened."""

    type: ResourceType


Entry = str | bytes | Symlink | SpecialFile | None
Tree = Mapping[str, Any]
"""From relative paths to text, bytes, `Symlink`, None or such a dictionary again."""

Stored = bytes | Symlink | SpecialFile | None


def flatten(tree: Tree, parts_of: Callable[[str], tuple[str, ...]]) -> dict[str, Any]:
    """Return one dictionary of whole paths; those of directories without anything end in `/`.

    Args:
        tree: dictionaries in dictionaries.
        parts_of: splits a key into the names in it.

    Raises:
        ContentError: something that should be a dictionary is none.
        InvalidNameError: a key is no text, or is both a file and a directory.
    """
    flat: dict[str, Any] = {}
    pending: list[tuple[str, Tree]] = [("", tree)]
    while pending:
        above, part = pending.pop()
        if not isinstance(part, Mapping):
            raise ContentError(f"a tree is a dictionary, not {type(part).__name__}")
        for key, value in part.items():
            if not isinstance(key, str):
                raise InvalidNameError(f"a key must be text, not {key!r}")
            name = above + "/".join(parts_of(key))
            if value is None or isinstance(value, Mapping):
                flat.setdefault(name + "/", None)
                if value is not None:
                    pending.append((name + "/", value))
            elif key.endswith("/"):
                raise InvalidNameError(f"a file's name cannot end in '/': {key!r}")
            elif name in flat:
                raise InvalidNameError(f"twice in the tree: {name!r}")
            else:
                flat[name] = value
    return _without_parents(flat)


def parts_of_any(key: str) -> tuple[str, ...]:
    """What is only compared may have any name that was found somewhere."""
    return tuple(part for part in key.split("/") if part not in ("", "."))


def _without_parents(flat: dict[str, Any]) -> dict[str, Any]:
    """Leave out directories with something in them; refuse files with something below them."""
    parents = set()
    for name in flat:
        above = name.rstrip("/").rpartition("/")[0]
        while above and above not in parents:
            parents.add(above)
            above = above.rpartition("/")[0]
    for name in flat:
        bare = name.rstrip("/")
        if bare == name and (name in parents or name + "/" in flat):
            raise InvalidNameError(f"both a file and a directory in the tree: {name!r}")
    return {name: value for name, value in flat.items() if name.rstrip("/") not in parents}


def stored(value: object, *, special: bool = False) -> Stored:
    """Return a value as it lies on disk.

    Args:
        value: what stands in a tree for a file, a link or an empty directory.
        special: allow what can only be found, a `SpecialFile`.

    Raises:
        ContentError: it can be none of these.
    """
    if isinstance(value, Symlink) and not _can_be_target(value.target):
        raise ContentError(f"no link can lead to {value.target!a}")
    if value is None or isinstance(value, Symlink) or (special and isinstance(value, SpecialFile)):
        return value
    return encoded(value)


def _can_be_target(target: object) -> bool:
    try:
        return isinstance(target, str) and b"\0" not in os.fsencode(target)
    except UnicodeEncodeError:
        return False
