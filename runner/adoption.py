"""The baseline of known leaks in a run: read before the tests, told and written after them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from . import baseline
from .config import Config


class Adoption:
    """The baseline of one run.

    Args:
        settings: of the run.
        words: what is left of the command line for unittest.

    Attributes:
        ledger: holds what leaks against the baseline; None where there is none.

    Raises:
        UsageError: the file is missing or is no baseline.
    """

    def __init__(self, settings: Config, words: Sequence[str]) -> None:
        self._project = os.getcwd()
        self._updates = settings.update_baseline
        self._strict = settings.strict_baseline
        self._filtered = _is_filtered(settings, words)
        found = baseline.locate(settings.leak_baseline, self._project)
        self._path = found or os.path.join(self._project, baseline.DEFAULT_NAME)
        self._known: baseline.Baseline = {}
        self.ledger: baseline.Ledger | None = None
        if found is not None or self._updates:
            if os.path.exists(self._path) or not self._updates:
                self._known = baseline.read(self._path)
            self.ledger = baseline.Ledger(self._known, self._project)

    def finish(self, ran: set[str], whole: bool) -> tuple[list[str], bool]:
        """Write the baseline if that is asked for.

        Args:
            ran: the ids of the contexts that ran.
            whole: whether the run came to its end.

        Returns:
            The lines to tell, and whether the run fails for them.

        Raises:
            UsageError: it cannot be written.
        """
        if self.ledger is None:
            return [], False
        if whole and not self._filtered:
            modules = {id for id in ran if id in sys.modules}
            ran = ran | {entry.context for entry in self._known if _is_gone(entry.context, modules)}
        shown = os.path.relpath(self._path, self._project)
        if self._updates:
            updated = self.ledger.updated(ran)
            baseline.write(self._path, updated)
            number = sum(updated.values())
            return [f"Baseline: {number} known {_leaks(number)} written to {shown}"], False
        fixed = self.ledger.fixed(ran)
        return list(self._told(fixed, shown)), bool(fixed) and self._strict

    def _told(self, fixed: dict[baseline.Entry, int], shown: str) -> Iterator[str]:
        if not fixed:
            return
        yield f"Baseline {shown}: {sum(fixed.values())} fixed: run with --update-baseline"
        if self._strict:
            for entry in list(fixed)[:10]:
                yield f"    {entry.context}  {entry.name}  {entry.call}".rstrip()
            if len(fixed) > 10:
                yield f"    ... and {len(fixed) - 10} more"


def _is_gone(id: str, modules: set[str]) -> bool:
    """Whether a test's module has run without the test, or is no file any more."""
    parts = id.split(".")
    prefixes = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    if not modules.isdisjoint(prefixes):
        return True
    return not any(_leads_to_module(top or ".", parts) for top in sys.path)


def _leads_to_module(top: str, parts: list[str]) -> bool:
    path = top
    for part in parts:
        path = os.path.join(path, part)
        if os.path.isfile(f"{path}.py"):
            return True
        if not os.path.isdir(path):
            return False
    return True


def _is_filtered(settings: Config, words: Sequence[str]) -> bool:
    """Whether a run leaves out tests of the modules that it loads."""
    if settings.last_failed or settings.leaked_last:
        return True
    if words and words[0] != "discover" and any(not word.startswith("-") for word in words):
        return True  # names, which may be of single tests
    return any(word.startswith("-k") for word in words)


def _leaks(number: int) -> str:
    return "leak" if number == 1 else "leaks"

