"""Find where a remedy is pasted, and what a line of code can use there."""

from __future__ import annotations

import ast
import sys
from types import FunctionType
from typing import NamedTuple

from tempfiles import Leak

from ..source_code import file_of_context, text_of
from .syntax import (
    CallSite,
    Function,
    Nodes,
    call_sites,
    called_in,
    functions_in,
    functions_named,
    imported_at,
    statement_at,
)

_FIXTURES = frozenset({
    "setUp", "asyncSetUp", "tearDown", "asyncTearDown", "setUpClass", "tearDownClass",
    "setUpModule", "tearDownModule",
})  # fmt: skip
_FORKING = frozenset({"fork", "forkpty", "Process", "Pool", "ProcessPoolExecutor"})
_REMOVING = frozenset({"unlink", "remove", "rmtree", "rename", "replace", "move"})
_REPEATING = (ast.For, ast.AsyncFor, ast.While)
_WORDS = {
    "test": ("self", "enterContext", "addCleanup", "the test or setUp that calls it"),
    "class": ("cls", "enterClassContext", "addClassCleanup", "setUpClass"),
    "module": ("unittest", "enterModuleContext", "addModuleCleanup", "setUpModule"),
}
_MODULES = frozenset({"atexit", "os", "pathlib", "shutil", "tempfile", "unittest", "mock"})
_IMPORTS = {"mock": "from unittest import mock"}


class Words(NamedTuple):
    """The calls that enter a context and register a clean-up at a paste site.

    `first` names the function in which a line must precede everything that creates files.
    """

    enter: str
    clean_up: str
    first: str


AT_EXIT = Words("", "atexit.register", "")


