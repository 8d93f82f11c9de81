"""The line that mends what a line of a test itself has made, from the source of that line."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tempfiles.records import Leak

from .path_arguments import EXACT, argument, denoting, is_pure, plain, words_of_command
from .rewriting import in_new_directory, rewritten, wrapped
from .statements import Spot, path_of_result, source

INSTEAD = "  # instead"
_OF_PATH = re.compile(
    r"pathlib\.Path\.(open|write_text|write_bytes|touch|mkdir|symlink_to|hardlink_to)"
)
_RETURNING = ("shutil.copy", "shutil.copy2", "shutil.move", "shutil.make_archive")
_NEW = "tempfile.TemporaryDirectory()"


class Words(NamedTuple):
    """How the place where a line is pasted says it: to enter a context, and to clean up."""

    enter: str
    clean_up: str


def mended(leaks: Sequence[Leak], spot: Spot, words: Words) -> str | None:
    """Return a line to paste at, or instead of, the statement of a call; None if there is none.

    Args:
        leaks: of that statement.
        spot: the call that has made them.
        words: of the place.
    """
    origin = leaks[0].origin
    call = origin.call if origin is not None else ""
    for line in _lines(leaks, spot, call, words):
        if line is not None:
            return line
    return None


def _lines(leaks: Sequence[Leak], spot: Spot, call: str, words: Words) -> Iterator[str | None]:
    if call.startswith("tempfile."):
        yield from _of_tempfile(leaks, spot, call.rpartition(".")[2], words)
    remove = removal(leaks[0])
    if call in _RETURNING or call.startswith("tempfile."):
        variable = path_of_result(spot, call.rpartition(".")[2])
        if variable is not None:
            yield f"{words.clean_up}({remove}, {variable})"
        elif isinstance(spot.statement, ast.Expr) and call in _RETURNING:
            yield _instead(f"{words.clean_up}({remove}, {source(spot.file, spot.call)})")
        yield _instead(in_new_directory(spot, words.enter)) if remove == "os.unlink" else None
        return
    given = argument(spot, call)
    if given is not None:
        yield from _of_argument(leaks, spot, given, words)


def _of_tempfile(
    leaks: Sequence[Leak], spot: Spot, maker: str, words: Words
) -> Iterator[str | None]:
    if maker == "mkdtemp":
        yield _instead(wrapped(spot, "tempfile.TemporaryDirectory", words.enter))
    elif maker == "NamedTemporaryFile" and leaks[0].never_closed:
        yield _instead(wrapped(spot, "tempfile.NamedTemporaryFile", words.enter))
    elif maker == "TemporaryDirectory":
        variable, taken = spot.bound() or (None, "")
        if variable is not None and not any(isinstance(n, ast.withitem) for n in spot.above):
            yield f"{words.clean_up}({ast.unparse(variable)}.cleanup)" if not taken else None
        yield _instead(in_new_directory(spot, words.enter)) if variable is None else None


def _of_argument(
    leaks: Sequence[Leak], spot: Spot, given: ast.expr, words: Words
) -> Iterator[str | None]:
    call = leaks[0].origin.call if leaks[0].origin is not None else ""
    remove = removal(leaks[0])
    is_exact = call in EXACT or _OF_PATH.fullmatch(call) is not None
    path = denoting(plain(given), spot, [leak.path for leak in leaks], is_exact)
    if path is not None and is_pure(path, spot):
        place = "  # before it" if isinstance(spot.statement, ast.Return) else ""
        yield f"{words.clean_up}({remove}, {_text(leaks, spot, path)}){place}"
    if path is given and not spot.is_narrow:
        yield _of_opened(spot, words)
        name = _free_name(spot)
        bound = f"{name} := {source(spot.file, given)}"
        change = {given: bound if given in spot.call.args else f"({bound})"}
        yield _instead(rewritten(spot, change, f"{words.clean_up}({remove}, {name})"))
    is_other = not is_exact and not call.startswith("pathlib.") and leaks[0].where == "temp"
    if is_other and not isinstance(given, (ast.Name, ast.Attribute)):
        base = f"os.path.join({words.enter}({_NEW}), {_last_part(spot, given)})"
        yield _instead(rewritten(spot, {given: base}))


def path_in_command(leaks: Sequence[Leak], spot: Spot) -> str | None:
    """Return what a command was given as the path that it has made, as code."""
    paths = [leak.path for leak in leaks]
    for sure in (False, True):  # first a word that shows it, then any
        for word in words_of_command(spot):
            path = denoting(plain(word), spot, paths, exact=sure)
            if path is not None and is_pure(path, spot):
                return _text(leaks, spot, path)
    return None


def removal(leak: Leak) -> str:
    """Return the function that removes what is left."""
    return "shutil.rmtree" if leak.type == "directory" else "os.unlink"


def quoted(text: str) -> str:
    """Return a text as code."""
    if text.isprintable() and not {'"', "\\"} & set(text):
        return f'"{text}"'
    return ascii(text)


def _of_opened(spot: Spot, words: Words) -> str | None:
    """An open file knows its name."""
    call = spot.call.func
    opens = ast.unparse(call) in ("open", "io.open")
    variable = path_of_result(spot, "open") if opens else None
    return f"{words.clean_up}(os.unlink, {variable})" if variable is not None else None


def _text(leaks: Sequence[Leak], spot: Spot, path: ast.expr) -> str:
    """Return the expression of a path as code that holds in another working directory too."""
    value = path.value if isinstance(path, ast.Constant) else None
    text = quoted(value) if isinstance(value, str) else source(spot.file, path)
    moves = any("chdir" in ast.dump(function) for function in spot.functions[-1:])
    if isinstance(value, str) and os.path.realpath(value) != os.path.realpath(leaks[0].path):
        moves = True
    return f"os.path.abspath({text})" if moves else text


def _last_part(spot: Spot, given: ast.expr) -> str:
    while isinstance(given, ast.Call) and given.args:
        given = given.args[-1]
    if isinstance(given, ast.BinOp) and isinstance(given.op, ast.Div):
        given = given.right
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return quoted(os.path.basename(given.value))
    return f"os.path.basename({source(spot.file, given)})"


def _free_name(spot: Spot) -> str:
    nodes = [node for each in spot.functions for node in ast.walk(each)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return next(name for name in ("path", "made", "path_made") if name not in used)


def _instead(line: str | None) -> str | None:
    return f"{line}{INSTEAD}" if line is not None else None
