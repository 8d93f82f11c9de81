"""Calls in the user's code: the statement around one, and the variable that has its result."""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ..source_code import text_of, tree_of

Function = ast.FunctionDef | ast.AsyncFunctionDef
Nodes = tuple[ast.AST, ...]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Calls whose result is the same path as what they are given.
_SAME_PATH = frozenset({"Path", "PurePath", "str", "fspath", "abspath", "realpath", "fsdecode"})


class Spot(NamedTuple):
    """A call where it stands: `above` are the nodes around it, the innermost first."""

    call: ast.Call
    above: Nodes

    @property
    def statement(self) -> ast.AST:
        """The statement that has the call; if it has a body, the call is before that."""
        return next(node for node in self.above if isinstance(node, ast.stmt))

    def bound(self) -> tuple[ast.expr, str] | None:
        """Return the variable that has the result, and what was taken of it first (`[1]`)."""
        taken, node = "", ast.AST()
        for node, inner in zip(self.above, (self.call, *self.above), strict=False):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and node.value is inner:
                taken += ast.unparse(node).removeprefix(ast.unparse(inner))
            elif not _gives_same_path(node, inner):
                break
        variable = _variable(node)
        return None if variable is None else (variable, taken)


def spots(file: str, name: str) -> list[Spot]:
    """Return the calls of a function in a file, by its last name or that of its import."""
    index = _index_of(file)
    return [spot for each in (name, *index.aliases[name]) for spot in index.calls[each]]


@functools.lru_cache(64)
def statement_at(file: str, line: int) -> Nodes:
    """Return the innermost statement that has a line, and what is around it; empty without one."""
    found: Nodes = ()
    for node, above in _index_of(file).statements:
        if node.lineno <= line <= (node.end_lineno or line):
            found = (node, *above)
    return found


def functions_named(file: str, name: str) -> list[Function]:
    """Return the functions of a file that have a name."""
    return _index_of(file).functions[name]


def functions_in(nodes: Nodes) -> tuple[Function, ...]:
    """Return the functions among nodes around something; the last is no nested one."""
    return tuple(node for node in nodes if isinstance(node, _FUNCTIONS))


def head(statement: ast.AST) -> Iterator[ast.AST]:
    """Yield a statement and what is in it, without the statements of its body."""
    yield statement
    for node in ast.iter_child_nodes(statement):
        if not isinstance(node, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield from ast.walk(node)


def called(node: ast.AST) -> str:
    """Return the last name of what a call calls, empty if it is no call of a name."""
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def called_in(node: ast.AST) -> set[str]:
    """Return the last names of what is called in a node."""
    return {called(each) for each in ast.walk(node) if isinstance(each, ast.Call)}


def source(file: str, node: ast.expr) -> str:
    """Return an expression as it is written, in one line."""
    written = ast.get_source_segment(text_of(file), node)
    return ast.unparse(node) if written is None or "\n" in written else written


def path_of_result(spot: Spot, maker: str) -> str | None:
    """Return the path that a call has made as code, by the variable that has its result.

    Args:
        spot: the call.
        maker: the function of `tempfile` that it calls.
    """
    variable, taken = spot.bound() or (None, "")
    is_pair = isinstance(variable, ast.Tuple) and len(variable.elts) == 2
    if maker == "mkstemp" and is_pair and not taken:
        variable, taken = variable.elts[1], "[1]"  # type: ignore[union-attr]
    if not isinstance(variable, (ast.Name, ast.Attribute)) or "(" in ast.unparse(variable):
        return None
    part = {"mkstemp": "[1]", "NamedTemporaryFile": ".name"}.get(maker, "")
    text = ast.unparse(variable)
    return {"": text + part, part: text}.get(taken)


def imported_at(file: str, line: int) -> set[str]:
    """Return the names that imports have bound where a line stands; 0 is a line in any function."""
    around = statement_at(file, line)
    is_run_later = not line or bool(functions_in(around))
    return {
        (each.asname or each.name).partition(".")[0]
        for node, above in _index_of(file).statements
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and all(outer in around or isinstance(outer, ast.Module) for outer in above)
        and (node.lineno <= line or (is_run_later and len(above) == 1))
        for each in node.names
    }


def is_alone(file: str, statement: ast.AST) -> bool:
    """Whether no other statement begins on the line where a statement ends."""
    last = getattr(statement, "end_lineno", None)
    return not any(
        node.lineno == last and node is not statement and statement not in above
        for node, above in _index_of(file).statements
    )


class _Index:
    """What is looked for in a file, found in one go: each node with what is around it.

    `calls` are by the last name of what is called, `functions` by their own; `aliases` are other
    names of what was imported.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.calls: defaultdict[str, list[Spot]] = defaultdict(list)
        self.statements: list[tuple[ast.stmt, Nodes]] = []
        self.aliases: defaultdict[str, set[str]] = defaultdict(set)
        self.functions: defaultdict[str, list[Function]] = defaultdict(list)
        for node, above in _walk(tree):
            if isinstance(node, ast.Call):
                self.calls[called(node)].append(Spot(node, above))
            elif isinstance(node, ast.stmt):
                self.statements.append((node, above))
                if isinstance(node, _FUNCTIONS):
                    self.functions[node.name].append(node)
            elif isinstance(node, ast.alias) and node.asname:
                self.aliases[node.name].add(node.asname)


@functools.lru_cache(64)
def _index_of(file: str) -> _Index:
    return _Index(tree_of(file))


def _walk(node: ast.AST, above: Nodes = ()) -> Iterator[tuple[ast.AST, Nodes]]:
    waiting = [(node, above)]  # a long sum is deeper than calls can be
    while waiting:
        node, above = waiting.pop()
        yield node, above
        children = list(ast.iter_child_nodes(node))
        waiting += [(child, (node, *above)) for child in reversed(children)]


def _gives_same_path(node: ast.AST, inner: ast.AST) -> bool:
    return isinstance(node, ast.Call) and node.args == [inner] and called(node) in _SAME_PATH


def _variable(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.withitem):
        return node.optional_vars
    if isinstance(node, ast.Assign):
        return node.targets[0]
    return node.target if isinstance(node, ast.AnnAssign) else None
