"""Where to begin with many leaks: the worst lines of code, the worst tests, and what helps."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from tempfiles.quantities import format_size
from tempfiles.records import Leak
from tempfiles.text import printable

_FEWEST_ORIGINS = 3
_FEWEST_LEAKS = 5
_MOST_TOLD = 3


def advice(leaks: Sequence[Leak]) -> Iterator[str]:
    """Yield the lines on where to begin; none where there are too few leaks for it to help."""
    by_line = _grouped((_line(leak), leak) for leak in leaks if leak.origin is not None)
    if len(leaks) < _FEWEST_LEAKS and len(by_line) < _FEWEST_ORIGINS:
        return
    lines = sorted(by_line.values(), key=lambda group: (-len(group), -_bytes(group)))
    contexts = sorted(
        _grouped((leak.context, leak) for leak in leaks).values(),
        key=lambda group: (-_bytes(group), -sum(leak.entries for leak in group)),
    )
    yield "Where to begin:"
    if lines:
        yield "  lines of code:"
    for group in lines[:_MOST_TOLD]:
        yield f"    {_count(group)}  {_place(group[0])}"
        yield f"        {remedy(group)}"
    told = {_line(group[0]) for group in lines[:_MOST_TOLD]}
    yield "  tests:"
    for group in contexts[:_MOST_TOLD]:
        yield f"    {_count(group)}  {printable(group[0].context)}"
        worst = max(group, key=lambda leak: (leak.bytes, leak.entries))
        if _line(worst) not in told:
            yield f"        {remedy([leak for leak in group if _line(leak) == _line(worst)])}"


def remedy(leaks: Sequence[Leak]) -> str:
    """Return a line of code that would have prevented leaks of one line, by what made them."""
    leak = leaks[0]
    call = leak.origin.call if leak.origin is not None else ""
    maker = call.rpartition(".")[2].partition(" ")[0]
    words = _WORDS.get(leak.scope, _WORDS["test"])
    if leak.where == "outside" or call.startswith(("os.system", "subprocess ")):
        return _for_named(leak, words)
    if not _is_in_tests(leak):
        return _for_library(leak, maker, words)
    if maker in ("mkdtemp", "TemporaryDirectory"):
        return f"directory = {words.enter}(tempfile.TemporaryDirectory())"
    if leak.type == "directory":
        return f"{words.clean_up}(shutil.rmtree, path)"
    if maker == "NamedTemporaryFile":
        return f"{words.clean_up}(os.unlink, file.name)"
    if call not in _MAKE_ONE and (maker == "open" or _are_of_one_call(leaks)):  # shelve, dbm
        return f"directory = {words.enter}(tempfile.TemporaryDirectory())  # and make it in there"
    if leak.scope == "test" and call in _MAKE_ONE:
        return _create_temp_file(leak)
    return f"{words.clean_up}(os.unlink, path)"


class _Words(NamedTuple):
    enter: str
    clean_up: str


_PATH_METHODS = ("open", "write_text", "write_bytes", "touch")
_MAKE_ONE = {"open", "io.open", "os.open", *(f"pathlib.Path.{name}" for name in _PATH_METHODS)}
_WORDS = {
    "test": _Words("self.enterContext", "self.addCleanup"),
    "class": _Words("cls.enterClassContext", "cls.addClassCleanup"),
    "module": _Words("unittest.enterModuleContext", "unittest.addModuleCleanup"),
    "run": _Words("unittest.enterModuleContext", "unittest.addModuleCleanup"),
}
_DRAWN = re.compile(r"(?=[a-z_]*[0-9])(?=[0-9_]*[a-z])[a-z0-9_]{8}")


def _for_named(leak: Leak, words: _Words) -> str:
    """What a command made, or anyone outside the temp directory: its name tells it."""
    name = os.path.basename(leak.path)
    if leak.where == "temp" and _DRAWN.search(name):
        return f"directory = {words.enter}(tempfile.TemporaryDirectory())  # as TMPDIR of the child"
    path = _quoted(os.path.relpath(leak.path) if leak.where == "outside" else name)
    if leak.where == "temp":
        path = f"os.path.join(tempfile.gettempdir(), {path})"
    return f"{words.clean_up}({_remove(leak)}, {path})"


def _for_library(leak: Leak, maker: str, words: _Words) -> str:
    """What code made that is no test's: it has no `self` to clean up with."""
    if maker in ("mkdtemp", "TemporaryDirectory"):
        with_block = "with tempfile.TemporaryDirectory() as directory:"
    elif maker in ("mkstemp", "NamedTemporaryFile"):
        with_block = "with tempfile.NamedTemporaryFile() as file:"
    else:
        return f"{words.clean_up}({_remove(leak)}, path)  # in the test that calls it"
    return f"{with_block}  # or the test: {words.clean_up}({_remove(leak)}, path)"


def _are_of_one_call(leaks: Sequence[Leak]) -> bool:
    """Whether a call has made several files: what has names of its own makes one each time."""
    call = leaks[0].origin.call if leaks[0].origin is not None else ""
    contexts = {leak.context for leak in leaks}
    return len(contexts) < len(leaks) and not call.startswith("tempfile.")


def _is_in_tests(leak: Leak) -> bool:
    """Whether the line is of a test module, or of a module beside it."""
    if leak.origin is None:
        return True
    parts = leak.origin.file.removesuffix(".py").split(os.sep)
    if parts[-1].startswith("test") or parts[-1].endswith("test"):
        return True
    if not {"test", "tests"}.isdisjoint(parts[:-1]):
        return True
    return f".{leak.context}.".startswith(f".{'.'.join(parts)}.")


def _create_temp_file(leak: Leak) -> str:
    ending = leak.path.rpartition(".")[2]
    extension = ending if ending.isalnum() and ending.isascii() and len(ending) < 8 else "tmp"
    return f'path = self.createTempFile(extension="{extension}")  # of TrackedTestCase'


def _remove(leak: Leak) -> str:
    return "shutil.rmtree" if leak.type == "directory" else "os.unlink"


def _quoted(path: str) -> str:
    return json.dumps(path, ensure_ascii=not path.isprintable())


def _grouped(keyed: Iterable[tuple[Hashable, Leak]]) -> dict[Hashable, list[Leak]]:
    groups: dict[Hashable, list[Leak]] = {}
    for key, leak in keyed:
        groups.setdefault(key, []).append(leak)
    return groups


def _line(leak: Leak) -> Hashable:
    return (leak.origin.file, leak.origin.line) if leak.origin is not None else None


def _bytes(group: Iterable[Leak]) -> int:
    return sum(leak.bytes for leak in group)


def _count(group: Sequence[Leak]) -> str:
    noun = "leak" if len(group) == 1 else "leaks"
    return f"{len(group)} {noun}, {format_size(_bytes(group))}"


def _place(leak: Leak) -> str:
    return printable(str(leak.origin))
