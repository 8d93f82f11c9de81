"""Trees that resist removal, and processes that work against it."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

# The victim's files are called as the canary's, and so many that a swap falls between two of them.
SAME_NAMES = [f"precious{number}" for number in range(40)]
_CONTEXT = multiprocessing.get_context("spawn")


def make_deep(top: Path, depth: int) -> None:
    """Make a chain of directories deeper than any path can name, with a file at its end."""
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(depth - 1):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)


def make_mixed(top: Path) -> tuple[int, int]:
    """Make a small tree with an entry of each kind; return its numbers of files, directories."""
    for name in ("a/b/c", "a/empty", "e"):
        (top / name).mkdir(parents=True)
    for name in ("one", "a/two", "a/b/three", "a/b/c/four"):
        (top / name).write_bytes(b"12345")
    os.link(top / "one", top / "e/linked")
    (top / "e/to-directory").symlink_to(top / "a")
    (top / "e/dangling").symlink_to("nowhere")
    os.mkfifo(top / "e/fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(top / "e/socket"))
    (top / "e/new\nline").touch()
    with suppress(OSError):  # not every file system takes names that are no text
        os.close(os.open(os.fsencode(top) + b"/e/\xff\xfe", os.O_CREAT | os.O_WRONLY))
    files = sum(len(files) + sum(os.path.islink(os.path.join(at, d)) for d in dirs)
                for at, dirs, files in os.walk(top))
    directories = sum(not os.path.islink(at) for at, _, _ in os.walk(top))
    return files, directories


def make_canary(top: Path) -> dict[str, bytes]:
    """Make a tree that nothing may touch; return what `state_of` says of it."""
    for name in ("keep/deeper", "victim/deeper", "x/y"):
        (top / name).mkdir(parents=True)
    for name in ("precious", "keep/precious", "keep/deeper/precious", "x/y/f"):
        (top / name).write_bytes(b"never to be removed")
    for name in SAME_NAMES:
        (top / "victim/deeper" / name).write_bytes(b"never to be removed")
    return state_of(top)


def state_of(top: Path) -> dict[str, bytes]:
    """Return the modes and contents of all that is in a tree."""
    state = {}
    for path in sorted(top.rglob("*")):
        mode = f"{path.lstat().st_mode:o}".encode()
        state[str(path.relative_to(top))] = mode + (path.read_bytes() if path.is_file() else b"")
    return state


def left_in(top: Path) -> set[str]:
    """Return the paths of all that exists at and below a path."""
    if not os.path.lexists(top):
        return set()
    found = {str(top)}
    for at, directories, files in os.walk(top):
        found |= {os.path.join(at, name) for name in directories + files}
    return found


@contextmanager
def running(work: Any, *args: Any) -> Iterator[BaseProcess]:
    """Run a function of this module in a process of its own until the block ends."""
    process = _CONTEXT.Process(target=work, args=args, daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def swap(top: str, canary: str, swaps: Any, ready: Any) -> None:
    """Make directories in `top` and swap them for links to a canary and back, without end."""
    ready.set()
    real, aside, link = f"{top}/victim", f"{top}/.aside", f"{canary}/victim"
    while True:
        with suppress(OSError):
            os.makedirs(f"{aside}/deeper", exist_ok=True)
            for name in SAME_NAMES:
                os.close(os.open(f"{aside}/deeper/{name}", os.O_CREAT | os.O_WRONLY))
            os.rename(aside, real)
        for _ in range(4):  # `victim` and `victim/deeper` are real here, or gone
            with suppress(OSError):
                os.rename(f"{real}/deeper", f"{real}/.deeper")
                os.symlink(f"{link}/deeper", f"{real}/deeper")
                swaps.value += 1
                os.unlink(f"{real}/deeper")
                os.rename(f"{real}/.deeper", f"{real}/deeper")
            with suppress(OSError):
                os.rename(real, aside)
                os.symlink(link, real)
                swaps.value += 1
            with suppress(OSError):
                os.unlink(real)
            with suppress(OSError):
                os.rename(aside, real)


def fill(top: str, ready: Any) -> None:
    """Keep making files, and directories with files, in a directory, and the directory itself."""
    number = 0
    while True:
        number += 1
        with suppress(OSError):
            os.makedirs(f"{top}/d{number % 50}", exist_ok=True)
            for name in (f"f{number % 500}", f"d{number % 50}/f"):
                os.close(os.open(f"{top}/{name}", os.O_CREAT | os.O_WRONLY))
        ready.set()


def swapped_removals(base: Path, wanted: int, remove: Callable[[Path], object]) -> int:
    """Remove a tree in which directories are swapped meanwhile until enough swaps were made.

    Returns the number of removals.

    Raises:
        AssertionError: the canary was touched, or the attacker did not get to work.
    """
    canary, top = base / "canary", base / "tree"
    before = make_canary(canary)
    swaps, ready = _CONTEXT.Value("i", 0), _CONTEXT.Event()
    top.mkdir()
    removals = 0
    with running(swap, str(top), str(canary), swaps, ready) as attacker:
        if not ready.wait(60):
            raise AssertionError("the attacker did not start")
        while swaps.value < wanted and attacker.is_alive() and state_of(canary) == before:
            remove(top)
            top.mkdir(exist_ok=True)
            removals += 1
    if state_of(canary) != before:
        raise AssertionError("the canary tree was touched")
    if swaps.value < wanted:
        raise AssertionError("the attacker died")
    remove(top)
    return removals


def spawn_event() -> Any:
    """Return an event that a process of `running` can set."""
    return _CONTEXT.Event()
