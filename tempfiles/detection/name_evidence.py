"""Find evidence that a context created a file which no event named: its name in code or commands.

That a file is new is not enough where other programs write too. A context gets it only if its whole
name is in the command line of a child, in a script that the child ran, or in a literal of the code
under test. Where no other run is in the project, a template of the name is enough.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType

from ..observation.activity import ChildProcess, source_text
from ..registry.contexts import Context
from ..roots import location, ownership

_LARGEST_SOURCE = 1024 * 1024
_SHORTEST_STEM = 4


def child_that_made(
    path: str, children: Sequence[ChildProcess], alone: bool = False
) -> ChildProcess | None:
    """Return the one child whose command line or script names a path; None if none or several.

    Args:
        path: what was created.
        children: those that may have created it.
        alone: whether no other run is in the project, so that a template is evidence too.
    """
    promised = [child for child in children if path in child.promised]
    if len(promised) == 1:
        return promised[0]
    name = os.path.basename(path)
    mentioning = [
        child for child in children
        if any(_mentions(t, name) or (alone and _has_template(t, name)) for t in child.texts())
    ]
    return mentioning[0] if len(mentioning) == 1 else None


def is_named_in_source(
    path: str, context: Context, files: Iterable[str] = (), alone: bool = False
) -> bool:
    """Return whether the file that defines a context, or another one, contains a name literally.

    Args:
        path: what was created.
        context: the one that may have created it.
        files: the other files.
        alone: whether no other run is in the project, so that a template is evidence too.
    """
    name = os.path.basename(path)
    texts = map(_text, (*_source_files(context), *files))
    return any(_has_literal(t, name) or (alone and _has_template(t, name)) for t in texts)


def is_named_in_test(path: str, context: Context) -> bool:
    """Return whether the code of a test's own function contains a name literally."""
    code = _code(context.source)
    name = os.path.basename(path)
    return code is not None and any(os.path.basename(text) == name for text in _literals(code))


def _code(source: object) -> CodeType | None:
    if isinstance(source, CodeType):
        return source
    found = inspect.unwrap(source) if callable(source) else None
    return getattr(found, "__code__", None)


def _literals(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, bytes):
            yield os.fsdecode(constant)
        elif isinstance(constant, CodeType):
            yield from _literals(constant)


def _mentions(text: str, name: str) -> bool:
    """Whether a command line or script contains a file name as a word of its own."""
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text) is not None


def _has_literal(source: str, name: str) -> bool:
    """Whether a source has a file name as a whole literal, or as the end of one that is a path."""
    return any(f"{before}{name}{quote}" in source for quote in "'\"" for before in (quote, os.sep))


def _has_template(text: str, name: str) -> bool:
    """Whether a text has a template of a file name: `late-{`, `late-%` or `late-$` for `late-17`.

    That is the part before the first digit, followed by a placeholder. Another run of the same
    tests creates files of the same template.
    """
    stem = re.split(r"\d", name, maxsplit=1)[0]
    if len(stem) < _SHORTEST_STEM or stem == name:
        return False
    return any(f"{stem}{placeholder}" in text for placeholder in "{%$")


def _source_files(context: Context) -> set[str]:
    """Return the files that define a context and the contexts around it."""
    found: set[str] = set()
    around: Context | None = context
    while around is not None:
        found.update(_files_of(around.source))
        around = around.parent
    return found


def _files_of(source: object) -> Iterator[str]:
    if isinstance(source, str):
        yield source
    elif source is not None:
        module = sys.modules.get(getattr(source, "__module__", None) or "")
        file, code = getattr(module, "__file__", None), _code(source)
        yield from (name for name in (file, code and code.co_filename) if name)


@functools.lru_cache(maxsize=64)
def _text(path: str) -> str:
    return source_text(path, _LARGEST_SOURCE)


def has_neighbours(root: str, project: str) -> bool:
    """Whether another run with the same project directory is in progress.

    Args:
        root: the root of this run.
        project: the real path of the directory.
    """
    directories = {*location.root_directories(), os.path.dirname(root)}
    others = (path for each in directories for path in ownership.candidates(each) if path != root)
    return any(
        found.state == "live" and found.marker is not None and found.marker.project == project
        for found in map(ownership.examine, others)
    )
