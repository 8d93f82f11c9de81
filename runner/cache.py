"""The cache directory of a project (`.tidytest_cache/`): what one run keeps for the next ones.

Version control and backups leave it out: it has a `.gitignore` and a `CACHEDIR.TAG` of its own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tempfiles

DIRECTORY = ".tidytest_cache"
"""The cache directory in the working directory of a run."""
OLD_STATE = ".tidytest-state.json"
"""What earlier versions kept in the working directory; the next write of the tests removes it."""
TESTS, LEAKS, DURATIONS, LAST = (
    os.path.join(DIRECTORY, name)
    for name in ("tests.json", "leaks.jsonl", "durations.json", "last-leaks.jsonl")
)
"""The files in it, from the working directory: failed and leaking tests, leaks that exist still,
how long the parts of the suite took, and the leaks of the last run by line of code."""

_DISPENSABLE = frozenset({DURATIONS, LAST})
"""What a run does without where a crash of the machine, or another run, comes in between. ext4
writes a file that takes the place of another to the disk at once: that may outlast a run."""

_IGNORE = "# Created by tidytest.\n*\n"
_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This is a cache directory of tidytest. It can be removed at any time.\n"
    "# For information about cache directory tags see https://bford.info/cachedir/\n"
)
_FILES = {".gitignore": _IGNORE, "CACHEDIR.TAG": _TAG}


class DamagedError(ValueError):
    """A file of the cache that cannot be read; the message says why."""


def read(directory: str, name: str) -> Any:
    """Return what a JSON file of the cache holds; None where there is no such file.

    Args:
        directory: the working directory of the run.
        name: `TESTS`, `DURATIONS` or `OLD_STATE`.

    Raises:
        DamagedError: the file cannot be read.
    """
    from json.decoder import JSONDecoder  # not at the start: most runs find no cache

    try:
        if name != OLD_STATE:
            _refuse_others(directory)
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            return JSONDecoder().decode(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DamagedError(str(error.strerror)) from None
    except (ValueError, RecursionError):
        raise DamagedError("it is malformed") from None


def write(directory: str, name: str, document: Any) -> None:
    """Write a JSON file of the cache, and the directory around it; None removes the file.

    Args:
        directory: the working directory of the run.
        name: `TESTS`.
        document: what JSON can hold.

    Raises:
        OSError: the file cannot be written or removed.
    """
    from json.encoder import JSONEncoder  # a test may have replaced `json.dumps`

    # An item a line; `indent` would leave the encoding to Python code, which is slow.
    encoder = JSONEncoder(separators=(",\n ", ": "))
    text = "" if document is None else f"{encoder.encode(document)}\n"
    _replace(directory, name, text)


def write_parts(directory: str, name: str, parts: Iterable[str]) -> None:
    """Write a file of the cache piece by piece. See `write`; a run that is killed leaves a part."""
    path = os.path.join(directory, name)
    with _named(name):
        _create(directory)
        with open(path, "w", encoding="utf-8") as file, tempfiles.untracked():
            file.writelines(parts)
        _open_to_owner(path)


def lines(directory: str, name: str) -> list[str]:
    """Return the lines of a file of the cache; none where it cannot be read.

    Args:
        directory: the working directory of the run.
        name: `LEAKS` or `LAST`.
    """
    try:
        _refuse_others(directory)
        with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def write_lines(directory: str, name: str, content: Sequence[str]) -> None:
    """Write the lines of a file of the cache; none remove the file. See `write`."""
    _replace(directory, name, "".join(f"{line}\n" for line in content))


def append(directory: str, name: str, content: Sequence[str]) -> None:
    """Add lines to a file of the cache, also while other runs do.

    Args:
        directory: the working directory of the run.
        name: `LEAKS`.
        content: the lines.

    Raises:
        OSError: the file cannot be written.
    """
    with locked(directory), _named(name):
        path = os.path.join(directory, name)
        with open(path, "a", encoding="utf-8") as file, tempfiles.untracked():
            file.write("".join(f"{line}\n" for line in content))
        _open_to_owner(path)


def _replace(directory: str, name: str, text: str) -> None:
    path = os.path.join(directory, name)
    if not text:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            _refuse_others(directory)
            os.unlink(path)
        return
    with _named(name):
        _create(directory)
        if name in _DISPENSABLE:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        tempfiles.write_atomically(path, text.encode())
        _open_to_owner(path)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Name the file in the errors of the block."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"cannot write {name}: {error.strerror}") from None


@contextlib.contextmanager
def locked(directory: str) -> Iterator[None]:
    """Let no other run change the cache within the block, where the system has such locks.

    Raises:
        OSError: the cache directory cannot be created or opened.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with _named(DIRECTORY):
        _create(directory)
    fd = os.open(os.path.join(directory, DIRECTORY), os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _refuse_others(directory: str) -> None:
    """Refuse a cache of another user, who could have put links to the user's files into it.

    The owner of the working directory is trusted: the tests that are run are theirs.

    Raises:
        OSError: the cache, or a link to it, is another user's; or it does not exist.
    """
    path = os.path.join(directory, DIRECTORY)
    owners = [os.lstat(path).st_uid, os.stat(path).st_uid]
    trusted = (os.geteuid(), os.stat(directory).st_uid) if hasattr(os, "geteuid") else owners
    for uid in owners:
        if uid not in trusted:
            raise OSError(errno.EPERM, f"{DIRECTORY} belongs to user {uid}")


def _create(directory: str) -> None:
    path = os.path.join(directory, DIRECTORY)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
    _refuse_others(directory)
    _open_to_owner(path)
    for name, text in _FILES.items():
        file = os.path.join(path, name)
        if not os.path.lexists(file):
            tempfiles.write_atomically(file, text.encode())
            _open_to_owner(file)


def _open_to_owner(path: str) -> None:
    """Let the owner read and write what was created, whatever umask a test has set."""
    mode = os.stat(path).st_mode
    wanted = 0o700 if stat.S_ISDIR(mode) else 0o600
    if mode & wanted != wanted:
        os.chmod(path, stat.S_IMODE(mode) | wanted)
