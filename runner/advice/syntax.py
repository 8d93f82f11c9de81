"""Find the statement and the call on a line of the user's code, and what a call is bound to."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence

from ..source_code import text_of, tree_of

Function = ast.FunctionDef | ast.AsyncFunctionDef
Nodes = tuple[ast.AST, ...]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Calls that return the same path as they are given.
_SAME_PATH = frozenset({"Path", "PurePath", "str", "fspath", "abspath", "realpath", "fsdecode"})
SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.With, ast.AsyncWith)
"""Statements below which, or at the start of whose block, their variables are bound."""
_TAKING_PATH = frozenset({"open", "os.mkdir"})
_OF_PATH = frozenset({
    f"pathlib.Path.{name}" for name in ("open", "touch", "write_bytes", "write_text")
})  # fmt: skip
_IN_TEMP = frozenset({"gettempdir", "mktemp"})
"""Functions of `tempfile` that return absolute paths of the temp directory."""
_PARTS = {"mkstemp": "[1]", "NamedTemporaryFile": ".name"}
"""The part of the result of a creator that is the path."""


def statement_at(file: str, line: int, name: str) -> Nodes:
    """Return the innermost statement that contains a line, and the nodes around it, if any.

    Args:
        file: the source file.
        line: the line number.
        name: of several statements on the line the one that calls this function is returned.
    """
    found: Nodes = (tree_of(file),)
    while len(found) < 2 or not calls_of(file, found[0], name, line):
        inner = [
            node for node in _statements_in(found[0])
            if node.lineno <= line <= (node.end_lineno or line)
        ]  # fmt: skip
        if not inner:
            return found if len(found) > 1 else ()
        calling = [node for node in inner if calls_of(file, node, name, line)]
        found = ([*inner, *calling][-1], *found)
    return found


def _statements_in(node: ast.AST) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.excepthandler, ast.match_case)):
            yield from _statements_in(child)


def head(statement: ast.AST) -> Iterator[ast.AST]:
    """Yield a statement and its nodes without those of its body."""
    yield statement
    for node in ast.iter_child_nodes(statement):
        if not isinstance(node, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield from ast.walk(node)


def calls_of(file: str, statement: ast.AST, name: str, line: int) -> list[ast.Call]:
    """Return the calls on a line of a statement of a function or an alias of its import."""
    names = {name, *(alias for imported, alias in _aliases(file) if imported == name)}
    return [
        node for node in head(statement)
        if isinstance(node, ast.Call) and called(node) in names
        and node.lineno <= line <= (node.end_lineno or line)
    ]  # fmt: skip


@functools.lru_cache(64)
def _aliases(file: str) -> frozenset[tuple[str, str]]:
    """Return the names that imports in a file give to functions: each name, and the new one."""
    return frozenset(
        (each.name, each.asname) for node in statements_of(file)
        if isinstance(node, ast.ImportFrom) for each in node.names if each.asname
    )  # fmt: skip


def statements_of(file: str) -> Iterator[ast.stmt]:
    """Yield all statements of a file, also those within others."""
    waiting: list[ast.AST] = [tree_of(file)]
    for node in waiting:
        inner = list(_statements_in(node))
        yield from inner
        waiting += inner


def called(node: ast.AST) -> str:
    """Return the last name of the function that is called, or an empty text."""
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def called_in(node: ast.AST) -> set[str]:
    """Return the last names of all functions that are called in a node."""
    return {called(each) for each in ast.walk(node) if isinstance(each, ast.Call)}


def constants(node: ast.AST) -> Iterator[object]:
    """Yield the values of the constants in a node."""
    return (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))


def imported_in(file: str, functions: Sequence[Function], line: int) -> set[str]:
    """Return the names that imports have bound for a line.

    Args:
        file: the source file.
        functions: the functions around the line.
        line: imports in the functions count only above it.
    """
    top = [node for node in tree_of(file).body if not isinstance(node, (*FUNCTIONS, ast.ClassDef))]
    inner = [node for each in functions for node in each.body if node.lineno < line]
    return {
        (name.asname or name.name).partition(".")[0]
        for statement in (*top, *inner) for node in ast.walk(statement)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }  # fmt: skip


def source(file: str, node: ast.expr) -> str:
    """Return the source of an expression, on one line."""
    written = ast.get_source_segment(text_of(file), node)
    return ast.unparse(node) if written is None or "\n" in written else written


def path_of_result(statement: ast.AST, call: ast.Call, creator: str) -> str:
    """Return code for the path that a call created, from the variable that is bound to it.

    Args:
        statement: contains the call.
        call: of `tempfile`.
        creator: the name of the function that it calls.

    Returns:
        An empty text if no variable has the path.
    """
    variable, taken = _bound(statement, call)
    if creator == "mkstemp" and not taken and isinstance(variable, ast.Tuple):
        variable, taken = variable.elts[-1], "[1]"
    if not isinstance(variable, (ast.Name, ast.Attribute)) or "(" in ast.unparse(variable):
        return ""
    part, text = _PARTS.get(creator, ""), ast.unparse(variable)
    return {"": text + part, part: text}.get(taken, "")


def path_in_temp(function: Function, call: ast.Call, creator: str) -> str:
    """Return the variable with the path that a call created by its name.

    Args:
        function: contains the call.
        call: of `open` or the like.
        creator: the name of the function that it calls.

    Returns:
        An empty text if the path is in no variable, or may be a relative one: the working directory
        of a clean-up may be another.
    """
    node = call.args[0] if creator in _TAKING_PATH and call.args else None
    if creator in _OF_PATH and isinstance(call.func, ast.Attribute):
        node = call.func.value
    bound = [each for each in ast.walk(function) if isinstance(each, ast.Name)
             and isinstance(node, ast.Name) and each.id == node.id
             and isinstance(each.ctx, ast.Store)]  # fmt: skip
    values = [each.value for each in ast.walk(function)
              if isinstance(each, ast.Assign) and each.targets == bound]  # fmt: skip
    is_in_temp = bool(values) and not _IN_TEMP.isdisjoint(called_in(values[0]))
    return bound[0].id if is_in_temp else ""


def _bound(statement: ast.AST, call: ast.Call) -> tuple[ast.expr | None, str]:
    """Return the variable that a statement binds to a result, and the part that it gets (`[1]`)."""
    for value, variable in _bindings(statement):
        taken: list[str] = []
        while value is not call:
            if isinstance(value, (ast.Attribute, ast.Subscript)):
                taken.insert(0, ast.unparse(value).removeprefix(ast.unparse(value.value)))
                value = value.value
            elif isinstance(value, ast.Call) and called(value) in _SAME_PATH and value.args:
                value = value.args[0]
            else:
                break
        else:
            return variable, "".join(taken)
    return None, ""


def _bindings(statement: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        yield from ((item.context_expr, item.optional_vars) for item in statement.items)
    elif isinstance(statement, ast.Assign):
        yield statement.value, statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield statement.value, statement.target
