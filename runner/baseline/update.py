"""The baseline of known leaks in a run: read before the tests, told and written after them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ..selection.completeness import Completeness
from ..settings.config import DEFAULT_BASELINE, Config
from . import file
from .matching import Ledger

_MOST_TOLD = 10


class Adoption:
    """The baseline of one run.

    Args:
        settings: of the run.

    Attributes:
        ledger: holds what leaks against the baseline; None where there is none.

    Raises:
        UsageError: the file is missing, is no baseline, or cannot be written though it must be.
    """

    def __init__(self, settings: Config) -> None:
        self._project = os.getcwd()
        self._updates = settings.update_baseline
        self._strict = settings.strict_baseline
        found = file.locate(settings.leak_baseline, self._project)
        self._path = found or os.path.join(self._project, DEFAULT_BASELINE)
        self._known: file.Baseline = {}
        self.ledger: Ledger | None = None
        if found is not None or self._updates:
            if os.path.exists(self._path) or not self._updates:
                self._known = file.read(self._path)
            self.ledger = Ledger(self._known, self._project)
        if self._updates:
            file.check_writable(self._path)

    def finish(self, completeness: Completeness) -> tuple[list[str], bool]:
        """Write the baseline if that is asked for.

        Args:
            completeness: which tests ran to their end.

        Returns:
            The lines to tell, and whether the run fails for them.

        Raises:
            UsageError: it cannot be written.
        """
        if self.ledger is None:
            return [], False

        def is_judged(id: str) -> bool:
            return completeness.is_complete(id) or completeness.is_gone(id)

        shown = os.path.relpath(self._path, self._project)
        if self._updates:
            updated = self.ledger.updated(is_judged, completeness.interrupted, completeness.is_gone)
            file.write(self._path, updated)
            number = sum(updated.values())
            return [f"Baseline: {number} known {_leaks(number)} written to {shown}"], False
        fixed = self.ledger.fixed(is_judged)
        told = [*self._told(fixed, shown), *_undecided(self.ledger.undecided(is_judged))]
        return told, bool(fixed) and self._strict

    def _told(self, fixed: dict[file.Entry, int], shown: str) -> Iterator[str]:
        if not fixed:
            return
        yield f"Baseline {shown}: {sum(fixed.values())} fixed: run with --update-baseline"
        if self._strict:
            for entry in list(fixed)[:_MOST_TOLD]:
                yield f"    {entry.context}  {entry.name}  {entry.call}".rstrip()
            if len(fixed) > _MOST_TOLD:
                yield f"    ... and {len(fixed) - _MOST_TOLD} more"
            yield "FAILED: the baseline still holds what is fixed (--strict-baseline)"


def _undecided(entries: Sequence[file.Entry]) -> Iterator[str]:
    for entry in entries[:_MOST_TOLD]:
        name = entry.name.removeprefix("./")
        yield f"{name} lies there from an earlier run: remove it to see whether it is left again"
    if len(entries) > _MOST_TOLD:
        yield f"    ... and {len(entries) - _MOST_TOLD} more"


def _leaks(number: int) -> str:
    return "leak" if number == 1 else "leaks"
