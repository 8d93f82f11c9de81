"""The table of remedies: a line of code for each kind of leak, and where the line goes.

The terminal, the page and `--fix` use the same table. The first row that fits a leak counts.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tempfiles import Leak

from ..source_code import text_of, tree_of
from .site import Site, below_cwd, made_by, site_of
from .syntax import SIMPLE, constants, imported_in, path_in_temp, path_of_result, source

LONGEST = 100
"""The most characters of a remedy."""

Action = Literal["instead", "below", "first", "above", "words"]

_OBJECTS = {"mkdtemp": "TemporaryDirectory", "NamedTemporaryFile": "NamedTemporaryFile"}
"""The object that removes what a function of `tempfile` creates."""
_MODULES = frozenset({
    "atexit", "os", "pathlib", "shutil", "tempfile", "tempfiles", "unittest",
})  # fmt: skip
_FILE_NAME = re.compile(r"[\w.-]+")
_AT_IMPORT = "it is created when the module is imported, outside of any test"
_NO_PATH = "no variable has its path there"
_NOT_OWN = "it is not created by the code of the test itself"
_NO_FIXTURE = "no fixture can give it a directory there"
_IN_FIXTURE = "# create it in setUpModule, setUpClass or setUp, and clean up there"
_WITHIN = "# create it in a temporary directory, or remove it in a clean-up"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A line of code that prevents a leak.

    Attributes:
        code: one line of Python; a comment where no single line prevents the leak.
        action: what the line does at its place: it stands instead of the call, below the statement,
            first in the function, or above the function, as a decorator. `words`: it is a comment.
        place: the same in words; empty directly below the statement.
        imports: the modules that the line needs and its file lacks.
        arguments: the fixtures of pytest that the test must take.
        refusal: why `--fix` does not change the file; empty if it does.
    """

    code: str
    action: Action
    place: str = ""
    imports: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def line(self) -> str:
        """The code with its place and its imports as a comment, as far as there is room."""
        takes = f"takes {' and '.join(self.arguments)}" if self.arguments else ""
        imports = "import " + ", ".join(self.imports) if self.imports else ""
        words = [part for part in (self.place, takes, imports) if part]
        while words and len(self.code) + len("; ".join(words)) + 4 > LONGEST:
            words.pop()
        return f"{self.code}  # {'; '.join(words)}" if words else self.code


class Row(NamedTuple):
    """One row of the table: what it fits, the code as a template, and where the code goes.

    A template with a value that is unknown does not fit.
    """

    fits: Callable[[Site], object]
    code: str
    action: Action
    arguments: tuple[str, ...] = ()
    refusal: str = ""


_TABLE = (
    Row(lambda site: site.is_at_import, "atexit.register({removal})", "below", refusal=_AT_IMPORT),
    Row(lambda site: site.is_at_import, _IN_FIXTURE, "words", refusal=_AT_IMPORT),
    Row(lambda site: site.is_kept, _IN_FIXTURE, "words",
        refusal="its path may be kept in a cache, a global variable or another object"),
    # In a method of the test: an object that removes what it creates, or a clean-up.
    Row(lambda site: site.owner and site.has_object, "{enter}({object}({given}))", "instead"),
    Row(lambda site: site.owner and site.creator == "TemporaryDirectory" and not site.is_with,
        "{clean_up}({path}.cleanup)", "below"),
    Row(lambda site: site.owner, "{clean_up}({removal})", "below"),
    # In a function of pytest, which has no `self`.
    Row(lambda site: site.takes_fixtures and site.is_in_default_directory,
        "{call}({in_tmp_path})", "instead", ("tmp_path",)),
    Row(lambda site: site.takes_fixtures and site.leak.where == "outside",
        "monkeypatch.chdir(tmp_path)", "first", ("monkeypatch", "tmp_path")),
    Row(lambda site: site.is_in_tests and not site.is_unittest,
        "tempfiles.register_{kind}({path})", "below", refusal=_NO_FIXTURE),
    # In other code, which the test redirects.
    Row(lambda site: site.leak.where == "temp" and site.is_of_plain_function,
        "@tempfiles.redirect()", "above", refusal=_NOT_OWN),
    Row(lambda site: site.leak.where == "temp" and site.owner,
        "{enter}(tempfiles.redirect())", "first", refusal=_NO_PATH),
    Row(lambda site: site.leak.where == "temp",
        "{enter}(tempfiles.redirect())", "first", refusal=_NOT_OWN),
    Row(lambda site: site.owner,
        "{enter}(tempfiles.redirect(chdir=True))", "first", refusal=_NO_PATH),
    Row(lambda site: True,
        "{enter}(tempfiles.redirect(chdir=True))", "first", refusal=_NOT_OWN),
    Row(lambda site: True, _WITHIN, "words", refusal=_NOT_OWN),
)  # fmt: skip


