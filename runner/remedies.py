"""A line of code to paste that would have prevented a leak: by what made it, and where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from tempfiles.records import Leak

from .normalising import drawn_by_anyone

_PATH_METHODS = ("open", "write_text", "write_bytes", "touch")
_MAKE_ONE = {"open", "io.open", "os.open", *(f"pathlib.Path.{name}" for name in _PATH_METHODS)}
_DIRECTORY_MAKERS = ("mkdtemp", "TemporaryDirectory")
_FILE_MAKERS = ("mkstemp", "NamedTemporaryFile")
_FIXTURES = frozenset({
    "setUp", "asyncSetUp", "tearDown", "asyncTearDown", "setUpClass", "tearDownClass",
    "setUpModule", "tearDownModule",
})  # fmt: skip


class _Words(NamedTuple):
    enter: str
    clean_up: str


_WORDS = {
    "test": _Words("self.enterContext", "self.addCleanup"),
    "class": _Words("cls.enterClassContext", "cls.addClassCleanup"),
    "module": _Words("unittest.enterModuleContext", "unittest.addModuleCleanup"),
}
_AT_EXIT = _Words("contextlib.ExitStack().enter_context", "atexit.register")


def remedy(leaks: Sequence[Leak]) -> str:
    """Return a line of code that would have prevented leaks of one line of code."""
    leak = leaks[0]
    call = leak.origin.call if leak.origin is not None else leak.call
    maker = call.rpartition(".")[2].partition(" ")[0]
    if leak.origin is not None and leak.origin.function == "<module>":
        return f"atexit.register({_remove(leak)}, {_path(leaks)})"
    if _is_function_test(leak):
        return _for_function(leaks, maker)
    words = _WORDS.get(leak.scope, _AT_EXIT)
    line = _line(leaks, call, maker, words)
    return line if _has_self(leak) else f"{line}  # in the test that calls it"


def _line(leaks: Sequence[Leak], call: str, maker: str, words: _Words) -> str:
    leak = leaks[0]
    own = _has_self(leak)  # else the caller has what was made, and outlives a `with`
    if call.startswith(("os.system", "subprocess ", "asyncio.")) or not call:
        return _for_child(leaks, words)
    if maker in _DIRECTORY_MAKERS and own:
        return f"directory = {words.enter}(tempfile.TemporaryDirectory())"
    if maker == "NamedTemporaryFile" and own:
        return f"{words.clean_up}(os.unlink, file.name)"
    if leak.where == "outside" or leak.type == "directory" or not own or maker in _FILE_MAKERS:
        return f"{words.clean_up}({_remove(leak)}, {_path(leaks)})"
    if call not in _MAKE_ONE and (maker == "open" or _are_of_one_call(leaks)):  # shelve, dbm
        return f"directory = {words.enter}(tempfile.TemporaryDirectory())  # and make it in there"
    if leak.scope == "test" and call in _MAKE_ONE:
        return _create_temp_file(leak)
    return f"{words.clean_up}(os.unlink, path)"


def _for_child(leaks: Sequence[Leak], words: _Words) -> str:
    """What a command made: its name tells it, unless that is another one each time."""
    leak = leaks[0]
    name = os.path.basename(leak.path)
    if leak.where == "outside":
        return f"{words.clean_up}({_remove(leak)}, {_path(leaks)})"
    if len({each.path for each in leaks}) > 1 or "*" in drawn_by_anyone(name):
        return f"directory = {words.enter}(tempfile.TemporaryDirectory())  # as TMPDIR of the child"
    path = f"os.path.join(tempfile.gettempdir(), {_quoted(name)})"
    return f"{words.clean_up}({_remove(leak)}, {path})"


def _for_function(leaks: Sequence[Leak], maker: str) -> str:
    """What a plain function left that is a test: it has no `self`."""
    if maker in (*_FILE_MAKERS, "open"):
        return "with tempfile.NamedTemporaryFile() as file: ...  # around what uses it"
    if maker in _DIRECTORY_MAKERS or leaks[0].where == "temp":
        return "with tempfile.TemporaryDirectory() as directory: ...  # around what uses it"
    return f"{_remove(leaks[0])}({_path(leaks)})  # in a `finally`, or in its `teardown`"


def _is_function_test(leak: Leak) -> bool:
    """Whether the line is of a test that is a function of its module (`--functions`)."""
    if leak.scope != "test" or leak.origin is None:
        return False
    module, _, function = leak.context.rpartition(".")
    parts = leak.origin.file.removesuffix(".py").split(os.sep)
    return leak.origin.function == function and f".{'.'.join(parts)}".endswith(f".{module}")


def _has_self(leak: Leak) -> bool:
    """Whether the line is of a method of the test, or of a fixture of its."""
    if leak.origin is None:
        return True
    function = leak.origin.function
    return function in _FIXTURES or function == leak.context.rpartition(".")[2]


def _are_of_one_call(leaks: Sequence[Leak]) -> bool:
    """Whether a call has made several files."""
    return len({leak.context for leak in leaks}) < len(leaks)


def _create_temp_file(leak: Leak) -> str:
    ending = leak.path.rpartition(".")[2]
    extension = ending if ending.isalnum() and ending.isascii() and len(ending) < 8 else "tmp"
    return f'path = self.createTempFile(extension="{extension}")  # of TrackedTestCase'


def _path(leaks: Sequence[Leak]) -> str:
    """Return the path to remove as code: as text if it is of the project and always the same."""
    leak = leaks[0]
    relative = _in_project(leak.path) if leak.where == "outside" else None
    several = len({each.path for each in leaks}) > 1
    if relative is None or several or "*" in drawn_by_anyone(os.path.basename(relative)):
        return "path"
    return _quoted(relative)


def _in_project(path: str) -> str | None:
    try:
        prefix = os.getcwd() + os.sep
    except OSError:
        return None
    return path[len(prefix) :] if path.startswith(prefix) else None


def _remove(leak: Leak) -> str:
    return "shutil.rmtree" if leak.type == "directory" else "os.unlink"


def _quoted(text: str) -> str:
    if text.isprintable() and not {'"', "\\"} & set(text):
        return f'"{text}"'
    return ascii(text)
