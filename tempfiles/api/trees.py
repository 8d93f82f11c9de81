"""Create a directory tree from a dictionary, read one into a dictionary, or compare the two.

Keys are relative paths with `/`. A value is text, bytes, a `Symlink`, or None for an empty
directory, whose key ends in `/` when the tree is read. A nested dictionary is a directory when a
tree is created; trees are read as flat dictionaries.
"""

from __future__ import annotations

import difflib
import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ContentError, InvalidNameError, PathTypeError, translated
from ..fileops.measure import type_of
from ..formatting import printable
from ..records import ResourceType
from ..registry import naming, reclaim
from ..registry.naming import StrPath
from .create import content_bytes, create_temp_directory, write_new

_READ = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symlink in a tree; it is never followed."""

    target: str


@dataclass(frozen=True, slots=True)
class SpecialFile:
    """A FIFO, socket or device found in a tree; it is never opened."""

    type: ResourceType


Entry = str | bytes | Symlink | SpecialFile | None
Tree = Mapping[str, Any]
"""A map of relative paths to text, bytes, `Symlink`, None or a nested tree."""

Stored = bytes | Symlink | SpecialFile | None


class TempTree(type(Path())):  # type: ignore[misc] # the Path class of this system
    """The path of a tree created by `temp_tree`; as a context manager it removes the tree."""

    given_as_bytes: frozenset[str] = frozenset()

    def with_segments(self, *segments: StrPath) -> Path:
        """Return an ordinary path for every path derived from this one."""
        return Path(*segments)

    def __enter__(self) -> TempTree:
        return self

    def __exit__(self, *exception: object) -> None:
        reclaim.discard(str(self))


def temp_tree(tree: Tree, prefix: str | None = None) -> TempTree:
    """Create a tree in a new temporary directory, registered with the current context.

    The result is the path of the directory. As a context manager it removes the tree at the end
    of the block.

    Args:
        tree: `{"config.json": "...", "scripts/x.py": b"...", "empty/": None}`.
        prefix: the beginning of the directory's name; None for the setting.

    Raises:
        EscapeError: a key is absolute or contains `..`.
        InvalidNameError: a key is not a valid path, or is both a file and a directory.
        ContentError: a value is of no type that a tree may have.
        FileSystemError: an entry could not be created; the whole tree was removed again.
    """
    flat = _flatten(tree, naming.parts_below)
    contents = {name: _stored(value) for name, value in flat.items()}
    top = TempTree(create_temp_directory(prefix))
    top.given_as_bytes = frozenset(name for name in flat if not isinstance(flat[name], str))
    try:
        _create_all(str(top), contents)
    except BaseException as error:
        reclaim.discard(str(top))
        if isinstance(error, OSError):
            raise translated(error) from error
        raise
    return top


def read_tree(path: StrPath) -> dict[str, Entry]:
    """Return the content of a directory as a flat dictionary, sorted by key.

    A file is text if it is valid UTF-8, else bytes. If `path` is the result of `temp_tree`, files
    that were given as bytes are read as bytes. Symlinks are not followed.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
        NotFoundError: there is no such directory.
        PathTypeError: it is not a directory.
        FileSystemError: an entry could not be read.
    """
    as_bytes = path.given_as_bytes if isinstance(path, TempTree) else frozenset()
    return {
        name: _as_text(value) if isinstance(value, bytes) and name not in as_bytes else value
        for name, value in sorted(_scan(naming.absolute(path)).items())
    }


def assert_tree(path: StrPath, expected: Tree) -> None:
    """Fail unless a directory contains exactly this tree; text and bytes of equal content match.

    Raises:
        AssertionError: an entry is missing, unexpected or different; the message lists them.
        InvalidNameError, EscapeError, ContentError: `expected` is not a tree.
    """
    flat = _flatten(expected, _parts_of_any)
    wanted = {name: _stored(value, special=True) for name, value in flat.items()}
    top = naming.absolute(path)
    if not os.path.isdir(top):
        raise AssertionError(f"no directory: {printable(top)}")
    found = _scan(top)
    wanted = {
        name: value
        for name, value in wanted.items()
        if not (name.endswith("/") and any(other.startswith(name) for other in found))
        or name in found
    }
    if wanted != found:
        raise AssertionError(_explain(top, wanted, found))


def _flatten(tree: Tree, parts_of: Callable[[str], tuple[str, ...]]) -> dict[str, Any]:
    """Return a nested tree as a flat one; the paths of empty directories end in `/`.

    Args:
        tree: the nested dictionaries.
        parts_of: splits a key into its names.

    Raises:
        ContentError: a tree is not a dictionary.
        InvalidNameError: a key is not text, or is both a file and a directory.
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


