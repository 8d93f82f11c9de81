"""Find the shortest list of tests that another test has to run after to end as it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Depends = Callable[[Sequence[Item]], bool]
"""Runs some predecessors in their order, then the test; returns whether it ends as it did."""


def shortest(candidates: Sequence[Item], depends: Depends[Item]) -> list[Item] | None:
    """Return a shortest list of predecessors, found by bisection.

    A list of `m` among `n` candidates takes about `m * log2(n)` calls. If more than one is needed,
    the search runs a second time from the other end, since one test may do what two others do.

    Args:
        candidates: what ran before the test, in order.
        depends: runs the test after some of them.

    Returns:
        The predecessors in their order, none of which can be left out; empty if the test ends so
        by itself. None if it does not end so even after all candidates.
    """
    if depends([]):
        return []
    if not depends(candidates):
        return None
    places = range(len(candidates))

    def depends_on(chosen: Sequence[int]) -> bool:
        return depends([candidates[place] for place in sorted(chosen)])

    found = _needed(places, depends_on)
    if len(found) > 1:
        found = min(found, _needed(places[::-1], depends_on), key=len)
    return [candidates[place] for place in sorted(found)]


def _needed(places: Sequence[int], depends_on: Depends[int]) -> list[int]:
    """Return places of which none can be left out, from the front of the given ones.

    The last place of the shortest front part that does is needed. The next one is sought in the
    part before it, with those that are needed already.
    """
    needed: list[int] = []
    while not needed or not depends_on(needed):
        without, enough = 0, len(places)  # lengths of front parts
        while enough - without > 1:
            middle = (without + enough) // 2
            if depends_on([*places[:middle], *needed]):
                enough = middle
            else:
                without = middle
        needed.append(places[enough - 1])
        places = places[: enough - 1]
        if not places:
            break
    return _without_superfluous(needed, depends_on)


def _without_superfluous(needed: list[int], depends_on: Depends[int]) -> list[int]:
    """Leave out what is not needed after all: a test may undo what another one did."""
    for place in needed[:] if len(needed) > 1 else []:
        others = [other for other in needed if other != place]
        if others and depends_on(others):
            needed = others
    return needed
