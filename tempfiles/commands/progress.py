"""A progress bar on long work, on a terminal and where tqdm is installed: its only import."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")


def follow(work: Iterable[T], description: str) -> Iterator[T]:
    """Yield each item, and show on a terminal how far it has come."""
    if not sys.stderr.isatty() or (isinstance(work, Sized) and len(work) < 2):
        yield from work
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield from work
        return
    yield from tqdm(work, desc=description, leave=False, file=sys.stderr)
