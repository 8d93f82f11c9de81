"""A project whose runs keep things in its directory `kept`."""

from __future__ import annotations

from pathlib import Path

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase


class KeepTestCase(ProjectTestCase):
    """Runs with `--keep-dir kept`."""

    def kept(self) -> list[Path]:
        """Return the directories of the runs that have kept something."""
        return sorted((self.project / "kept").glob("tidy-kept-*"))

    def keep(self, *words: str) -> Outcome:
        """Run tests."""
        return self.tidytest("--keep-dir", "kept", *words)