def remedy(leaks: Sequence[Leak]) -> Remedy:
    """Return what would have prevented the leaks of one line of code.

    Args:
        leaks: at least one; those of the most frequent scope are looked at.
    """
    scope = Counter(leak.scope for leak in leaks).most_common(1)[0][0]
    leaks = [leak for leak in leaks if leak.scope == scope]
    site = site_of(leaks[0])
    values = _values(site, leaks)
    fitting = ((row, _code(row, values)) for row in _TABLE if row.fits(site))
    return next(_remedy(row, code, site) for row, code in fitting if code)


def _remedy(row: Row, code: str, site: Site) -> Remedy:
    if row.action == "words":
        return Remedy(code, row.action, refusal=row.refusal)
    is_here = row.action in ("instead", "below") or bool(site.owner)
    file = site.file if is_here else site.test_file
    imported = imported_in(file, site.functions if is_here else (), site.line)
    imports = tuple(sorted(_names(code) & _MODULES - imported)) if text_of(file) else ()
    place = {
        "first": f"first in {site.first}",
        "instead": f"instead of {_called(site)}",
        "above": "above the test",
    }.get(row.action, "")
    return Remedy(code, row.action, place, imports, row.arguments, row.refusal)


def _code(row: Row, values: dict[str, str]) -> str:
    """Return the code of a row; empty where a value is unknown, or the line is too long."""
    needed = set(re.findall(r"{(\w+)}", row.code)) - {"given"}
    if not all(values[name] for name in needed):
        return ""
    code = row.code.format_map(values)
    return code if len(code) <= LONGEST and "\n" not in code else ""


def _values(site: Site, leaks: Sequence[Leak]) -> dict[str, str]:
    """Return what the templates of the table may name; what is unknown is empty."""
    name = source(site.file, site.call.func) if site.call is not None else ""
    given, path = _given(site), _path(site, leaks)
    module = name.rpartition(".")[0] or "tempfile"
    enter, clean_up = site.words
    return {
        "enter": enter, "clean_up": clean_up, "call": name, "given": given, "path": path,
        "object": f"{module}.{_OBJECTS.get(site.creator, '')}",
        "removal": _removal(site, path) if path else "",
        "in_tmp_path": f"{given}, dir=tmp_path".removeprefix(", "),
        "kind": "directory" if site.leak.type == "directory" else "file",
    }  # fmt: skip


def _called(site: Site) -> str:
    name = source(site.file, site.call.func) if site.call is not None else ""
    return f"{name}({'...' if _given(site) else ''})"


def _given(site: Site) -> str:
    """Return the arguments of the call."""
    if site.call is None:
        return ""
    words = [(each.arg, each.value) for each in site.call.keywords]
    return ", ".join([
        *(source(site.file, each) for each in site.call.args),
        *(f"{name}={source(site.file, value)}" if name else f"**{source(site.file, value)}"
          for name, value in words),
    ])  # fmt: skip


def _removal(site: Site, path: str) -> str:
    """Return the arguments of a clean-up that removes a path; the path may be gone by then."""
    if site.leak.type == "directory":
        return f"shutil.rmtree, {path}" + ("" if site.is_once else ", ignore_errors=True")
    return f"os.unlink, {path}" if site.is_once else f"pathlib.Path({path}).unlink, missing_ok=True"


def _path(site: Site, leaks: Sequence[Leak]) -> str:
    """Return code for the path below the line; empty if the source does not tell it."""
    if not site.is_alone or not isinstance(site.statement, SIMPLE):
        return ""
    if site.leak.where == "outside":
        return _path_in_project(site, leaks)
    if site.call is None or any(
        isinstance(value, bytes) for value in constants(site.call)  # pathlib takes no bytes
    ):
        return ""
    if not site.creator:
        return path_in_temp(site.functions[0], site.call, made_by(site.leak)) if site.owner else ""
    return path_of_result(site.statement, site.call, site.creator)


def _path_in_project(site: Site, leaks: Sequence[Leak]) -> str:
    """Return a path below the working directory as code, if the line creates it in each run.

    It must stand in the source. A directory that other calls than `os.mkdir` have made may contain
    files of the user.
    """
    leak, path = site.leak, below_cwd(site.leak.path)
    is_new = leak.type != "directory" or made_by(leak) == "os.mkdir"
    if not (path and is_new) or {each.path for each in leaks} != {leak.path}:
        return ""
    texts = map(str, constants(tree_of(site.file)))
    is_named = any(os.path.basename(path) in _FILE_NAME.findall(text) for text in texts)
    if not is_named or "chdir" in text_of(site.file):
        return ""
    is_plain = path.isprintable() and not {'"', "\\"} & set(path)
    return f'"{path}"' if is_plain else ascii(path)


def _names(code: str) -> set[str]:
    tree = ast.parse(code.removeprefix("@"))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
