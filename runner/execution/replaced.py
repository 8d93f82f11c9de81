"""Replace methods of unittest while a block runs, and restore them, in a forked process too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

__unittest = True  # frames of this module stay out of users' tracebacks

Method = tuple[type, str, Any]
"""A class, the name of a method, and the function that it has or is to have."""

_originals: list[list[Method]] = []
"""What each block has replaced."""


@contextlib.contextmanager
def replaced(replacements: Sequence[Method]) -> Iterator[None]:
    """Have classes use other functions while the block runs."""
    originals = [(owner, name, owner.__dict__[name]) for owner, name, _ in replacements]
    _originals.append(originals)
    _put(replacements)
    try:
        yield
    finally:
        _originals.remove(originals)
        _put(originals)


def restore_all() -> None:
    """Restore all methods in a forked process, where no block of `replaced` ends."""
    for originals in reversed(_originals):
        _put(originals)
    _originals.clear()


def _put(methods: Sequence[Method]) -> None:
    for owner, name, function in methods:
        setattr(owner, name, function)
