"""A line of code to paste that would have prevented a leak: by what made it, and where.

A line without a word about its place is for below the line of code that it is told for.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from tempfiles.records import Leak

from .callers import calling, path_in_callers
from .mending import Words, mended, path_in_command, quoted, removal
from .normalising import drawn_by_anyone
from .pasting import Place, is_at_import, is_of_child, place_of, with_imports, words_for
from .sources import file_of_context, words_in, words_of
from .statements import path_of_result

_PATH_METHODS = ("open", "write_text", "write_bytes", "touch")
_MAKE_ONE = {"open", "io.open", "os.open", *(f"pathlib.Path.{name}" for name in _PATH_METHODS)}
_DIRECTORY_MAKERS = ("mkdtemp", "TemporaryDirectory")
_FILE_MAKERS = ("mkstemp", "NamedTemporaryFile")
_UNKNOWN = Place(None, (), own=True)


def remedy(leaks: Sequence[Leak]) -> str:
    """Return a line of code that would have prevented leaks of one line of code."""
    scope = Counter(leak.scope for leak in leaks).most_common(1)[0][0]
    leaks = [leak for leak in leaks if leak.scope == scope]
    origin = leaks[0].origin
    if origin is None and leaks[0].call:
        return _own_unseen(leaks, _UNKNOWN, words_for(leaks[0], _UNKNOWN))
    if origin is None:
        return _for_child(leaks, _UNKNOWN)
    place = place_of(leaks[0], origin)
    if is_at_import(origin, place):
        return with_imports(_at_import(leaks, place), origin.file, origin.line)
    if _is_function_test(leaks[0]):
        return with_imports(_for_function(leaks, place), origin.file, origin.line)
    if place.own:
        return with_imports(_own(leaks, place), origin.file, origin.line)
    return with_imports(_of_caller(leaks, place), file_of_context(leaks[0].context), 0)


def _own(leaks: Sequence[Leak], place: Place) -> str:
    """What a line of the test, or of a fixture, has made."""
    if is_of_child(_call(leaks)):
        return _for_child(leaks, place)
    words = words_for(leaks[0], place)
    line = mended(leaks, place.spot, words) if place.spot is not None else None
    if line is None:
        return _own_unseen(leaks, place, words)
    if _is_plain_file(leaks) and line.startswith(words.clean_up) and "  # " not in line:
        return f"{line}  # or {_create_temp_file(leaks[0])} of TrackedTestCase"
    return line


def _own_unseen(leaks: Sequence[Leak], place: Place, words: Words) -> str:
    """The same where its source does not tell enough."""
    leak, call, maker = leaks[0], _call(leaks), _maker(leaks)
    if maker in _DIRECTORY_MAKERS:
        return f"directory = {words.enter}(tempfile.TemporaryDirectory())"
    if maker == "NamedTemporaryFile":
        return f"{words.clean_up}(os.unlink, file.name)"
    if leak.where == "temp" and leak.type != "directory" and maker not in _FILE_MAKERS:
        if call not in _MAKE_ONE and (maker == "open" or _are_of_one_call(leaks)):  # shelve, dbm
            line = f"directory = {words.enter}(tempfile.TemporaryDirectory())"
            return f"{line}  # and make it in there"
        if _is_plain_file(leaks):
            return f"path = {_create_temp_file(leak)}  # of TrackedTestCase"
    return f"{words.clean_up}({removal(leak)}, {_path(leaks, place)})"


def _of_caller(leaks: Sequence[Leak], place: Place) -> str:
    """What a function has made that the test calls, or a fixture of its."""
    leak, words = leaks[0], words_for(leaks[0], place)
    where = f"in the {calling(leak)} that calls it"
    if is_of_child(_call(leaks)):
        line = _for_child(leaks, place)
        return f"{line}  # {where}"
    if _is_fixed(leaks):
        return f"{words.clean_up}({removal(leak)}, {_fixed(leak)})  # {where}"
    path = path_in_callers(leaks, place.spot, _call(leaks))
    if path is None and leak.where == "temp" and place.functions:
        inner = f"{words.enter}(tempfile.TemporaryDirectory())"
        return f'{words.enter}(mock.patch("tempfile.tempdir", {inner}))  # {where}, before it does'
    return f"{words.clean_up}({removal(leak)}, {path or 'path'})  # {where}"


def _for_child(leaks: Sequence[Leak], place: Place) -> str:
    """What a command made: its name tells it, unless that is another one each time."""
    leak, words = leaks[0], words_for(leaks[0], place)
    if _is_fixed(leaks):
        return f"{words.clean_up}({removal(leak)}, {_fixed(leak)})"
    if leak.where == "outside":
        given = path_in_command(leaks, place.spot) if place.spot and place.own else None
        return f"{words.clean_up}({removal(leak)}, {given or 'path'})"
    return f"directory = {words.enter}(tempfile.TemporaryDirectory())  # as TMPDIR of the child"


def _at_import(leaks: Sequence[Leak], place: Place) -> str:
    """What a line has made that is in no function."""
    spot = place.spot
    path = path_of_result(spot, _maker(leaks)) if spot is not None else None
    line = mended(leaks, spot, words_for(leaks[0], place)) if spot is not None else None
    if path is None and line is not None and line.startswith("atexit"):
        return line
    return f"atexit.register({removal(leaks[0])}, {path or _path(leaks, place)})"


def _for_function(leaks: Sequence[Leak], place: Place) -> str:
    """What a plain function left that is a test: it has no `self`."""
    maker = _maker(leaks)
    if maker in (*_FILE_MAKERS, "open"):
        return "with tempfile.NamedTemporaryFile() as file: ...  # around what uses it"
    if maker in _DIRECTORY_MAKERS or leaks[0].where == "temp":
        return "with tempfile.TemporaryDirectory() as directory: ...  # around what uses it"
    path = _path(leaks, place)
    return f"{removal(leaks[0])}({path})  # in a `finally`, or in its `teardown`"


def _is_function_test(leak: Leak) -> bool:
    """Whether the line is of a test that is a function of its module (`--functions`)."""
    if leak.scope != "test" or leak.origin is None:
        return False
    module, _, function = leak.context.rpartition(".")
    parts = leak.origin.file.removesuffix(".py").split(os.sep)
    return leak.origin.function == function and f".{'.'.join(parts)}".endswith(f".{module}")


def _call(leaks: Sequence[Leak]) -> str:
    leak = leaks[0]
    return leak.origin.call if leak.origin is not None else leak.call


def _maker(leaks: Sequence[Leak]) -> str:
    return _call(leaks).rpartition(".")[2].partition(" ")[0]


def _are_of_one_call(leaks: Sequence[Leak]) -> bool:
    """Whether a call has made several files."""
    return len({leak.context for leak in leaks}) < len(leaks)


def _is_plain_file(leaks: Sequence[Leak]) -> bool:
    """Whether a file of `createTempFile` would have done."""
    leak = leaks[0]
    return _call(leaks) in _MAKE_ONE and (leak.scope, leak.where) == ("test", "temp")


def _create_temp_file(leak: Leak) -> str:
    ending = leak.path.rpartition(".")[2]
    extension = ending if ending.isalnum() and ending.isascii() and len(ending) < 8 else "tmp"
    return f'self.createTempFile(extension="{extension}")'


def _path(leaks: Sequence[Leak], place: Place) -> str:
    """Return the path to remove as code: as text if it is of the project and always the same."""
    return _fixed(leaks[0]) if leaks[0].where == "outside" and _is_fixed(leaks) else "path"


def _is_fixed(leaks: Sequence[Leak]) -> bool:
    """Whether the path is always the same: it stands in the source, or nothing in it is random."""
    leak = leaks[0]
    is_elsewhere = leak.where == "outside" and not _in_project(leak.path)
    if is_elsewhere or len({each.path for each in leaks}) > 1:
        return False
    file = leak.origin.file if leak.origin is not None else file_of_context(leak.context)
    name = os.path.basename(leak.path)
    words = words_of(os.path.abspath(file))
    return "*" not in drawn_by_anyone(name) or words.issuperset(words_in(name))


def _fixed(leak: Leak) -> str:
    if leak.where == "outside":
        return quoted(_in_project(leak.path))
    return f"os.path.join(tempfile.gettempdir(), {quoted(os.path.basename(leak.path))})"


def _in_project(path: str) -> str:
    try:
        prefix = os.getcwd() + os.sep
    except OSError:
        return ""
    return path[len(prefix) :] if path.startswith(prefix) else ""
