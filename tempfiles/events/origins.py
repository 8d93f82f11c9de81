"""Find the line of the user's code that created a file, from the Python stack.

Capturing runs inside the audit hook, for every creation, so it keeps code objects and line
numbers; names and paths are put together only for leaks.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING

from ..registry.contexts import trail_of_start
from ..system.syscalls import real_path

if TYPE_CHECKING:
    from ..records import Origin

_PROJECT, _INSTALLED, _LIBRARY, _UNITTEST, _HARNESS = 1, 2, 3, 4, 5

_STDLIB = os.path.dirname(os.path.realpath(os.__file__)) + os.sep
_STDLIB_TESTS = os.path.join(_STDLIB, "test") + os.sep
_OWN = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_SCRIPTS = tuple(os.path.join(sys.prefix, name, "") for name in ("bin", "Scripts"))
_INSTALLED_MARKS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

# Objects that remove their files when they are closed or collected.
# Of the module `tempfile`, which may not be imported yet.
_SELF_REMOVING = ("NamedTemporaryFile", "TemporaryDirectory.__init__")

# What calls a function that it was given: a thread, a pool, an event loop. So does a harness.
_CALLERS = frozenset({
    "threading", "concurrent.futures.thread", "multiprocessing.pool", "asyncio.events", "weakref",
})  # fmt: skip

# The modules of unittest with functions that call a test, and these functions. Others call back
# from within a test: `assertRaises(OSError, function)`.
_RUNNERS_OF_TESTS = ("unittest.case", "unittest.suite", "unittest.async_case")
_RUN_TESTS = frozenset({
    "run", "_callTestMethod", "_callSetUp", "_callTearDown", "_callCleanup", "_callMaybeAsync",
})  # fmt: skip

Place = tuple[CodeType, int]
_Call = tuple[FrameType, CodeType]


class Trail:
    """A captured line of the user's code, and what it called.

    Attributes:
        code: the code object of the line; None where no line of the user is known.
        line: the line number.
        call: what raised the event.
        callee: the library function that the line called; None where the line raised the event.
        module: the module of that function.
        caller: the line of the test from which that line was called; None where they are one.
        closes_itself: whether an object will remove the file when it is closed.
        frames: the whole stack, where it is kept.
    """

    __slots__ = ("call", "callee", "caller", "closes_itself", "code", "frames", "line", "module")

    def __init__(
        self, code: CodeType | None, line: int, call: str, callee: _Call | None = None,
        closes_itself: bool = False,
    ) -> None:
        self.code = code
        self.line = line
        self.call = call
        if callee is not None:
            self.callee: CodeType | None = callee[1]
            self.module: str | None = callee[0].f_globals.get("__name__")
        else:
            self.callee = self.module = None
        self.caller: Place | None = None
        self.closes_itself = closes_itself
        self.frames: tuple[Place, ...] = ()

    @property
    def is_of_users(self) -> bool:
        """Whether the line is the user's, not one of an installed package."""
        return self.code is not None and is_of_users(self.code.co_filename)


_kinds: dict[str, int] = {}
_kinds_of_modules: dict[str, int] = {}
_examples: dict[str, tuple[str, int]] = {}
"""Where a text stands that was compiled apart, by the file name in its code."""
_harness: frozenset[str] = frozenset(("unittest",))
_harness_directories: tuple[str, ...] = (_OWN,)


def place(name: str, file: str, line: int) -> None:
    """Take a text that is compiled under a name of its own for lines of a file.

    Args:
        name: the file name in its code objects.
        file: where it stands.
        line: the number of its first line there.
    """
    _examples[name] = file, line
    _kinds[name] = _PROJECT


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
    _kinds.update(dict.fromkeys(_examples, _PROJECT))
    _kinds_of_modules.clear()


def _kind(filename: str) -> int:
    if filename.startswith("<"):
        kind = _LIBRARY  # frozen importlib, exec'd helpers of dataclasses and namedtuple
    elif filename.startswith(_harness_directories) or filename.startswith(_SCRIPTS):
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


def _kind_of_module(frame: FrameType) -> int:
    """Return the kind of the module in which a frame runs.

    The walk to the test's line reads only globals of most frames: `f_code` raises an audit event.
    """
    name = frame.f_globals.get("__name__")
    if type(name) is not str:
        return _LIBRARY
    package = name.partition(".")[0]
    if package in _harness and package != "unittest" and name != "__main__":
        kind = _HARNESS
    elif package in _harness and name in _RUNNERS_OF_TESTS:
        kind = _UNITTEST
    else:
        file = frame.f_code.co_filename
        kind = _kinds.get(file) or _kind(file)
    if name != "__main__":  # several scripts may have that name
        _kinds_of_modules[name] = kind
    return kind


