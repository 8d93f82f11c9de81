"""Where a remedy is pasted: whose the line is that made a leak, its words, and its imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from tempfiles.records import Leak, Origin

from .mending import Words
from .sources import file_of_context, text_of, tree_of
from .statements import Function, Spot, called, functions_at, imported_at, spots

_FIXTURES = frozenset({
    "setUp", "asyncSetUp", "tearDown", "asyncTearDown", "setUpClass", "tearDownClass",
    "setUpModule", "tearDownModule",
})  # fmt: skip
_STARTERS = (
    "run", "call", "check_call", "check_output", "Popen", "getoutput", "system", "popen",
    "create_subprocess_exec", "create_subprocess_shell",
)  # fmt: skip
_FORKING = frozenset({"fork", "forkpty", "Process", "Pool", "ProcessPoolExecutor"})
_WORDS = {
    "test": ("self", "enterContext", "addCleanup"),
    "class": ("cls", "enterClassContext", "addClassCleanup"),
    "module": ("unittest", "enterModuleContext", "addModuleCleanup"),
}
_AT_EXIT = Words("contextlib.ExitStack().enter_context", "atexit.register")
_MODULES = frozenset({"atexit", "contextlib", "os", "shutil", "tempfile", "unittest", "mock"})
_IMPORTS = {"mock": "from unittest import mock"}


class Place(NamedTuple):
    """Where a leak was made: the call if it is found in the source, and the functions around it.

    `own` says that the line is of the test, or of a fixture of its; else they call it.
    """

    spot: Spot | None
    functions: tuple[Function, ...]
    own: bool


def place_of(leak: Leak, origin: Origin) -> Place:
    """Return where a leak was made."""
    functions, owner = functions_at(origin.file, origin.line)
    name = origin.call.rpartition(".")[2]
    names = _STARTERS if is_of_child(origin.call) else (name,)
    found = [spot for name in names for spot in spots(origin.file, name, origin.line)]
    own = _is_own(leak, origin, functions, owner)
    return Place(found[0] if found else None, tuple(functions), own)


def is_of_child(call: str) -> bool:
    """Whether a call, as an origin says it, has started a process."""
    return call.startswith(("os.system", "subprocess ", "asyncio.")) or not call


def is_at_import(origin: Origin, place: Place) -> bool:
    """Whether a line is in no function."""
    in_class = not place.functions and any(
        isinstance(node, ast.ClassDef) and node.name == origin.function
        for node in ast.walk(tree_of(origin.file))
    )
    return origin.function == "<module>" or in_class


def words_for(leak: Leak, place: Place) -> Words:
    """Return how a line says it where a leak is cleaned up."""
    if leak.scope not in _WORDS:
        return _AT_EXIT
    owner, enter, clean_up = _WORDS[leak.scope]
    arguments = place.functions[-1].args.args if place.own and place.functions else []
    if arguments and leak.scope != "module":
        owner = arguments[0].arg
    return Words(f"{owner}.{enter}", f"{owner}.{clean_up}")


def with_imports(line: str, file: str, number: int) -> str:
    """Return a line with the imports that it needs and the file of it lacks.

    Args:
        line: what is told.
        file: where it is pasted; if that is not known nothing is added.
        number: near which line.
    """
    if not text_of(file):
        return line
    there = imported_at(file, number)
    lacking = [_IMPORTS.get(name, f"import {name}") for name in _modules(line) if name not in there]
    if not lacking:
        return line
    return f"{line}{'; ' if '  # ' in line else '  # '}{'; '.join(lacking)}"


def _modules(line: str) -> Iterator[str]:
    names = {node.id for node in ast.walk(_parsed(line)) if isinstance(node, ast.Name)}
    return iter(sorted(names & _MODULES))


def _parsed(line: str) -> ast.Module:
    try:
        return ast.parse(line)
    except SyntaxError:  # what begins a block
        return ast.parse(f"{line}\n    pass")


def _is_own(leak: Leak, origin: Origin, functions: list[Function], owner: str) -> bool:
    test = leak.context.rpartition(".")[2]
    if not functions:
        return origin.function in _FIXTURES or origin.function == test
    method = functions[-1]
    if method.name in _FIXTURES or method.name == test:
        return not (len(functions) > 1 and _forks(method))
    classes = {"test": leak.context.split(".")[-2:-1], "class": [test]}.get(leak.scope, [])
    is_method = [owner] == classes and _is_bound(method, leak.scope)
    return is_method and not any(map(_forks, _tests(leak)))


def _is_bound(method: Function, scope: str) -> bool:
    """Whether a method has the instance as its first argument, or for a class's leak the class."""
    decorators = set(map(called, method.decorator_list))
    if "staticmethod" in decorators or not method.args.args:
        return False
    return ("classmethod" in decorators) == (scope == "class")


def _tests(leak: Leak) -> Iterator[ast.AST]:
    test = leak.context.rpartition(".")[2]
    for node in ast.walk(tree_of(file_of_context(leak.context))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == test:
            yield node


def _forks(function: ast.AST) -> bool:
    """Whether a function starts forks: what these do to the test is lost with them."""
    return any(
        isinstance(node, ast.Call) and called(node) in _FORKING for node in ast.walk(function)
    )
