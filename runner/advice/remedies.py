"""A line of code to paste that would have prevented a leak: by what made it, and where.

A line without a word about its place is for below the line of code that it is told for. What is to
be removed is named only where that is known; else the line has `...` for it, which removes nothing.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tempfiles.records import Leak

from ..source_code import file_of_context, text_of, tree_of
from .paste_site import AT_EXIT, Place, Words, is_function_test, place_of, with_imports
from .syntax import Spot, head, is_alone, path_of_result, source, spots

_PATH_METHODS = ("open", "write_text", "write_bytes", "touch")
_MAKE_ONE = {"open", "io.open", "os.open", *(f"pathlib.Path.{name}" for name in _PATH_METHODS)}
_INSTEAD = {"mkdtemp": "TemporaryDirectory", "NamedTemporaryFile": "NamedTemporaryFile"}
_NEW = "tempfile.TemporaryDirectory()"
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.With, ast.AsyncWith)
_FILE_NAME = re.compile(r"[\w.-]+")
_IN_WORDS = "# make it in setUpModule, setUpClass or setUp, and clean up there"


def remedy(leaks: Sequence[Leak]) -> str:
    """Return a line of code that would have prevented leaks of one line of code."""
    scope = Counter(leak.scope for leak in leaks).most_common(1)[0][0]
    leaks = [leak for leak in leaks if leak.scope == scope]
    place = place_of(leaks[0])
    if place.is_at_import:
        return with_imports(_at_import(leaks, place), place.file, place.line)
    if place.outlives:
        return _IN_WORDS
    if is_function_test(leaks[0]):
        return with_imports(_for_function(leaks[0]), place.file, place.line)
    line = _line(leaks, place)
    if place.hides(line):
        return _IN_WORDS
    if place.own:
        return with_imports(line, place.file, place.line)
    return with_imports(line, file_of_context(leaks[0].context), 0)


def _line(leaks: Sequence[Leak], place: Place) -> str:
    words = place.words
    line = _of_call(place, words) if place.can_clean_up else None
    if line is None and _is_in_default_directory(place):
        inner = f"{words.enter}({_NEW})"
        line = f'{words.enter}(mock.patch("tempfile.tempdir", {inner}))  # {words.first}'
    path = _fixed(leaks, place) if line is None and place.can_clean_up else None
    if path is not None:
        line = f"{words.clean_up}({_removal(place.leak, path, is_sure=place.is_once)})"
    return line or _plain(place)


def _of_call(place: Place, words: Words) -> str | None:
    """What cleans up after a call of `tempfile`, if it is the only one on its line."""
    leak, (module, _, maker) = place.leak, _call(place.leak).partition(".")
    found = place.calls(maker) if module == "tempfile" else []
    if len(found) != 1:
        return None
    if words.enter and (maker == "mkdtemp" or (leak.never_closed and maker in _INSTEAD)):
        return _instead(place.file, found[0], f"tempfile.{_INSTEAD[maker]}", words.enter)
    path = path_of_result(found[0], maker) if is_alone(place.file, found[0].statement) else None
    if maker == "TemporaryDirectory" and path is not None:
        is_entered = isinstance(found[0].statement, (ast.With, ast.AsyncWith))
        return f"{words.clean_up}({path}.cleanup)" if not is_entered else None
    # pathlib takes no bytes
    if path is None or any(isinstance(each, bytes) for each in _constants(found[0].call)):
        return None
    return f"{words.clean_up}({_removal(leak, path, is_sure=place.is_once)})"


def _instead(file: str, spot: Spot, function: str, enter: str) -> str:
    """Return what to write instead of a call, with what that is given."""
    name = source(file, spot.call.func)
    given = source(file, spot.call)[len(name) :].strip()
    return f"{enter}({function}{given})  # instead of {name}({'...' if given != '()' else ''})"


def _is_in_default_directory(place: Place) -> bool:
    """Whether a path is made of what `tempfile` takes for the temp directory, in that function."""
    leak, (module, _, maker) = place.leak, _call(place.leak).partition(".")
    if leak.where != "temp" or not place.functions or _is_of_child(leak):
        return False
    if module == "tempfile":
        return not _says_where(place.nodes[0], place.calls(maker))
    asking = [
        spot.statement for name in ("gettempdir", "mktemp") for spot in spots(place.file, name)
        if not _says_where(spot.statement, [spot])
    ]  # fmt: skip
    names: set[str] = set()
    for node in ast.walk(place.functions[-1]):
        if isinstance(node, ast.Assign) and (node in asking or names & _names(head(node))):
            names |= {ast.unparse(target) for target in node.targets}
    return place.nodes[0] in asking or not names.isdisjoint(_names(head(place.nodes[0])))


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _says_where(statement: ast.AST, found: Sequence[Spot]) -> bool:
    """Whether calls of `tempfile` in a statement are, or may be, told in which directory."""
    nodes = list(head(statement))
    calls = [spot.call for spot in found] or [n for n in nodes if isinstance(n, ast.Call)]
    return any(len(call.args) > 2 for call in calls) or any(
        isinstance(node, ast.Starred)
        or (isinstance(node, ast.keyword) and node.arg in ("dir", "args", "kwargs", None))
        for node in nodes
    )


def _fixed(leaks: Sequence[Leak], place: Place) -> str | None:
    """Return the path as code where it is always the same, to be used below the line."""
    leak, name, in_temp = leaks[0], os.path.basename(leaks[0].path), leaks[0].where == "temp"
    is_below = bool(place.nodes) and isinstance(place.nodes[0], _SIMPLE)
    # Another directory may have been there already, and hold what is the user's.
    is_new = leak.type != "directory" or _call(leak) == "os.mkdir"
    same = {os.path.basename(each.path) if in_temp else each.path for each in leaks}
    path = name if in_temp else _in_project(leak.path)
    text = text_of(place.file) + text_of(file_of_context(leak.context))
    is_moved = re.search(r"\btempdir\b" if in_temp else "chdir", text)
    if not (path and is_below and is_new and _is_said(name, place.file)):
        return None
    if is_moved or len(same) > 1:
        return None
    return f"os.path.join(tempfile.gettempdir(), {_quoted(path)})" if in_temp else _quoted(path)


def _is_said(name: str, file: str) -> bool:
    """Whether a name stands in a text of the source."""
    texts = map(str, _constants(tree_of(file)))
    return any(name in _FILE_NAME.findall(text) for text in texts)


def _constants(node: ast.AST) -> Iterator[object]:
    return (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))


def _plain(place: Place) -> str:
    """Return what is right wherever it is: somebody has to put in what is not known."""
    leak, words = place.leak, place.words
    where = "" if place.can_clean_up else f"{words.first.removeprefix('first ')}: "
    if leak.where == "temp" and _is_of_child(leak):
        return f"{words.enter}({_NEW})  # {where}as TMPDIR of the child"
    if leak.where == "outside" or (leak.origin is not None and not place.own):
        return f"{words.clean_up}({_remove(leak)}, ...)  # {where}its path"
    if leak.scope == "test" and _call(leak) in _MAKE_ONE:
        owner, ending = words.enter.partition(".")[0], leak.path.rpartition(".")[2]
        extension = ending if ending.isalnum() and ending.isascii() and len(ending) < 8 else "tmp"
        create = f'{owner}.createTempFile(extension="{extension}")'
        return f"{create}  # {where}its path instead; of TrackedTestCase"
    return f"{words.enter}({_NEW})  # {where}make it in there"


def _at_import(leaks: Sequence[Leak], place: Place) -> str:
    """What a line has made that is in no function."""
    line = _of_call(place, AT_EXIT)
    path = _fixed(leaks, place)
    if line is None and path is not None:
        line = f"{AT_EXIT.clean_up}({_removal(leaks[0], path, is_sure=False)})"
    return line or f"{AT_EXIT.clean_up}({_remove(leaks[0])}, ...)  # its path"


def _for_function(leak: Leak) -> str:
    """What a plain function left that is a test: it has no `self`."""
    if leak.where == "temp":
        return f"with {_NEW} as directory: ...  # make it in there"
    return f"{_remove(leak)}(...)  # its path; in a `finally`"


def _removal(leak: Leak, path: str, is_sure: bool) -> str:
    """Return what a clean-up is given; if it is not sure, it may find nothing there."""
    if leak.type == "directory":
        return f"shutil.rmtree, {path}" + ("" if is_sure else ", ignore_errors=True")
    return f"os.unlink, {path}" if is_sure else f"pathlib.Path({path}).unlink, missing_ok=True"


def _remove(leak: Leak) -> str:
    return "shutil.rmtree" if leak.type == "directory" else "os.unlink"


def _call(leak: Leak) -> str:
    return leak.origin.call if leak.origin is not None else leak.call


def _is_of_child(leak: Leak) -> bool:
    return _call(leak).startswith(("os.system", "subprocess ", "asyncio.")) or not _call(leak)


def _quoted(text: str) -> str:
    return f'"{text}"' if text.isprintable() and not {'"', "\\"} & set(text) else ascii(text)


def _in_project(path: str) -> str:
    try:
        prefix = os.getcwd() + os.sep
    except OSError:
        return ""
    return path.removeprefix(prefix) if path.startswith(prefix) else ""
