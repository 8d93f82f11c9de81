"""Trees of files as dictionaries: made from one, read into one, compared with one.

Keys are relative paths with `/`. A value is text, bytes, `Symlink`, or None for an empty directory
(whose key ends in `/` when it is read back); a nested dictionary stands for a directory when a
tree is given, and is read back flat.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from ..errors import PathTypeError, translated
from ..records import ResourceType
from ..registry import naming, reclaim
from ..registry.naming import StrPath
from . import create
from .content import write_new
from .tree_contents import Entry, SpecialFile, Stored, Symlink, Tree, flatten, parts_of_any, stored
from .tree_difference import as_text, explain, shown

_READ = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_SPECIAL: dict[int, ResourceType] = {stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}


class TempTree(type(Path())):  # type: ignore[misc] # the Path class of this system
    """The path of a tree that `temp_tree` made. As a context manager it removes the tree."""

    given_as_bytes: frozenset[str] = frozenset()

    def with_segments(self, *segments: StrPath) -> Path:
        """Paths derived from this one are ordinary ones."""
        return Path(*segments)

    def __enter__(self) -> TempTree:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        reclaim.discard(str(self))


def temp_tree(tree: Tree, prefix: str | None = None) -> TempTree:
    """Make a temporary directory with this tree in it, registered with the current context.

    The result is its path; used with `with`, the tree is removed when the block ends.

    Args:
        tree: `{"config.json": "...", "scripts/x.py": b"...", "empty/": None}`.
        prefix: how the directory's name begins; None for the setting.

    Raises:
        EscapeError: a key is absolute or has a `..` in it.
        InvalidNameError: a key cannot be a path, or is both a file and a directory.
        ContentError: a value is none of those that a tree may have.
        FileSystemError: something could not be made; nothing is left of it.
    """
    flat = flatten(tree, naming.parts_below)
    contents = {name: stored(value) for name, value in flat.items()}
    top = TempTree(create.create_temp_directory(prefix))
    top.given_as_bytes = frozenset(name for name in flat if not isinstance(flat[name], str))
    try:
        _make_all(str(top), contents)
    except BaseException as error:
        reclaim.discard(str(top))
        if isinstance(error, OSError):
            raise translated(error) from error
        raise
    return top


def read_tree(path: StrPath) -> dict[str, Entry]:
    """Return what is below a directory as a flat dictionary, sorted by key.

    A file is text where it is valid UTF-8, else bytes; what `temp_tree` was given as bytes comes
    back as bytes if `path` is what it returned. Symlinks are shown and not followed.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
        NotFoundError: there is no such directory.
        PathTypeError: it is not a directory.
        FileSystemError: something in it could not be read.
    """
    as_bytes = path.given_as_bytes if isinstance(path, TempTree) else frozenset()
    return {
        name: as_text(value) if isinstance(value, bytes) and name not in as_bytes else value
        for name, value in sorted(_scan(naming.absolute(path)).items())
    }


def assert_tree(path: StrPath, expected: Tree) -> None:
    """Fail unless a directory holds exactly this tree; text and bytes with equal content match.

    Raises:
        AssertionError: something is missing, unexpected or different; the message says what.
        InvalidNameError, EscapeError, ContentError: `expected` is not a tree.
    """
    flat = flatten(expected, parts_of_any)
    wanted = {name: stored(value, special=True) for name, value in flat.items()}
    top = naming.absolute(path)
    if not os.path.isdir(top):
        raise AssertionError(f"no directory: {shown(top)}")
    found = _scan(top)
    wanted = {
        name: value
        for name, value in wanted.items()
        if not (name.endswith("/") and any(other.startswith(name) for other in found))
        or name in found
    }
    if wanted != found:
        raise AssertionError(explain(top, wanted, found))


def _make_all(top: str, contents: Mapping[str, Stored]) -> None:
    made = {""}
    for name, value in contents.items():
        above = name.rpartition("/")[0]  # of an empty directory, `a/`, its own name
        if above not in made:
            _make_directories(top, above, made)
        if isinstance(value, Symlink):
            os.symlink(value.target, f"{top}/{name}")
        elif isinstance(value, bytes):
            write_new(f"{top}/{name}", value, 0o666)


def _make_directories(top: str, name: str, made: set[str]) -> None:
    missing = []
    while name not in made:
        missing.append(name)
        name = name.rpartition("/")[0]
    for each in reversed(missing):
        path = f"{top}/{each}"
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:  # where names that differ in case are the same
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise
        made.add(each)


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
    mode = entry.stat(follow_symlinks=False).st_mode
    if not stat.S_ISREG(mode):
        return SpecialFile(_SPECIAL.get(stat.S_IFMT(mode), "other"))
    with open(os.open(entry.path, _READ), "rb") as file:
        return file.read()
