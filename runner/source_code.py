"""Source of the user's code, as text and as trees; what cannot be read is empty."""

from __future__ import annotations

import ast
import functools
import linecache
import os
import re
import sys

_WORD = re.compile(r"\w+")


def text_of(file: str) -> str:
    """Return the source of a file, empty where there is none."""
    try:
        return "".join(linecache.getlines(os.path.abspath(file)))
    except Exception:  # a test may have replaced what this uses
        return ""


@functools.lru_cache(64)
def words_of(file: str) -> frozenset[str]:
    """Return the words that stand in the source of a file."""
    return frozenset(words_in(text_of(file)))


def words_in(text: str) -> list[str]:
    """Return the words of a text."""
    return _WORD.findall(text)


@functools.lru_cache(64)
def tree_of(file: str) -> ast.Module:
    """Return the tree of a file, empty where its source is none."""
    try:
        return ast.parse(text_of(file))
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


def file_of_context(context: str) -> str:
    """Return the file of the module that a test, a class or a module is in, empty if unknown."""
    while context and context not in sys.modules:
        context = context.rpartition(".")[0]
    return getattr(sys.modules.get(context), "__file__", None) or ""
