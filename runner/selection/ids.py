"""Ids of tests: a node id of pytest and a dotted id of unittest may name one test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def spellings(id: str) -> Iterator[str]:
    """Yield the dotted ids that a node id may have under unittest, the longest first.

    Which of them it is depends on the top directory of the discovery: `tests/a.py::T::test_x` is
    `tests.a.T.test_x` or `a.T.test_x`. Dots within the parts are never split.
    """
    path, *names = id.split("::")
    if not path.endswith(".py"):
        return
    parts = path.removesuffix(".py").split("/")
    for start in range(len(parts)):
        yield ".".join([*parts[start:], *names])


class KnownIds:
    """Finds ids that name the same test as another id.

    Args:
        ids: the ids to look in, of one spelling or of both.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = frozenset(ids)
        self._by_dotted: dict[str, str] | None = None

    def find(self, id: str) -> str:
        """Return the known id of a test; the id itself where none is known."""
        if id in self._ids or not self._ids:
            return id
        if ".py" in id:
            return next((found for found in spellings(id) if found in self._ids), id)
        if self._by_dotted is None:
            self._by_dotted = {
                dotted: known for known in self._ids if ".py" in known
                for dotted in spellings(known)
            }  # fmt: skip
        return self._by_dotted.get(id, id)
