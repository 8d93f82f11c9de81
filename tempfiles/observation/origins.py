"""Find the line of the user's code that created a file, from the Python stack.

Capturing runs inside the audit hook, for every creation, so it keeps code objects and line
numbers; names and paths are put together only for leaks.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from ..registry.contexts import trail_of_start
from ..system.syscalls import real_path

if TYPE_CHECKING:
    from ..records import Origin

_PROJECT, _INSTALLED, _LIBRARY = 1, 2, 3

_STDLIB = os.path.dirname(os.path.realpath(os.__file__)) + os.sep
_STDLIB_TESTS = os.path.join(_STDLIB, "test") + os.sep
_OWN = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_INSTALLED_MARKS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

# Objects that remove their files when they are closed or collected.
# Of the module `tempfile`, which may not be imported yet.
_SELF_REMOVING = ("NamedTemporaryFile", "TemporaryDirectory.__init__")

# What calls a function that it was given: a thread, a pool, an event loop. So does a harness.
_CALLERS = frozenset({
    "threading", "concurrent.futures.thread", "multiprocessing.pool", "asyncio.events", "weakref",
})  # fmt: skip


class Trail:
    """A captured line of the user's code, and what it called.

    Attributes:
        code: the code object of the line; None where no line of the user is known.
        line: the line number.
        call: what raised the event.
        callee: the library function that the line called; None where the line raised the event.
        module: the module of that function.
        closes_itself: whether an object will remove the file when it is closed.
        frames: the whole stack, where it is kept.
    """

    __slots__ = ("call", "callee", "closes_itself", "code", "frames", "line", "module")

    def __init__(self, code: CodeType | None, line: int, call: str) -> None:
        self.code = code
        self.line = line
        self.call = call
        self.callee: CodeType | None = None
        self.module: str | None = None
        self.closes_itself = False
        self.frames: tuple[tuple[CodeType, int], ...] = ()


_Place = tuple[FrameType, CodeType]

_kinds: dict[str, int] = {}
_harness: frozenset[str] = frozenset(("unittest",))
_harness_directories: tuple[str, ...] = (_OWN,)


def set_harness(packages: tuple[str, ...]) -> None:
    """Take the lines of some packages for the harness that runs the tests, never for origins.

    Args:
        packages: the names of packages that are imported; `tempfiles` is always one of them.
    """
    global _harness, _harness_directories
    modules = (sys.modules.get(name) for name in packages)
    files = (getattr(module, "__file__", None) for module in modules)
    directories = [os.path.join(os.path.dirname(file), "") for file in files if file]
    _harness = frozenset(packages)
    _harness_directories = (_OWN, *directories)
    _kinds.clear()


def _kind(filename: str) -> int:
    if filename.startswith("<"):
        kind = _LIBRARY  # frozen importlib, exec'd helpers of dataclasses and namedtuple
    elif filename.startswith(_harness_directories):
        kind = _LIBRARY
    elif any(mark in filename for mark in _INSTALLED_MARKS):
        kind = _INSTALLED
    elif filename.startswith(_STDLIB_TESTS):
        kind = _PROJECT  # the standard library's own tests are a project, too
    elif filename.startswith(_STDLIB) or real_path(filename).startswith(_STDLIB):
        kind = _LIBRARY
    else:
        kind = _PROJECT
    _kinds[filename] = kind
    return kind


def is_library(filename: str) -> bool:
    """Whether a file belongs to the standard library, to `tempfiles` or to the harness."""
    return (_kinds.get(filename) or _kind(filename)) == _LIBRARY


def is_of_users(filename: str) -> bool:
    """Whether a file is of no library, no installed package and not of the harness."""
    return (_kinds.get(filename) or _kind(filename)) == _PROJECT


def capture(frame: FrameType | None, call: str, trace: bool = False) -> Trail:
    """Find the user's line above a frame.

    The innermost frame outside the standard library and outside installed packages wins; without
    one, the innermost of an installed package. If there is neither, a library function is the
    target of a thread or a cleanup: then it is the line that started the thread, or submitted the
    work, or none.

    Args:
        frame: where to start, usually the frame that raised an audit event.
        call: what raised the event, used where the user's own line did it.
        trace: keep every frame, not only the one found.
    """
    kinds = _kinds
    callee: _Place | None = None
    installed: tuple[_Place, _Place | None] | None = None
    closes_itself = False
    first = frame
    found: _Place | None = None
    while frame is not None:
        code = frame.f_code  # once a frame: reading it raises an audit event
        kind = kinds.get(code.co_filename) or _kind(code.co_filename)
        if kind == _PROJECT:
            found = frame, code
            break
        if kind == _INSTALLED and installed is None:
            installed = (frame, code), callee
        if code.co_qualname in _SELF_REMOVING and code.co_filename.endswith("tempfile.py"):
            closes_itself = frame.f_locals.get("delete", True)
        callee = frame, code
        frame = frame.f_back
    if found is None and installed is not None:
        found, callee = installed
    if found is None:
        return _capture_target(first, call, closes_itself, trace)
    trail = _trail(found, callee, call, closes_itself)
    if trace:
        trail.frames = _all_frames(first)
    return trail


def _trail(found: _Place | None, callee: _Place | None, call: str, closes_itself: bool) -> Trail:
    trail = Trail(found[1], found[0].f_lineno, call) if found is not None else Trail(None, 0, call)
    if callee is not None:
        trail.callee = callee[1]
        trail.module = callee[0].f_globals.get("__name__")
    trail.closes_itself = closes_itself
    return trail


def _capture_target(frame: FrameType | None, call: str, closes_itself: bool, trace: bool) -> Trail:
    """Capture a library function that a thread or a cleanup was given, by a frame below it."""
    places: list[_Place] = []
    while frame is not None and not _is_caller(frame.f_globals.get("__name__", "")):
        places.append((frame, frame.f_code))
        frame = frame.f_back
    trail = _trail(None, places[-1] if places else None, call, closes_itself)
    start = trail_of_start()
    if start is not None:
        trail.code, trail.line = start.code, start.line
        if trace:
            trail.frames = (*((code, place.f_lineno) for place, code in places), *start.frames)
    return trail


def _is_caller(module: str) -> bool:
    return module in _CALLERS or module.partition(".")[0] in _harness


def _all_frames(frame: FrameType | None) -> tuple[tuple[CodeType, int], ...]:
    """Return the stack from a frame outwards, up to the last frame of the user's."""
    frames, length = [], 0
    while frame is not None:
        frames.append((frame.f_code, frame.f_lineno))
        if not is_library(frame.f_code.co_filename):
            length = len(frames)
        frame = frame.f_back
    return tuple(frames[:length])


