"""Read source files of the user as text, words and syntax trees; empty if they cannot be read."""

from __future__ import annotations

import ast
import functools
import linecache
import os
import re
import sys

_WORD = re.compile(r"\w+")


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


def file_of_context(context: str) -> str:
    """Return the file of the module of a test, class or module; empty if unknown."""
    while context and context not in sys.modules:
        context = context.rpartition(".")[0]
    return getattr(sys.modules.get(context), "__file__", None) or ""
