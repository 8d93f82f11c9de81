"""The expression of a path among what a call was given, as far as the source tells it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from .sources import tree_of
from .statements import Spot, called

_SECOND = frozenset({
    "copy", "copy2", "copyfile", "copytree", "move", "symlink", "link", "rename", "replace",
    "renames",
})  # fmt: skip
_OF_PATH = "pathlib.Path."
_KEYWORDS = frozenset({"path", "file", "filename", "name", "dst", "database", "target"})
# What these are given is what they make; of others it has to show in the name.
EXACT = frozenset({
    "open", "io.open", "os.open", "os.mkdir", "os.makedirs", "os.mkfifo", "os.mknod", "os.symlink",
    "os.link", "os.rename", "os.replace", "socket.bind", "sqlite3.connect", "zipfile.ZipFile",
    "tarfile.open", "gzip.open", "gzip.GzipFile", "bz2.open", "bz2.BZ2File", "lzma.open",
    "lzma.LZMAFile", "shutil.copyfile", "shutil.copytree", "logging.FileHandler",
    "logging.basicConfig",
})  # fmt: skip
# Calls that give the same each time, and do nothing.
_PURE = frozenset({
    "Path", "PurePath", "str", "fspath", "abspath", "realpath", "fsdecode", "join", "joinpath",
    "dirname", "expanduser", "gettempdir", "getcwd", "cwd", "home", "getpid", "with_suffix",
    "with_name", "resolve", "absolute", "format",
})  # fmt: skip
_PATH_CALLS = frozenset({"Path", "PurePath", "join", "joinpath"})
_INERT = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.JoinedStr,
    ast.FormattedValue, ast.operator, ast.expr_context,
)  # fmt: skip
_ANY = ".*"


def argument(spot: Spot, call: str) -> ast.expr | None:
    """Return what a call was given as the path to make, None if that is not known.

    Args:
        spot: the call in the source.
        call: what it calls, as an origin says it (`pathlib.Path.touch`).
    """
    name, arguments = call.rpartition(".")[2], spot.call.args
    if call.startswith(_OF_PATH) and name not in ("rename", "replace"):
        return spot.call.func.value if isinstance(spot.call.func, ast.Attribute) else None
    keywords = [each.value for each in spot.call.keywords if each.arg in _KEYWORDS]
    index = 1 if name in _SECOND and not call.startswith(_OF_PATH) else 0
    found = arguments[index] if len(arguments) > index else next(iter(keywords), None)
    return None if isinstance(found, ast.Starred) else found


def denoting(
    expression: ast.expr, spot: Spot, paths: Iterable[str], exact: bool
) -> ast.expr | None:
    """Return the expression if it is that of these paths, or of a directory that it leads through.

    Args:
        expression: that of a path.
        spot: the call that has it.
        paths: what was made.
        exact: take it also where its last part cannot be told.
    """
    for _ in range(6):
        pattern = _pattern(expression, spot)
        if all(re.fullmatch(f"(?:.*/)?{pattern}/?", path, re.DOTALL) for path in paths):
            is_told = pattern.rpartition("/")[2].replace(_ANY, "") != ""
            return expression if exact or is_told else None
        if "/" not in pattern:
            return None
        expression, exact = _parent(expression), False
    return None


def is_pure(expression: ast.expr, spot: Spot) -> bool:
    """Whether an expression, once more after the call, gives the same."""
    visible = not spot.is_narrow or not any(isinstance(n, ast.Name) for n in _leaves(expression))
    return visible and all(
        called(node) in _PURE if isinstance(node, ast.Call) else isinstance(node, _INERT)
        for node in ast.walk(expression)
    )


def words_of_command(spot: Spot) -> Iterator[ast.expr]:
    """Yield the words of a command that may be what it makes, the last first."""
    first = spot.call.args[0] if spot.call.args else None
    words: Sequence[ast.expr] = first.elts if isinstance(first, (ast.List, ast.Tuple)) else ()
    texts = [word.value if isinstance(word, ast.Constant) else None for word in words]
    for index in range(len(words) - 1, 0, -1):
        if texts[index - 1] not in ("-c", "-m"):
            yield words[index]


def plain(expression: ast.expr) -> ast.expr:
    """Return the text in `Path("text")`, and anything else as it is."""
    is_path = isinstance(expression, ast.Call) and called(expression) in ("Path", "PurePath")
    given = expression.args if is_path else []  # type: ignore[attr-defined]
    return given[0] if len(given) == 1 and isinstance(given[0], ast.Constant) else expression


def _leaves(expression: ast.expr) -> Iterator[ast.AST]:
    functions = {id(node.func) for node in ast.walk(expression) if isinstance(node, ast.Call)}
    return (node for node in ast.walk(expression) if id(node) not in functions)


def _pattern(node: ast.expr, spot: Spot, depth: int = 0) -> str:
    """Return a regular expression of a path's text; of what is not known, `.*`."""
    def of(inner: ast.expr) -> str:
        return _pattern(inner, spot, depth + 1) if depth < 20 else _ANY

    if isinstance(node, ast.Constant):
        return re.escape(str(node.value).removeprefix("./"))
    if isinstance(node, ast.JoinedStr):
        return "".join(map(of, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
        return of(node.left) + ("/" if isinstance(node.op, ast.Div) else "") + of(node.right)
    if isinstance(node, ast.Call):
        return _pattern_of_call(node, list(map(of, _parts(node))))
    if isinstance(node, (ast.Name, ast.Attribute)):
        values = _values(node, spot)
        return of(values[0]) if len(values) == 1 else _ANY
    return _ANY


def _pattern_of_call(node: ast.Call, parts: list[str]) -> str:
    name = called(node)
    if name == "dirname":
        return parts[0].rpartition("/")[0] or _ANY
    if name in _PATH_CALLS:
        return "/".join(parts)
    return parts[0] if name in _PURE and len(parts) == 1 else _ANY


def _parts(node: ast.Call) -> list[ast.expr]:
    of_path = called(node) == "joinpath" and isinstance(node.func, ast.Attribute)
    return [*([node.func.value] if of_path else []), *node.args]  # type: ignore[attr-defined]


def _values(variable: ast.expr, spot: Spot) -> list[ast.expr]:
    """Return all that is assigned to a variable of the function, or to an attribute in the file."""
    is_local = isinstance(variable, ast.Name) and spot.functions
    scope = spot.functions[-1] if is_local else tree_of(spot.file)
    text = ast.unparse(variable)
    return [
        node.value for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and text in map(ast.unparse, node.targets)
    ]  # fmt: skip


def _parent(node: ast.expr) -> ast.expr:
    """Return the expression of the directory of a path."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return node.left
    if isinstance(node, ast.Call) and called(node) in _PATH_CALLS and len(node.args) > 1:
        return ast.Call(node.func, node.args[:-1], [])
    if isinstance(node, ast.Constant):
        return ast.Constant(str(node.value).rpartition("/")[0])
    return ast.parse(f"os.path.dirname({ast.unparse(node)})", mode="eval").body
