"""Describe the place of a leak: the call, the functions around it, and what is in reach there."""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence
from typing import NamedTuple

from tempfiles import Leak

from ..source_code import file_of_context, text_of, tree_of
from .syntax import (
    FUNCTIONS,
    Function,
    Nodes,
    called,
    called_in,
    calls_of,
    head,
    statement_at,
    statements_of,
)

_OF_MODULE = frozenset({"setUpModule", "tearDownModule"})
_FIXTURES = frozenset({"setUpClass", "tearDownClass", *_OF_MODULE})
_REMOVING = frozenset({"unlink", "remove", "rmtree", "rename", "replace", "move"})
_REPEATING = (ast.For, ast.AsyncFor, ast.While)
_WORDS = {
    "test": ("self", "enterContext", "addCleanup", "the test or setUp"),
    "class": ("cls", "enterClassContext", "addClassCleanup", "setUpClass"),
    "module": ("unittest", "enterModuleContext", "addModuleCleanup", "setUpModule"),
}


class Site(NamedTuple):
    """The statement that created a leak, as far as it was found.

    Attributes:
        leak: the leak.
        file: the source file; empty if it cannot be read.
        nodes: the statement and the nodes around it, the innermost first.
        call: the call that created it, if there is only one of its name in the statement.
        test_file: the file of the test.
        is_unittest: whether the test is one of a `TestCase`; false also where that is not known.
        owner: the name of the test (`self`), of its class (`cls`), or `unittest` in a fixture of a
            module; empty where the line is in other code.
    """

    leak: Leak
    file: str = ""
    nodes: Nodes = (ast.Pass(),)
    call: ast.Call | None = None
    test_file: str = ""
    is_unittest: bool = True
    owner: str = ""

    @property
    def line(self) -> int:
        """The line number; 0 if unknown."""
        return self.leak.origin.line if self.leak.origin is not None else 0

    @property
    def statement(self) -> ast.AST:
        """The innermost statement on the line."""
        return self.nodes[0]

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions around the statement, the innermost first."""
        return tuple(node for node in self.nodes[1:] if isinstance(node, FUNCTIONS))

    @property
    def creator(self) -> str:
        """The function of `tempfile` that created it; empty for other calls."""
        module, _, name = made_by(self.leak).partition(".")
        return name if module == "tempfile" else ""

    @property
    def has_object(self) -> bool:
        """Whether an object of `tempfile` could remove it when a context is left."""
        is_open = self.creator == "NamedTemporaryFile" and self.leak.never_closed
        return self.call is not None and (self.creator == "mkdtemp" or is_open)

    @property
    def is_with(self) -> bool:
        """Whether the statement is a `with`."""
        return isinstance(self.statement, (ast.With, ast.AsyncWith))

    @property
    def is_alone(self) -> bool:
        """Whether the statement is not a part of a line, nor its block."""
        node = self.statement
        if not isinstance(node, ast.stmt) or not self.file:
            return False
        lines = text_of(self.file).encode().splitlines()
        body = getattr(node, "body", None)
        last = node.end_lineno or node.lineno
        before, after = lines[node.lineno - 1][: node.col_offset], lines[last - 1]
        is_last = after[node.end_col_offset :].strip()[:1] in (b"", b"#")
        return not before.strip() and is_last and not (body and body[0].lineno == node.lineno)

    @property
    def is_in_default_directory(self) -> bool:
        """Whether a function of `tempfile` created it without being given a directory."""
        if self.call is None or not self.creator or len(self.call.args) > 2:
            return False
        stars = any(isinstance(each, ast.Starred) for each in self.call.args)
        return not stars and {"dir", None}.isdisjoint(each.arg for each in self.call.keywords)

    @property
    def is_at_import(self) -> bool:
        """Whether the line runs when its module is imported."""
        function = self.leak.origin.function if self.leak.origin is not None else ""
        return bool(self.file) and not self.functions and function != "<lambda>"

    @property
    def is_in_tests(self) -> bool:
        """Whether the line is in the file of the test, or in a `conftest.py`."""
        return self.file == self.test_file or os.path.basename(self.file) == "conftest.py"

    @property
    def is_in_setup(self) -> bool:
        """Whether the line runs before the test, in a fixture of pytest or a set-up method."""
        return any(
            each.name.lower().startswith("setup") or "fixture" in _decorators(each)
            for each in self.functions
        )

    @property
    def takes_fixtures(self) -> bool:
        """Whether the line is in a test function of pytest, or in a fixture for one test."""
        names = [each.name for each in self.functions]
        is_fixture = len(names) == 1 and "fixture" in _decorators(self.functions[0])
        is_test = self.leak.scope == "test" and (names == [_name(self.leak)] or is_fixture)
        return is_test and not self.is_unittest and is_of_pytest(self.leak)

    @property
    def is_of_plain_function(self) -> bool:
        """Whether the test is a function that can have a decorator, but no `self`."""
        name = _name(self.leak)
        nodes = (node for node in ast.walk(tree_of(self.test_file)) if isinstance(node, FUNCTIONS))
        found = next((node for node in nodes if node.name == name), None)
        is_test = self.leak.scope == "test" and not self.is_unittest
        return is_test and isinstance(found, ast.FunctionDef) and not self.is_in_setup

    @property
    def is_kept(self) -> bool:
        """Whether the path may be used for longer than by a test, a class or a module."""
        if self.is_unittest and self.leak.scope not in _WORDS:
            return True
        is_short = self.leak.scope == "test" or not self.owner
        return is_short and any(map(_keeps, self.functions))

    @property
    def is_once(self) -> bool:
        """Whether the line runs once for each clean-up, and nothing else removes the path."""
        names = {_name(self.leak)} if self.leak.scope == "test" else _FIXTURES
        if not self.owner or [each.name in names for each in self.functions] != [True]:
            return False
        around = self.nodes[: self.nodes.index(self.functions[0])]
        outer = next((n for n in self.nodes if isinstance(n, ast.ClassDef)), self.nodes[-1])
        is_repeated = any(isinstance(node, _REPEATING) for node in around)
        return not is_repeated and _REMOVING.isdisjoint(called_in(outer))

    @property
    def has_words(self) -> bool:
        """Whether unittest has calls for the scope of the context."""
        return self.is_unittest and self.leak.scope in _WORDS

    @property
    def words(self) -> tuple[str, str]:
        """The calls that enter a context and register a clean-up; empty where there are none."""
        if not self.has_words:
            return "", ""
        owner, enter, clean_up, _ = _WORDS[self.leak.scope]
        owner = self.owner or owner
        return f"{owner}.{enter}", f"{owner}.{clean_up}"

    @property
    def first(self) -> str:
        """The function in which a line must precede everything that creates files, in words."""
        if self.owner:
            return self.functions[-1].name
        return _WORDS[self.leak.scope][-1] if self.has_words else "the test"


def site_of(leak: Leak) -> Site:
    """Return the place of a leak; an empty one if its source cannot be read."""
    origin = leak.origin
    name = made_by(leak).rpartition(".")[2]
    nodes = statement_at(origin.file, origin.line, name) if origin is not None else ()
    if origin is None or not nodes:
        return Site(leak, is_unittest=not is_of_pytest(leak))
    calls = calls_of(origin.file, nodes[0], name, origin.line)
    call = calls[0] if len(calls) == 1 else None
    test_file = _test_file(leak, origin.file)
    classes = _classes(leak, (test_file, origin.file))
    if is_of_pytest(leak):
        is_unittest = any(name.endswith("TestCase") for name in classes)
    else:
        is_unittest = not _is_function(leak, test_file)
    site = Site(leak, origin.file, nodes, call, test_file, is_unittest)
    return site._replace(owner=_owner(site, classes))


def made_by(leak: Leak) -> str:
    """Return the call that created a leak, `tempfile.mkdtemp`; empty if it is unknown."""
    return leak.origin.call if leak.origin is not None else leak.call


def is_of_pytest(leak: Leak) -> bool:
    """Return whether pytest ran the context of a leak: its id is a node id."""
    id = leak.context
    return "::" in id or id.endswith(".py") or leak.scope in ("session", "package")


def _decorators(function: Function) -> set[str]:
    return {called(each) for each in function.decorator_list}


def _name(leak: Leak) -> str:
    return leak.context.partition("[")[0].replace("::", ".").rpartition(".")[2]


def _owner(site: Site, classes: set[str]) -> str:
    """Return what the line can call to enter a context of the test; empty in other code."""
    if not site.functions or not site.has_words:
        return ""
    *nested, method = site.functions
    around = site.nodes[site.nodes.index(method) + 1]
    if site.leak.scope == "module":
        is_fixture = method.name in _OF_MODULE and isinstance(around, ast.Module)
        return "unittest" if is_fixture else ""
    if not isinstance(around, ast.ClassDef) or around.name not in classes:
        return ""
    decorators = {ast.unparse(each) for each in method.decorator_list}
    given = [*method.args.posonlyargs, *method.args.args]
    if "staticmethod" in decorators or not given:
        return ""
    if ("classmethod" in decorators) != (site.leak.scope == "class"):
        return ""
    inner = [*nested, *(n for n in head(site.nodes[0]) if isinstance(n, ast.Lambda))]
    hidden = {n.arg for each in inner for n in ast.walk(each.args) if isinstance(n, ast.arg)}
    return "" if given[0].arg in hidden else given[0].arg


def _classes(leak: Leak, files: Sequence[str]) -> set[str]:
    """Return the names of the class of a test and of its base classes, as files define them."""
    names = leak.context.partition("[")[0].replace("::", ".").split(".")
    waiting = names[-2:-1] if leak.scope == "test" else names[-1:]
    classes = {
        node.name: node for file in dict.fromkeys(files) for node in statements_of(file)
        if isinstance(node, ast.ClassDef)
    }  # fmt: skip
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found and name in classes:
            waiting += [ast.unparse(base).rpartition(".")[2] for base in classes[name].bases]
        found.add(name)
    return found


def _test_file(leak: Leak, near: str) -> str:
    """Return the file of a test: that of its module, or the nearest to a file with its name."""
    if is_of_pytest(leak):
        return leak.context.partition("::")[0]
    found, parts, directory = file_of_context(leak.context), leak.context.split("."), near
    while not found and directory:
        directory = os.path.dirname(directory).rstrip(os.sep)
        files = (os.path.join(directory, *parts[:n]) + ".py" for n in range(len(parts), 0, -1))
        found = next(filter(os.path.isfile, files), "")
    return (below_cwd(found) or found) if found else near


def below_cwd(path: str) -> str:
    """Return a path from the working directory; empty if it is not below it."""
    try:
        prefix = os.path.join(os.getcwd(), "")
    except OSError:
        return ""
    return path.removeprefix(prefix) if path.startswith(prefix) else ""


def _is_function(leak: Leak, file: str) -> bool:
    """Return whether a test is a plain function of its module (`--functions`)."""
    names = [node.name for node in tree_of(file).body if isinstance(node, FUNCTIONS)]
    return leak.scope == "test" and _name(leak) in names


def _keeps(function: Function) -> bool:
    """Return whether a function may store a path in a cache, a global, or another object."""
    if any("cache" in ast.unparse(each) for each in function.decorator_list):
        return True
    if any(isinstance(each, (ast.List, ast.Dict, ast.Set)) for each in function.args.defaults):
        return True
    nodes = list(ast.walk(function))
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    changed = (
        _base(node) for node in nodes
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store)
    )
    is_global = any(isinstance(node, ast.Global) for node in nodes)
    return is_global or any(name not in {*own, "", "os"} for name in changed)


def _base(node: ast.AST) -> str:
    """Return the name at the start of a chain of attributes and subscripts, or an empty text."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
