"""A project directory whose settings a test loads."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from runner.errors import UsageError
from runner.settings.config import Config
from runner.settings.load import Loaded, load


class SettingsTestCase(unittest.TestCase):
    """Has `root`, an empty directory that is the top of a checkout."""

    def setUp(self) -> None:
        top = self.enterContext(tempfile.TemporaryDirectory())
        self.root = Path(top).resolve() / "project"
        (self.root / ".git").mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def file(self, *lines: str) -> None:
        """Write lines into the section of pyproject.toml."""
        self.write("pyproject.toml", "\n".join(["[tool.tidytest]", *lines, ""]))

    def load(self, *argv: str, below: str = "", **environ: str) -> Loaded:
        """Load the settings in the project, or in a directory below it."""
        return load(argv, cwd=self.root / below, environ=environ)

    def config(self, *argv: str, **environ: str) -> Config:
        """Return the record of the settings."""
        return self.load(*argv, **environ).config

    def refused(self, *argv: str, below: str = "", **environ: str) -> str:
        """Return the error of settings that are not valid; it must be one line."""
        with self.assertRaises(UsageError) as caught:
            self.load(*argv, below=below, **environ)
        message = str(caught.exception)
        self.assertEqual(len(message.splitlines()), 1, message)
        return message
