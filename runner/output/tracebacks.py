"""Find the line of the project that a traceback leads to."""

from __future__ import annotations

import contextlib
import functools
import os
import re

_CHAINED = re.compile(
    r"^\n?(?:During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:)$",
    re.MULTILINE,
)
_GROUP = re.compile(r"^  [+|] ")  # before each line of an exception group, not of its members
_HEAD = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):")
_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+)(?:, in .*)?$')


def failure_place(details: str, directory: str, workspace: str) -> tuple[str, int] | None:
    """Return the file and line to show for a traceback, or None if it names no file to show.

    That is the innermost frame whose file exists in the directory of the run, or else anywhere in
    the workspace. Installed packages are skipped.

    Args:
        details: the traceback.
        directory: of the run; relative names in the traceback start there.
        workspace: the top of the repository; files outside of it cannot be shown.
    """
    frames = [(os.path.join(directory, file), line) for file, line in _frames(details)]
    for top in (directory, workspace):
        for file, line in reversed(frames):
            installed = f"{os.sep}site-packages{os.sep}" in file
            if not installed and path_below(file, top) and path_below(file, workspace):
                return file, line
    return None


def path_below(file: str, directory: str) -> str | None:
    """Return the path of an existing file relative to a directory, or None if it is not below it.

    The name may be one that no file has: code that a test compiled is in `<string>`.
    """
    if not directory:
        return None
    for resolved in (_real_path, os.path.normpath):
        with contextlib.suppress(ValueError):  # a null byte in the name
            path, top = resolved(os.path.join(directory, file)), resolved(directory)
            if path.startswith(os.path.join(top, "")) and os.path.isfile(path):
                return os.path.relpath(path, top)
    return None


_real_path = functools.lru_cache(maxsize=1024)(os.path.realpath)  # frames share their files


def _frames(details: str) -> list[tuple[str, int]]:
    # Only the frames of the last exception of a chain: its message may quote other tracebacks.
    lines = [_GROUP.sub("", line) for line in _CHAINED.split(details)[-1].splitlines()]
    frames: list[tuple[str, int]] = []
    inside = False
    for line in lines:
        if _HEAD.fullmatch(line) and not inside:
            inside = True
        elif inside and (match := _FRAME.match(line)):
            frames.append((match["file"], int(match["line"])))
        elif inside and not line.startswith("  "):
            break
    return frames
