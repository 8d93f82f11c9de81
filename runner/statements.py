"""Calls in the user's code: the statement around one, and the variable that has its result."""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from .sources import text_of, tree_of

Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_Nodes = tuple[ast.AST, ...]
_NARROWER = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NAMED = frozenset({"NamedTemporaryFile", "open"})
# Calls whose result is the same path as what they are given.
_SAME_PATH = frozenset({"Path", "PurePath", "str", "fspath", "abspath", "realpath", "fsdecode"})


class Spot(NamedTuple):
    """A call where it stands: `above` are the nodes around it, the innermost first."""

    file: str
    call: ast.Call
    above: _Nodes

    @property
    def between(self) -> _Nodes:
        """What is around the call within its statement."""
        return self.above[: self.above.index(self.statement)]

    @property
    def statement(self) -> ast.stmt:
        """The statement that has the call; if it has a body, the call is before that."""
        return next(node for node in self.above if isinstance(node, ast.stmt))

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions around the call, the innermost first; the last is no nested one."""
        return tuple(node for node in self.above if isinstance(node, _FUNCTIONS))

    @property
    def owner(self) -> str:
        """The name of the class around them, empty without one."""
        return next((node.name for node in self.above if isinstance(node, ast.ClassDef)), "")

    @property
    def is_narrow(self) -> bool:
        """Whether the call is in a lambda or a comprehension: it has no statement of its own."""
        return any(isinstance(node, _NARROWER) for node in self.between)

    def bound(self) -> tuple[ast.expr, str] | None:
        """Return the variable that has the result, and what was taken of it first (`[1]`)."""
        taken, node = "", ast.AST()
        for node, inner in zip(self.above, (self.call, *self.above), strict=False):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and node.value is inner:
                taken += ast.unparse(node).removeprefix(ast.unparse(inner))
            elif not (isinstance(node, ast.Await) or _gives_same_path(node, inner)):
                break
        variable = _variable(node)
        return None if variable is None or self.is_narrow else (variable, taken)


def spots(file: str, name: str, line: int | None = None) -> list[Spot]:
    """Return the calls of a function in a file, by its last name, on one line or on all."""
    index = _index_of(file)
    found = [call for each in (name, *index.aliases.get(name, ())) for call in index.calls[each]]
    return [
        Spot(file, node, above) for node, above in sorted(found, key=_position)
        if line is None or node.lineno <= line <= (node.end_lineno or line)
    ]


def functions_at(file: str, line: int) -> tuple[list[Function], str]:
    """Return the functions around a line, the innermost first, and the class of the last."""
    found: list[Function] = []
    owner = ""
    for node, above in _index_of(file).functions:
        if node.lineno <= line <= (node.end_lineno or line):
            if not found and isinstance(above[0], ast.ClassDef):
                owner = above[0].name
            found.insert(0, node)
    return found, owner


def called(node: ast.AST) -> str:
    """Return the last name of what a call calls, empty if it is no call of a name."""
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def source(file: str, node: ast.expr) -> str:
    """Return an expression as it is written, in one line."""
    written = ast.get_source_segment(text_of(file), node)
    return ast.unparse(node) if written is None or "\n" in written else written


def path_of_result(spot: Spot, maker: str) -> str | None:
    """Return the path that a call has made as code, by the variable that has its result.

    Args:
        spot: the call.
        maker: what it returns is like what this function returns (`mkstemp`, `mkdtemp`).
    """
    variable, taken = spot.bound() or (None, "")
    if variable is None:
        return None
    text, is_simple = ast.unparse(variable), not isinstance(variable, (ast.Tuple, ast.List))
    if maker == "mkstemp":
        if isinstance(variable, ast.Tuple) and len(variable.elts) == 2 and not taken:
            return ast.unparse(variable.elts[1])
        return {"": f"{text}[1]", "[1]": text}.get(taken) if is_simple else None
    if maker in _NAMED and is_simple:
        return {"": f"{text}.name", ".name": text}.get(taken)
    return text if is_simple and not taken else None


def imported_at(file: str, line: int) -> set[str]:
    """Return the names that imports have bound where a line stands."""
    around, _ = functions_at(file, line)
    return {
        (each.asname or each.name).partition(".")[0]
        for node, above in _index_of(file).imports
        if all(outer in around for outer in above if isinstance(outer, _FUNCTIONS))
        for each in node.names
    }


class _Index:
    """What is looked for in a file, found in one go: each node with what is around it.

    `calls` are by the last name of what is called, `aliases` other names of what was imported.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.calls: defaultdict[str, list[tuple[ast.Call, _Nodes]]] = defaultdict(list)
        self.functions: list[tuple[Function, _Nodes]] = []
        self.imports: list[tuple[ast.Import | ast.ImportFrom, _Nodes]] = []
        self.aliases: defaultdict[str, set[str]] = defaultdict(set)
        for node, above in _walk(tree):
            if isinstance(node, ast.Call):
                self.calls[called(node)].append((node, above))
            elif isinstance(node, _FUNCTIONS):
                self.functions.append((node, above))
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self.imports.append((node, above))
                for each in node.names:
                    if each.asname and isinstance(node, ast.ImportFrom):
                        self.aliases[each.name].add(each.asname)


@functools.lru_cache(64)
def _index_of(file: str) -> _Index:
    return _Index(tree_of(file))


def _position(found: tuple[ast.Call, _Nodes]) -> tuple[int, int]:
    return found[0].lineno, found[0].col_offset


def _walk(node: ast.AST, above: _Nodes = ()) -> Iterator[tuple[ast.AST, _Nodes]]:
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
    return node.target if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) else None
