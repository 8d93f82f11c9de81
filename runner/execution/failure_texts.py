"""The texts of a result: the names of a test, the details of a failure, and what is added."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from ..output.colour import without_colour
from ..session.outcomes import CaseName
from ..session.session import Session
from ..unittest_api import captured_output, is_failure_of, is_skipped_by_decorator, test_id

Entries = list[tuple[Any, str]]
"""Tests that failed with what is printed of each, as unittest's `errors` and `failures`."""


def details_of_last(entries: Sequence[Any], result: Any) -> str:
    """Return the traceback of the last entry, without colours and the output that `-b` adds.

    Args:
        entries: a list of the result; it may be empty.
        result: captures the output of the test.
    """
    text: str = entries[-1][1] if entries else ""
    out, err = captured_output(result)
    for title, output in (("Stderr", err), ("Stdout", out)):
        if output:
            output = output if output.endswith("\n") else f"{output}\n"
            text = text.removesuffix(f"\n{title}:\n{output}")
    return without_colour(text)


def append_text(lists: Iterable[Entries], test: Any, name: str, text: str) -> bool:
    """Add text to the last failure of a test or fixture; return whether there is one.

    Args:
        lists: those of a result to look at.
        test: the test that failed; None for a fixture.
        name: where `test` is None, the class or module of the fixture.
        text: what to add, whole lines.
    """
    for entries in lists:
        for index in range(len(entries) - 1, -1, -1):
            failed, details = entries[index]
            if is_failure_of(failed, test, name):
                entries[index] = failed, f"{details}\n{text}"
                return True
    return False


def explain_full_disk(session: Session, entries: Entries, err: Any) -> None:
    """Add to the last failure which runs fill the disk, where it failed for a full one."""
    lines: list[str] = []
    with contextlib.suppress(OSError):  # a test may have taken all descriptors
        lines = session.run.disk_full_lines(err[1])
    if lines:
        failed, details = entries[-1]
        entries[-1] = failed, "\n".join([details, *lines, ""])


def name_of(test: Any) -> CaseName:
    """Return the names of a test, as listeners get them."""
    recorded: CaseName | None = getattr(test, "recorded_names", None)  # by another process
    if recorded is not None:
        return recorded
    id = test_id(test)
    kind = type(test)
    module, class_name = kind.__module__, kind.__qualname__
    prefix = f"{module}.{class_name}."
    if id.startswith(prefix):
        method = id[len(prefix) :]
    else:
        class_name, method = "", id.removeprefix(f"{module}.")
    try:
        description = str(test)
    except Exception:  # a user's method may raise anything
        description = id
    runs = not is_skipped_by_decorator(test)
    return CaseName(id, module, class_name, method, description, runs)
