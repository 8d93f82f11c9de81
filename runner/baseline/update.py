"""The baseline of a run: read before the tests, reported or updated after them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ..selection.completeness import Completeness
from ..settings.config import DEFAULT_BASELINE, Config
from . import file
from .matching import Ledger

_MOST_LISTED = 10


class KnownLeaks:
    """The baseline of one run.

    Args:
        settings: the settings of the run.

    Attributes:
        ledger: matches leaks with the baseline; None where there is no baseline.

    Raises:
        UsageError: the file is missing or is no baseline, or `--update-baseline` cannot write it.
    """

    def __init__(self, settings: Config) -> None:
        self._project = os.getcwd()
        self._updates = settings.update_baseline
        self._strict = settings.strict_baseline
        found = file.locate(settings.leak_baseline, self._project)
        self._path = found or os.path.join(self._project, DEFAULT_BASELINE)
        self.ledger: Ledger | None = None
        if found is not None or self._updates:
            exists = os.path.exists(self._path) or not self._updates
            self.ledger = Ledger(file.read(self._path) if exists else {}, self._project)
        if self._updates:
            file.check_writable(self._path)

    def finish(self, completeness: Completeness) -> tuple[list[str], bool]:
        """Write the baseline if it is to be updated, else compare it with the run.

        Args:
            completeness: which tests ran to their end.

        Returns:
            The lines to print, and whether they fail the run.

        Raises:
            UsageError: the file cannot be written.
        """
        if self.ledger is None:
            return [], False

        def is_decided(id: str) -> bool:
            return completeness.is_complete(id) or completeness.is_gone(id)

        shown = os.path.relpath(self._path, self._project)
        if self._updates:
            updated = self.ledger.updated(
                is_decided, completeness.interrupted, completeness.is_gone
            )
            file.write(self._path, updated)
            number = sum(updated.values())
            noun = "leak" if number == 1 else "leaks"
            return [f"Baseline: {number} known {noun} written to {shown}"], False
        fixed = self.ledger.fixed(is_decided)
        lines = [*self._fixed_lines(fixed, shown), *_undecided(self.ledger.undecided(is_decided))]
        return lines, bool(fixed) and self._strict

    def _fixed_lines(self, fixed: dict[file.Entry, int], shown: str) -> Iterator[str]:
        if not fixed:
            return
        yield f"Baseline {shown}: {sum(fixed.values())} fixed: run with --update-baseline"
        if self._strict:
            for entry in list(fixed)[:_MOST_LISTED]:
                yield f"    {entry.context}  {entry.name}  {entry.call}".rstrip()
            yield from _more(fixed)
            yield "FAILED: the baseline still has leaks that are fixed (--strict-baseline)"


def _undecided(entries: Sequence[file.Entry]) -> Iterator[str]:
    for entry in entries[:_MOST_LISTED]:
        name = entry.name.removeprefix("./")
        yield f"{name} exists from an earlier run: remove it to see whether a test leaves it again"
    yield from _more(entries)


def _more(entries: Sequence[file.Entry] | dict[file.Entry, int]) -> Iterator[str]:
    if len(entries) > _MOST_LISTED:
        yield f"    ... and {len(entries) - _MOST_LISTED} more"
