"""Read source files of the user as text, words and syntax trees; empty if they cannot be read."""

from __future__ import annotations

import ast
import functools
import linecache
import os
import re
import sys

_WORD = re.compile(r"\w+")
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def text_of(file: str) -> str:
    """Return the source of a file; empty if it cannot be read."""
    try:
        return "".join(linecache.getlines(os.path.abspath(file)))
    except Exception:  # a test may have replaced a function that this uses
        return ""


@functools.lru_cache(64)
def words_of(file: str) -> frozenset[str]:
    """Return the words in the source of a file."""
    return frozenset(_WORD.findall(text_of(file)))


@functools.lru_cache(64)
def tree_of(file: str) -> ast.Module:
    """Return the syntax tree of a file; empty if it cannot be parsed."""
    try:
        return ast.parse(text_of(file))
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


def source_line(file: str, line: int) -> str:
    """Return a line of a file without the space around it; empty if it cannot be read."""
    lines = text_of(file).splitlines()
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def source_file(context: str, directory: str) -> str:
    """Return the absolute path of the file of a context; empty if unknown.

    Args:
        context: a dotted id, or a node id, which begins with a path.
        directory: of the run; the path in a node id is relative to it or to a directory above.
    """
    name = context.partition("::")[0]
    top = directory
    while name.endswith(".py"):
        if os.path.isfile(os.path.join(top, name)):
            return os.path.join(top, name)
        if top == os.path.dirname(top):
            return ""
        top = os.path.dirname(top)
    file = file_of_context(context)
    return os.path.join(directory, file) if file else ""


def line_of_context(file: str, context: str) -> int:
    """Return the line that defines a test or class in a file; 1 if there is none."""
    line = 1
    nodes: list[ast.stmt] = tree_of(file).body
    names = context.partition("[")[0].replace("::", ".").split(".")
    for name in names:
        for node in nodes:
            if isinstance(node, _DEFINITIONS) and node.name == name:
                line, nodes = node.lineno, node.body
                break
    return line


def file_of_context(context: str) -> str:
    """Return the file of the module of a test, class or module; empty if unknown."""
    while context and context not in sys.modules:
        context = context.rpartition(".")[0]
    return getattr(sys.modules.get(context), "__file__", None) or ""