def _parts_of_any(key: str) -> tuple[str, ...]:
    """Split a key of a tree that is only compared, so that any name on disk is valid."""
    return tuple(part for part in key.split("/") if part not in ("", "."))


def _without_parents(flat: dict[str, Any]) -> dict[str, Any]:
    """Drop directories that are not empty, and refuse files that have entries below them."""
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


def _stored(value: object, *, special: bool = False) -> Stored:
    """Return a value of a tree as it is stored on disk.

    Args:
        value: a file's content, a link, or None for an empty directory.
        special: accept a `SpecialFile`, which cannot be created but can be compared.

    Raises:
        ContentError: the value is of another type.
    """
    if isinstance(value, Symlink) and not _can_be_target(value.target):
        raise ContentError(f"not a valid target of a link: {value.target!a}")
    if value is None or isinstance(value, Symlink) or (special and isinstance(value, SpecialFile)):
        return value
    return content_bytes(value)


def _can_be_target(target: object) -> bool:
    try:
        return isinstance(target, str) and b"\0" not in os.fsencode(target)
    except UnicodeEncodeError:
        return False


def _create_all(top: str, contents: Mapping[str, Stored]) -> None:
    existing = {""}
    for name, value in contents.items():
        above = name.rpartition("/")[0]  # for an empty directory, `a/`, its own name
        if above not in existing:
            _create_directories(top, above, existing)
        if isinstance(value, Symlink):
            os.symlink(value.target, f"{top}/{name}")
        elif isinstance(value, bytes):
            write_new(f"{top}/{name}", value, 0o666)


def _create_directories(top: str, name: str, existing: set[str]) -> None:
    missing = []
    while name not in existing:
        missing.append(name)
        name = name.rpartition("/")[0]
    for each in reversed(missing):
        path = f"{top}/{each}"
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:  # the file system ignores case
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise
        existing.add(each)


def _scan(top: str) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    pending = [""]
    while pending:
        above = pending.pop()
        try:
            with os.scandir(f"{top}/{above}"[:-1]) as entries:
                listed = list(entries)
            for entry in listed:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{above}{entry.name}/")
                else:
                    found[above + entry.name] = _read(entry)
        except NotADirectoryError as error:
            raise PathTypeError(errno.ENOTDIR, "not a directory", top) from error
        except OSError as error:
            raise translated(error) from error
        if above and not listed:
            found[above] = None
    return found


def _read(entry: os.DirEntry[str]) -> bytes | Symlink | SpecialFile:
    if entry.is_symlink():
        return Symlink(os.readlink(entry.path))
    status = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        return SpecialFile(type_of(status))
    with open(os.open(entry.path, _READ), "rb") as file:
        return file.read()


def _explain(top: str, wanted: Mapping[str, object], found: Mapping[str, object]) -> str:
    """Return a message that lists the missing, unexpected and different entries of a directory.

    Args:
        top: the directory.
        wanted: the expected tree.
        found: the tree on disk.
    """
    lines = [f"{printable(top)} is not the expected tree"]
    for title, names in (
        ("missing", wanted.keys() - found.keys()),
        ("unexpected", found.keys() - wanted.keys()),
    ):
        lines += [f"  {title}: {printable(name)}" for name in sorted(names)]
    both = sorted(wanted.keys() & found.keys())
    different = [name for name in both if wanted[name] != found[name]]
    lines += [f"  different: {printable(name)}" for name in different]
    for name in different:
        lines += difflib.unified_diff(
            _lines(wanted[name]), _lines(found[name]),
            f"expected/{printable(name)}", f"found/{printable(name)}", lineterm="",
        )
    return "\n".join(lines)


def _as_text(value: bytes) -> str | bytes:
    """Return the content of a file as text if it is valid UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _lines(value: object) -> list[str]:
    """Return a value as the lines of a diff."""
    if not isinstance(value, bytes):
        return [repr(value)]
    text = _as_text(value)
    if isinstance(text, bytes):
        return [f"{len(text)} bytes: {text[at : at + 32]!r}" for at in range(0, len(text), 32)]
    return [printable(line) for line in text.split("\n")]