def capture(
    frame: FrameType | None, call: str, trace: bool = False, source: object = None
) -> Trail:
    """Find the user's line above a frame, and the test's line that led there.

    The innermost frame outside the standard library and outside installed packages wins. Without
    one, a library function is the target of a thread or a cleanup: then it is the line that started
    the thread, or submitted the work. If that is not known, it is the innermost line of an
    installed package, or none.

    Args:
        frame: where to start, usually the frame that raised an audit event.
        call: what raised the event, used where the user's own line did it.
        trace: keep every frame, not only the one found.
        source: the test's function, if it is known: from its own lines no caller is looked for.
    """
    kinds = _kinds
    callee: _Call | None = None
    installed: tuple[_Call, _Call | None] | None = None
    closes_itself = False
    first = frame
    while frame is not None:
        code = frame.f_code  # once a frame: reading it raises an audit event
        kind = kinds.get(code.co_filename) or _kind(code.co_filename)
        if kind == _PROJECT:
            break
        if kind == _INSTALLED and installed is None:
            installed = (frame, code), callee
        if code.co_qualname in _SELF_REMOVING and code.co_filename.endswith("tempfile.py"):
            closes_itself = frame.f_locals.get("delete", True)
        callee = frame, code
        frame = frame.f_back
    else:
        start, is_for_this = trail_of_start()
        if installed is None or (start is not None and start.is_of_users):
            trail = _capture_target(first, call, installed, start if is_for_this else None, trace)
            trail.closes_itself = closes_itself
            return trail
        (frame, code), callee = installed
    trail = Trail(code, frame.f_lineno, call, callee, closes_itself)
    if code is not _code_of(source):
        trail.caller = _caller(frame)
    if trace:
        trail.frames = _all_frames(first)
    return trail


_last_source: tuple[object, CodeType | None] = (None, None)


def _code_of(source: object) -> CodeType | None:
    """Return the code of a test's function; the last one is kept, as reading it takes long."""
    global _last_source
    known, code = _last_source
    if known is not source:
        function = source
        for _ in range(20):
            if not isinstance(function, FunctionType) or "__wrapped__" not in vars(function):
                break
            function = vars(function)["__wrapped__"]
        code = function.__code__ if isinstance(function, FunctionType) else None
        _last_source = source, code
    return code


def _caller(frame: FrameType) -> Place | None:
    """Return the outermost line of the user's above a frame and below the harness.

    In a thread it is the line that started it, or submitted the work.
    """
    place: FrameType | None = None
    outer, module, kind = frame.f_back, None, _LIBRARY
    while outer is not None:
        if outer.f_globals is not module:
            module = outer.f_globals
            kind = _kinds_of_modules.get(module.get("__name__", "")) or _kind_of_module(outer)
        if kind == _PROJECT:
            place = outer
        elif kind == _HARNESS or (kind == _UNITTEST and outer.f_code.co_name in _RUN_TESTS):
            break
        outer = outer.f_back
    else:
        start, is_for_this = trail_of_start()
        if is_for_this and start is not None and start.code is not None:
            found: Place = start.caller or (start.code, start.line)
            return found
    return (place.f_code, place.f_lineno) if place is not None else None


def _capture_target(
    frame: FrameType | None, call: str, installed: tuple[_Call, _Call | None] | None,
    start: Trail | None, trace: bool,
) -> Trail:
    """Capture what a thread or a cleanup was given: a library function, or installed code."""
    places: list[_Call] = []
    while frame is not None and not _is_caller(frame.f_globals.get("__name__", "")):
        places.append((frame, frame.f_code))
        frame = frame.f_back
    callee = installed[1] if installed is not None else places[-1] if places else None
    if start is None:
        return Trail(None, 0, call, callee)
    trail = Trail(start.code, start.line, call, callee)
    trail.caller = start.caller
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
    # Many files are created in one line. The codes are compared by identity: to hash one is slow.
    caller, line = trail.caller or (None, 0)
    codes = id(trail.code), id(trail.callee), id(caller)
    key = (*codes, trail.line, line, trail.call, trail.module, base)
    if not trail.frames and key in _described:
        return _described[key][1]
    origin = _describe(trail, trail.code, base)
    if not trail.frames and len(_described) < _MOST_DESCRIBED:
        _described[key] = trail, origin
    return origin


_MOST_DESCRIBED = 1_000
_described: dict[tuple[object, ...], tuple[Trail, Origin]] = {}
"""The origins by what they describe; the trail keeps its codes, and so their identities, alive."""


def _describe(trail: Trail, code: CodeType, base: str) -> Origin:
    from ..records import Origin

    name = code.co_filename
    file, first = _examples.get(name, (name, 1))
    return Origin(
        file=relative(file, base),
        line=first + trail.line - 1,
        function=code.co_name,
        call=call_name(trail),
        trace=tuple(
            f"{relative(code.co_filename, base)}:{line} in {code.co_name}"
            for code, line in trail.frames
        ),
        called_from=_called_from(trail, base),
    )


def _called_from(trail: Trail, base: str) -> str:
    """Return the test's line as `file:line`; empty if the trail's line is in the same function."""
    if trail.caller is None or trail.code is None:
        return ""
    code, line = trail.caller
    own, file = trail.code.co_qualname, code.co_filename
    is_inner = own == code.co_qualname or own.startswith(f"{code.co_qualname}.<locals>.")
    if is_inner and trail.code.co_filename == file:
        return ""
    return f"{relative(file, base)}:{line}"


def call_name(trail: Trail) -> str:
    """Return the name of what the user's line called, as users write it."""
    if trail.callee is None or trail.module is None:
        return trail.call
    outer, _, inner = trail.callee.co_qualname.partition(".<locals>")
    parts = outer.split(".")
    if parts[-1] == "<module>":
        return trail.call
    private = "_" if inner else "__"  # what BaseManager._get_queryset_methods of Django returns
    while len(parts) > 1 and parts[-1].startswith(private):
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