def describe(trail: Trail, base: str) -> Origin | None:
    """Turn a trail into an origin, with file names relative to `base` where they lie below it.

    Returns None where no line of the user's is known.
    """
    if trail.code is None:
        return None
    from ..records import Origin

    return Origin(
        file=relative(trail.code.co_filename, base),
        line=trail.line,
        function=trail.code.co_name,
        call=call_name(trail),
        trace=tuple(
            f"{relative(code.co_filename, base)}:{line} in {code.co_name}"
            for code, line in trail.frames
        ),
    )


def call_name(trail: Trail) -> str:
    """Return the name of what the user's line called, as users write it."""
    if trail.callee is None or trail.module is None:
        return trail.call
    parts = trail.callee.co_qualname.split(".<locals>")[0].split(".")
    if parts[-1] == "<module>":
        return trail.call
    while len(parts) > 1 and parts[-1].startswith("__"):
        parts.pop()  # tempfile.TemporaryDirectory.__init__, fileinput.FileInput.__next__
    if parts[0] in ("PathBase", "PurePathBase"):
        parts[0] = parts[0].removesuffix("Base")  # where 3.13 keeps methods of pathlib.Path
    module = [part for part in trail.module.split(".") if not part.startswith("_")]
    return ".".join(module + parts)


def relative(filename: str, base: str) -> str:
    """Return a file name relative to `base` if it lies below it, else absolute."""
    if not base:
        return filename
    absolute = filename if os.path.isabs(filename) else os.path.join(base, filename)
    prefix = base.rstrip(os.sep) + os.sep
    return absolute[len(prefix) :] if absolute.startswith(prefix) else absolute


def tries_to_write(frame: FrameType) -> bool:
    """Whether `tempfile` probes a directory for being writable, as it does without `tempdir`.

    The globals are checked first: reading `f_code` raises an audit event, which takes time.
    """
    is_unset = frame.f_globals.get("tempdir", "") is None
    return is_unset and frame.f_code.co_name == "_get_default_tempdir"
