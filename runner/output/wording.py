"""Leaks and failures in words, and where in the code they belong; shared by the reports."""

from __future__ import annotations

import contextlib
import functools
import os
import re

from tempfiles.formatting import format_contents
from tempfiles.records import Leak

from .escape import clip, human_size, visible

_CHAINED = re.compile(
    r"^\n?(?:During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:)$",
    re.MULTILINE,
)
_GROUP = re.compile(r"^  [+|] ")  # before each line of an exception group, not of what is in it
_HEAD = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):")
_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+)(?:, in .*)?$')
_SUBTEST = 400
_TYPE = re.compile(r"[A-Za-z_][\w.]*")


def leak_line(leak: Leak) -> str:
    """Return one line on a leak: `file /tmp/x/a.csv 1.2 KiB, made at tests/x.py:4 in f  open`."""
    parts = [f"{leak.type} {visible(leak.path)} {human_size(leak.bytes)}"]
    if leak.type == "directory":
        parts.append(format_contents(leak.entries, leak.files))
    if leak.subtest is not None:
        parts.append(f"in subtest {visible(clip(leak.subtest, _SUBTEST))}")
    if leak.origin is not None:
        parts.append(f"made at {visible(str(leak.origin))}")
    elif leak.call:
        parts.append(f"made by {visible(leak.call)}")
    parts.extend(leak_notes(leak))
    return ", ".join(parts)


def leak_notes(leak: Leak) -> list[str]:
    """Return what is special about a leak, each in a few words."""
    notes = []
    if leak.where == "outside":
        notes.append("outside the temp directory")
    if leak.never_closed:
        notes.append("never closed")
    notes.extend(f"open by {visible(process)}" for process in leak.open_by)
    if leak.outcome == "failed":
        notes.append("could not be removed")
    elif leak.outcome != "removed":
        notes.append(f"{leak.outcome}: {visible(leak.reason)}" if leak.reason else leak.outcome)
    notes.extend(f"held what is now at {visible(path)}" for path in leak.rescued)
    if leak.children:
        notes.append("made by one of " + "; ".join(visible(c.command) for c in leak.children))
    return notes


def exception_type(message: str, default: str) -> str:
    """Return the `AssertionError` of `AssertionError: 1 != 2`, or the default."""
    name = message.partition(":")[0].partition("\n")[0].strip()
    return name if _TYPE.fullmatch(name) else default


def failure_place(details: str, directory: str, workspace: str) -> tuple[str, int] | None:
    """Return the file and line to show for a traceback, None where it names none.

    That is the innermost frame of a file that is there, in the directory of the run or else
    anywhere in the workspace.

    Args:
        details: the traceback.
        directory: that of the run, from which relative names are meant.
        workspace: what lies outside of it cannot be shown.
    """
    frames = [(os.path.join(directory, file), line) for file, line in _frames(details)]
    for top in (directory, workspace):
        for file, line in reversed(frames):
            installed = f"{os.sep}site-packages{os.sep}" in file
            if not installed and path_below(file, top) and path_below(file, workspace):
                return file, line
    return None


def path_below(file: str, directory: str) -> str | None:
    """Return the path of a file of code from a directory, None where it is not there, or not below.

    Code that was compiled by a test names what file it likes, as `<string>`.
    """
    if not directory:
        return None
    for resolved in (_real_path, os.path.normpath):
        with contextlib.suppress(ValueError):  # a name that no file can have
            path, top = resolved(os.path.join(directory, file)), resolved(directory)
            if path.startswith(os.path.join(top, "")) and os.path.isfile(path):
                return os.path.relpath(path, top)
    return None


_real_path = functools.lru_cache(maxsize=1024)(os.path.realpath)  # frames share their files


def _frames(details: str) -> list[tuple[str, int]]:
    # Of the last exception of a chain, only the block of frames: a message may quote more.
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
