"""Decide which lines of code `--fix` changes, and say why it leaves the others alone."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from tempfiles import Leak, Origin, format_count, printable

from ..advice.remedies import Remedy, remedy
from ..advice.site import Site, site_of

_CHILDREN = ("subprocess ", "os.system", "os.posix_spawn", "os.popen", "asyncio.")
_CALLED_ONLY_ONCE = "its line has not exactly one call of {}; run the tests again if it has changed"


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A line of code that leaks, and what would prevent it.

    `refusal` says why `--fix` leaves it alone; empty where it changes it.
    """

    origin: Origin
    leaks: tuple[Leak, ...]
    remedy: Remedy
    site: Site
    refusal: str = ""

    @property
    def contexts(self) -> frozenset[str]:
        """The ids of the tests, classes and modules that left something by this line."""
        return frozenset(leak.context for leak in self.leaks)

    @property
    def title(self) -> str:
        """The line, the call and the number of leaks, in words."""
        place = f"{self.origin.file}:{self.origin.line} in {self.origin.function}"
        number = format_count(len(self.leaks), "leak")
        return printable(f"{place}  {self.origin.call} ({number})")


def plan(leaks: Iterable[Leak]) -> list[Change]:
    """Return a change for each line of code that leaks, ordered by file and line."""
    groups: defaultdict[Hashable, list[Leak]] = defaultdict(list)
    for leak in leaks:
        if leak.origin is not None:
            groups[leak.origin.file, leak.origin.line, leak.origin.call].append(leak)
    changes = map(_change, groups.values())
    return sorted(changes, key=lambda change: (change.origin.file, change.origin.line))


def _change(leaks: Sequence[Leak]) -> Change:
    origin, found, site = leaks[0].origin, remedy(leaks), site_of(leaks[0])
    assert origin is not None
    return Change(origin, tuple(leaks), found, site, _refusal(leaks, found, site))


def _refusal(leaks: Sequence[Leak], found: Remedy, site: Site) -> str:
    """Return why a line is left alone; empty where it is changed."""
    origin = site.leak.origin
    assert origin is not None
    if os.path.isabs(origin.file) or origin.file.startswith(os.pardir):
        return "it is not in the project"
    if not site.file:
        return "its file cannot be read, or not be parsed"
    if found.refusal:
        return found.refusal
    if origin.call.startswith(_CHILDREN):
        return "a child process creates it"
    names = {each.name for each in site.functions}
    if not origin.function.startswith("<") and origin.function not in names:
        return "its file has changed: run the tests again"
    if site.call is None:
        return _CALLED_ONLY_ONCE.format(origin.call.rpartition(".")[2])
    if len({leak.scope for leak in leaks}) > 1:
        return "tests and fixtures of a class or module both run it"
    is_on_one_line = site.functions[0].body[0].lineno == site.functions[0].lineno
    return "its function is on one line" if found.action == "first" and is_on_one_line else ""
