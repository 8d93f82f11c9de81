"""Find calls in the user's code, the statements around them and the variables they are bound to."""

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
# Calls that return the same path as they are given.
_SAME_PATH = frozenset({"Path", "PurePath", "str", "fspath", "abspath", "realpath", "fsdecode"})


class CallSite(NamedTuple):
    """A call and the nodes around it, the innermost first."""

    call: ast.Call
    above: Nodes

    @property
    def statement(self) -> ast.AST:
        """The statement that contains the call, or whose head contains it."""
        return next(node for node in self.above if isinstance(node, ast.stmt))

    def bound(self) -> tuple[ast.expr, str] | None:
        """Return the variable that is bound to the result, and the part that it gets (`[1]`)."""
        taken, node = "", ast.AST()
        for node, inner in zip(self.above, (self.call, *self.above), strict=False):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and node.value is inner:
                taken += ast.unparse(node).removeprefix(ast.unparse(inner))
            elif not _gives_same_path(node, inner):
                break
        variable = _variable(node)
        return None if variable is None else (variable, taken)


def call_sites(file: str, name: str) -> list[CallSite]:
    """Return the calls of a function in a file, by its name or an alias of its import."""
    index = _index_of(file)
    return [call_site for each in (name, *index.aliases[name]) for call_site in index.calls[each]]


@functools.lru_cache(64)
def statement_at(file: str, line: int) -> Nodes:
    """Return the innermost statement that contains a line, and the nodes around it, if any."""
    found: Nodes = ()
    for node, above in _index_of(file).statements:
        if node.lineno <= line <= (node.end_lineno or line):
            found = (node, *above)
    return found


def functions_named(file: str, name: str) -> list[Function]:
    """Return the functions in a file with this name."""
    return _index_of(file).functions[name]


def functions_in(nodes: Nodes) -> tuple[Function, ...]:
    """Return the functions among nodes, in their order."""
    return tuple(node for node in nodes if isinstance(node, _FUNCTIONS))


def head(statement: ast.AST) -> Iterator[ast.AST]:
    """Yield a statement and its nodes without those of its body."""
    yield statement
    for node in ast.iter_child_nodes(statement):
        if not isinstance(node, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield from ast.walk(node)


def called(node: ast.AST) -> str:
    """Return the last name of the function that is called, or an empty text."""
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def called_in(node: ast.AST) -> set[str]:
    """Return the last names of all functions that are called in a node."""
    return {called(each) for each in ast.walk(node) if isinstance(each, ast.Call)}


def source(file: str, node: ast.expr) -> str:
    """Return the source of an expression, on one line."""
    written = ast.get_source_segment(text_of(file), node)
    return ast.unparse(node) if written is None or "\n" in written else written


def path_of_result(call_site: CallSite, creator: str) -> str | None:
    """Return code for the path that a call created, from the variable that is bound to it.

    Args:
        call_site: the call.
        creator: the name of the `tempfile` function that it calls.
    """
    variable, taken = call_site.bound() or (None, "")
    is_pair = isinstance(variable, ast.Tuple) and len(variable.elts) == 2
    if creator == "mkstemp" and is_pair and not taken:
        variable, taken = variable.elts[1], "[1]"  # type: ignore[union-attr]
    if not isinstance(variable, (ast.Name, ast.Attribute)) or "(" in ast.unparse(variable):
        return None
    part = {"mkstemp": "[1]", "NamedTemporaryFile": ".name"}.get(creator, "")
    text = ast.unparse(variable)
    return {"": text + part, part: text}.get(taken)


def imported_at(file: str, line: int) -> set[str]:
    """Return the names that imports have bound at a line, or in any function for line 0."""
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
    """Return whether no other statement begins on the line where a statement ends."""
    last = getattr(statement, "end_lineno", None)
    return not any(
        node.lineno == last and node is not statement and statement not in above
        for node, above in _index_of(file).statements
    )


class _Index:
    """The nodes of a file that are looked up, with the nodes around them, from one walk.

    `calls` are keyed by the last name of the called function, `functions` by their own, `aliases`
    by the name that was imported.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.calls: defaultdict[str, list[CallSite]] = defaultdict(list)
        self.statements: list[tuple[ast.stmt, Nodes]] = []
        self.aliases: defaultdict[str, set[str]] = defaultdict(set)
        self.functions: defaultdict[str, list[Function]] = defaultdict(list)
        for node, above in _walk(tree):
            if isinstance(node, ast.Call):
                self.calls[called(node)].append(CallSite(node, above))
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
    waiting = [(node, above)]  # a long sum is too deep for recursion
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
