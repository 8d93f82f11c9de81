"""Keep apart the units that must not run at the same time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from ..errors import UsageError
from .plan import Unit

_SECTION = "[tool.tidytest.resources]"


class ResourceLimits:
    """Which resources are in use, and what else may run meanwhile.

    Args:
        limits: how many units may use a resource at the same time, by its name.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._uses: Counter[str] = Counter()
        self._exclusive: set[str] = set()

    def allow(self, unit: Unit) -> bool:
        """Return whether a unit may run now."""
        return all(
            self._uses[use.name] < (1 if use.exclusive else self.most(use.name))
            and use.name not in self._exclusive
            for use in unit.resources
        )

    def hold(self, unit: Unit) -> None:
        """Note that a unit runs."""
        for use in unit.resources:
            self._uses[use.name] += 1
            if use.exclusive:
                self._exclusive.add(use.name)

    def release(self, unit: Unit) -> None:
        """Note that a unit which ran does so no longer."""
        for use in unit.resources:
            self._uses[use.name] -= 1
            if use.exclusive:
                self._exclusive.discard(use.name)

    def most(self, name: str) -> float:
        """Return how many units may use a resource at the same time."""
        return self._limits.get(name, math.inf)


def refuse_unknown(units: Iterable[Unit], limits: Mapping[str, int]) -> None:
    """Refuse a resource that is not in the settings.

    An exclusive use needs no entry, unless the settings name other resources: then its name may be
    misspelt.

    Args:
        units: the units of the run.
        limits: the resources in the settings.

    Raises:
        UsageError: a resource has no entry and needs one.
    """
    for unit in units:
        for use in sorted(unit.resources):
            if use.name not in limits and (limits or not use.exclusive):
                raise UsageError(f"{unit.key}: {_unknown(use.name, limits)}")


def _unknown(name: str, limits: Mapping[str, int]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, limits, 1)
    hint = f"; the nearest is {near[0]!r}" if near else f"; add `{name} = {{ max = 1 }}`"
    return f"there is no resource {name!r} in {_SECTION}{hint}"