class PasteSite(NamedTuple):
    """The statement that created a leak, with the nodes around it, as far as it was found.

    `own` tells whether the line is in a method of the test or fixture itself, not in code that it
    calls.
    """

    leak: Leak
    file: str
    line: int
    nodes: Nodes
    own: bool

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions around the statement, the innermost first."""
        return functions_in(self.nodes[1:])

    @property
    def is_at_import(self) -> bool:
        """Whether the line is outside of all functions."""
        function = self.leak.origin.function if self.leak.origin is not None else ""
        classes = {node.name for node in self.nodes if isinstance(node, ast.ClassDef)}
        return function == "<module>" or (not self.functions and function in classes)

    @property
    def outlives(self) -> bool:
        """Whether the path may be kept for longer than a test, a class or a module."""
        keeps = any(map(_keeps, self.functions))
        scope = self.leak.scope
        return scope not in _WORDS or (keeps and (scope == "test" or not self.own))

    def hides(self, line: str) -> bool:
        """Return whether a parameter at the paste site hides a module that a line needs."""
        functions = (*self.functions, *_tests(self.leak))
        given = {n.arg for each in functions for n in ast.walk(each) if isinstance(n, ast.arg)}
        return not given.isdisjoint(_used(line) & _MODULES)

    @property
    def words(self) -> Words:
        """The calls that a remedy can use."""
        owner, enter, clean_up, first = _WORDS[self.leak.scope]
        if self.own:
            first = self.functions[-1].name
            owner = owner if self.leak.scope == "module" else _first_parameter(self.functions[-1])
        return Words(f"{owner}.{enter}", f"{owner}.{clean_up}", f"first in {first}")

    @property
    def can_clean_up(self) -> bool:
        """Whether the line can register a clean-up: it has the test in scope, in its process."""
        if not self.own:
            return False
        *nested, method = self.functions
        owner = _first_parameter(method)
        inner = [*nested, *(n for n in ast.walk(self.nodes[0]) if isinstance(n, ast.Lambda))]
        given = {n.arg for each in inner for n in ast.walk(each.args) if isinstance(n, ast.arg)}
        return owner not in given and not any(map(_forks, (method, *_tests(self.leak))))

    @property
    def is_once(self) -> bool:
        """Whether the line runs once for each clean-up, and nothing else removes the path."""
        names = {"test": {_name(self.leak)}}.get(self.leak.scope, _FIXTURES)
        if not self.own or [each.name in names for each in self.functions] != [True]:
            return False
        around = self.nodes[: self.nodes.index(self.functions[0])]
        outer = next((n for n in self.nodes if isinstance(n, ast.ClassDef)), self.nodes[-1])
        is_repeated = any(isinstance(node, _REPEATING) for node in around)
        return not is_repeated and _REMOVING.isdisjoint(called_in(outer))

    def calls(self, name: str) -> list[CallSite]:
        """Return the calls of a function in the statement or on its line."""
        return [
            call_site for call_site in (call_sites(self.file, name) if self.nodes else ())
            if call_site.statement is self.nodes[0]
            or call_site.call.lineno <= self.line <= (call_site.call.end_lineno or self.line)
        ]  # fmt: skip


def paste_site_of(leak: Leak) -> PasteSite:
    """Return where the remedy of a leak is pasted."""
    if leak.origin is None:
        return PasteSite(leak, "", 0, (), own=False)
    nodes = statement_at(leak.origin.file, leak.origin.line)
    own = _is_own(leak, functions_in(nodes[1:]), nodes)
    return PasteSite(leak, leak.origin.file, leak.origin.line, nodes, own)


def is_function_test(leak: Leak) -> bool:
    """Return whether a leak belongs to a test that is a plain function (`--functions`)."""
    found = getattr(sys.modules.get(leak.context.rpartition(".")[0]), _name(leak), None)
    return leak.scope == "test" and isinstance(found, FunctionType)


def with_imports(line: str, file: str, number: int) -> str:
    """Return a remedy with the imports that it needs and its file lacks.

    Args:
        line: the remedy.
        file: where it is pasted; if it cannot be read nothing is added.
        number: the line near which it is pasted; 0 for anywhere.
    """
    if not text_of(file):
        return line
    lacking = sorted(_used(line) & _MODULES - imported_at(file, number))
    imports = "; ".join(_IMPORTS.get(name, f"import {name}") for name in lacking)
    return f"{line}{'; ' if '  # ' in line else '  # '}{imports}" if lacking else line


def _used(line: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Name)}


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


def _is_own(leak: Leak, functions: tuple[Function, ...], nodes: Nodes) -> bool:
    if not functions:
        return False
    method = functions[-1]
    around = nodes[nodes.index(method) + 1]
    if leak.scope == "module":
        return method.name in _FIXTURES and isinstance(around, ast.Module)
    if not isinstance(around, ast.ClassDef) or around.name not in _classes(leak):
        return False
    is_of_class = "classmethod" in map(ast.unparse, method.decorator_list)
    return is_of_class == (leak.scope == "class") and _first_parameter(method) != ""


def _name(leak: Leak) -> str:
    return leak.context.rpartition(".")[2]


def _classes(leak: Leak) -> list[str]:
    """Return the names of the class of a test and of its base classes."""
    module, _, name = leak.context.rpartition(".")
    if leak.scope == "test":
        module, _, name = module.rpartition(".")
    found = getattr(sys.modules.get(module), name, None)
    return [each.__name__ for each in found.__mro__] if isinstance(found, type) else [name]


def _first_parameter(function: Function) -> str:
    """Return the first parameter, `self` or `cls`; empty for a static method."""
    given = [*function.args.posonlyargs, *function.args.args]
    is_static = "staticmethod" in map(ast.unparse, function.decorator_list)
    return given[0].arg if given and not is_static else ""


def _tests(leak: Leak) -> list[Function]:
    return functions_named(file_of_context(leak.context), _name(leak))


def _forks(function: ast.AST) -> bool:
    """Return whether a function forks: clean-ups registered in the child process are lost."""
    return not _FORKING.isdisjoint(called_in(function))
