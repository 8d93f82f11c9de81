"""Suggest a line of code that would have prevented a leak.

A line without a comment about its place is pasted below the line that created the leak. It names
the path to remove only if that is certain; otherwise it contains `...`, which removes nothing.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tempfiles import Leak

from ..source_code import file_of_context, text_of, tree_of
from .fixtures import fixture_remedy, is_of_pytest
from .paste_site import (
    AT_EXIT,
    PasteSite,
    Words,
    is_function_test,
    paste_site_of,
    with_imports,
)
from .syntax import CallSite, call_sites, head, is_alone, path_of_result, source

_PATH_METHODS = ("open", "write_text", "write_bytes", "touch")
_FILE_CALLS = {"open", "io.open", "os.open", *(f"pathlib.Path.{name}" for name in _PATH_METHODS)}
_INSTEAD = {"mkdtemp": "TemporaryDirectory", "NamedTemporaryFile": "NamedTemporaryFile"}
_NEW = "tempfile.TemporaryDirectory()"
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.With, ast.AsyncWith)
_FILE_NAME = re.compile(r"[\w.-]+")
_IN_FIXTURE = "# create it in setUpModule, setUpClass or setUp, and clean up there"


def remedy(leaks: Sequence[Leak]) -> str:
    """Return a line of code that would have prevented the leaks of one line of code."""
    if is_of_pytest(leaks[0]):
        return fixture_remedy(leaks)
    scope = Counter(leak.scope for leak in leaks).most_common(1)[0][0]
    leaks = [leak for leak in leaks if leak.scope == scope]
    site = paste_site_of(leaks[0])
    if site.is_at_import:
        return with_imports(_at_import(leaks, site), site.file, site.line)
    if site.outlives:
        return _IN_FIXTURE
    if is_function_test(leaks[0]):
        return with_imports(_for_function(leaks[0]), site.file, site.line)
    line = _line(leaks, site)
    if site.hides(line):
        return _IN_FIXTURE
    if site.own:
        return with_imports(line, site.file, site.line)
    return with_imports(line, file_of_context(leaks[0].context), 0)


def _line(leaks: Sequence[Leak], site: PasteSite) -> str:
    words = site.words
    line = _of_call(site, words) if site.can_clean_up else None
    if line is None and _is_in_default_directory(site):
        inner = f"{words.enter}({_NEW})"
        line = f'{words.enter}(mock.patch("tempfile.tempdir", {inner}))  # {words.first}'
    path = _fixed(leaks, site) if line is None and site.can_clean_up else None
    if path is not None:
        line = f"{words.clean_up}({_removal(site.leak, path, is_sure=site.is_once)})"
    return line or _plain(site)


def _of_call(site: PasteSite, words: Words) -> str | None:
    """Return what cleans up after a call of `tempfile`, if it is the only one on its line."""
    leak, (module, _, creator) = site.leak, _call(site.leak).partition(".")
    found = site.calls(creator) if module == "tempfile" else []
    if len(found) != 1:
        return None
    if words.enter and (creator == "mkdtemp" or (leak.never_closed and creator in _INSTEAD)):
        return _instead(site.file, found[0], f"tempfile.{_INSTEAD[creator]}", words.enter)
    path = path_of_result(found[0], creator) if is_alone(site.file, found[0].statement) else None
    if creator == "TemporaryDirectory" and path is not None:
        is_entered = isinstance(found[0].statement, (ast.With, ast.AsyncWith))
        return f"{words.clean_up}({path}.cleanup)" if not is_entered else None
    # pathlib takes no bytes
    if path is None or any(isinstance(each, bytes) for each in _constants(found[0].call)):
        return None
    return f"{words.clean_up}({_removal(leak, path, is_sure=site.is_once)})"


def _instead(file: str, call_site: CallSite, function: str, enter: str) -> str:
    """Return the replacement of a call, with the same arguments."""
    name = source(file, call_site.call.func)
    given = source(file, call_site.call)[len(name) :].strip()
    return f"{enter}({function}{given})  # instead of {name}({'...' if given != '()' else ''})"


def _is_in_default_directory(site: PasteSite) -> bool:
    """Return whether the path was built from the default directory of `tempfile`."""
    leak, (module, _, creator) = site.leak, _call(site.leak).partition(".")
    if leak.where != "temp" or not site.functions or _is_of_child(leak):
        return False
    if module == "tempfile":
        return not _says_where(site.nodes[0], site.calls(creator))
    asking = [
        each.statement for name in ("gettempdir", "mktemp") for each in call_sites(site.file, name)
        if not _says_where(each.statement, [each])
    ]  # fmt: skip
    names: set[str] = set()
    for node in ast.walk(site.functions[-1]):
        if isinstance(node, ast.Assign) and (node in asking or names & _names(head(node))):
            names |= {ast.unparse(target) for target in node.targets}
    return site.nodes[0] in asking or not names.isdisjoint(_names(head(site.nodes[0])))


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _says_where(statement: ast.AST, found: Sequence[CallSite]) -> bool:
    """Return whether calls of `tempfile` in a statement may be given a directory."""
    nodes = list(head(statement))
    calls = [call_site.call for call_site in found] or [n for n in nodes if isinstance(n, ast.Call)]
    return any(len(call.args) > 2 for call in calls) or any(
        isinstance(node, ast.Starred)
        or (isinstance(node, ast.keyword) and node.arg in ("dir", "args", "kwargs", None))
        for node in nodes
    )


def _fixed(leaks: Sequence[Leak], site: PasteSite) -> str | None:
    """Return the path as code if it is the same in each run and known below the line."""
    leak, name, in_temp = leaks[0], os.path.basename(leaks[0].path), leaks[0].where == "temp"
    is_below = bool(site.nodes) and isinstance(site.nodes[0], _SIMPLE)
    # A directory made by other calls may be preexisting, with files of the user.
    is_new = leak.type != "directory" or _call(leak) == "os.mkdir"
    same = {os.path.basename(each.path) if in_temp else each.path for each in leaks}
    path = name if in_temp else _in_project(leak.path)
    text = text_of(site.file) + text_of(file_of_context(leak.context))
    is_moved = re.search(r"\btempdir\b" if in_temp else "chdir", text)
    if not (path and is_below and is_new and _is_in_source(name, site.file)):
        return None
    if is_moved or len(same) > 1:
        return None
    return f"os.path.join(tempfile.gettempdir(), {_quoted(path)})" if in_temp else _quoted(path)


def _is_in_source(name: str, file: str) -> bool:
    """Return whether a string in the source contains a file name."""
    texts = map(str, _constants(tree_of(file)))
    return any(name in _FILE_NAME.findall(text) for text in texts)


def _constants(node: ast.AST) -> Iterator[object]:
    return (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))


def _plain(site: PasteSite) -> str:
    """Return a line that fits everywhere, in which the user must fill in the path."""
    leak, words = site.leak, site.words
    where = "" if site.can_clean_up else f"{words.first.removeprefix('first ')}: "
    if leak.where == "temp" and _is_of_child(leak):
        return f"{words.enter}({_NEW})  # {where}as TMPDIR of the child"
    if leak.where == "outside" or (leak.origin is not None and not site.own):
        return f"{words.clean_up}({_remove(leak)}, ...)  # {where}its path"
    if leak.scope == "test" and _call(leak) in _FILE_CALLS:
        owner, ending = words.enter.partition(".")[0], leak.path.rpartition(".")[2]
        extension = ending if ending.isalnum() and ending.isascii() and len(ending) < 8 else "tmp"
        create = f'{owner}.createTempFile(extension="{extension}")'
        return f"{create}  # {where}use its path; needs TrackedTestCase"
    return f"{words.enter}({_NEW})  # {where}create it in there"


def _at_import(leaks: Sequence[Leak], site: PasteSite) -> str:
    """Return the remedy for a line outside of all functions."""
    line = _of_call(site, AT_EXIT)
    path = _fixed(leaks, site)
    if line is None and path is not None:
        line = f"{AT_EXIT.clean_up}({_removal(leaks[0], path, is_sure=False)})"
    return line or f"{AT_EXIT.clean_up}({_remove(leaks[0])}, ...)  # its path"


def _for_function(leak: Leak) -> str:
    """Return the remedy for a test that is a plain function, without `self`."""
    if leak.where == "temp":
        return f"with {_NEW} as directory: ...  # create it in there"
    return f"{_remove(leak)}(...)  # its path; in a `finally`"


def _removal(leak: Leak, path: str, is_sure: bool) -> str:
    """Return the arguments of a clean-up; unless `is_sure`, the path may be gone by then."""
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
