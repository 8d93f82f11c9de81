"""Find evidence that a context created a file which no event named: its name in code or commands.

That a file is new is not enough where other programs write too. A context gets it only if its whole
name is in the command line of a child, in a script that the child ran, or a constant of the test's
own code. Where no other program is in the project, a template of the name is enough.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ..processes import watch as processes
from ..processes.activity import ChildProcess
from ..registry.contexts import Context
from ..roots import location, ownership
from . import code_constants

_SHORTEST_STEM = 4


def child_that_made(
    path: str, children: Sequence[ChildProcess], alone: bool = False
) -> ChildProcess | None:
    """Return the one child whose command line or script names a path; None if none or several.

    Args:
        path: what was created.
        children: those that may have created it.
        alone: whether no other program is in the project, so that a template is evidence too.
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


def is_named_in_code(
    path: str, context: Context, children: Sequence[ChildProcess] = (), alone: bool = False
) -> bool:
    """Return whether a constant of the code that a context runs is a name.

    Args:
        path: what was created.
        context: the one that may have created it.
        children: the processes that it started; the functions that did so count as well.
        alone: whether no other program is in the project, so that a template is evidence too.
    """
    name = os.path.basename(path)
    started = {child.trail.code for child in children if child.trail and child.trail.code}
    texts = {text for code in started for text in code_constants.texts_in(code)}
    texts |= code_constants.texts_of(context)
    return any(_is_name(t, name) or (alone and _is_template(t, name)) for t in texts)


def _is_name(text: str, name: str) -> bool:
    return text.endswith(name) and text[: -len(name)][-1:] in ("", os.sep) and "://" not in text


def _mentions(text: str, name: str) -> bool:
    """Whether a command line or script contains a file name as a word of its own."""
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text) is not None


def _has_template(text: str, name: str) -> bool:
    """Whether a text has a template of a file name: `late-{`, `late-%` or `late-$` for `late-17`.

    That is the part before the first digit, followed by a placeholder. Another run of the same
    tests creates files of the same template.
    """
    stem = _stem(name)
    return bool(stem) and any(f"{stem}{placeholder}" in text for placeholder in "{%$")


def _is_template(constant: str, name: str) -> bool:
    """Whether a constant is a template; of `f"late-{i}"` the code has the constant `late-`."""
    stem = _stem(name)
    return bool(stem) and (_is_name(constant, stem) or _has_template(constant, name))


def _stem(name: str) -> str:
    stem = re.split(r"\d", name, maxsplit=1)[0]
    return "" if len(stem) < _SHORTEST_STEM or stem == name else stem


def has_neighbours(root: str, project: str) -> bool:
    """Whether another program is in the project: a run, or any process that works in it.

    Args:
        root: the root of this run.
        project: the real path of the directory.
    """
    if processes.others_work_in(project, root):
        return True
    directories = {*location.root_directories(), os.path.dirname(root)}
    others = (path for each in directories for path in ownership.candidates(each) if path != root)
    return any(
        found.state == "live" and found.marker is not None and found.marker.project == project
        for found in map(ownership.examine, others)
    )
