"""Sessions of pytest in a project of their own."""

from __future__ import annotations

import importlib.util
import json
import os
import unittest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

OTHERS = ("randomly", "rerunfailures", "flaky", "anyio", "asyncio", "pytest_forked", "timeout",
          "django")
"""Plugins that may be installed: a test switches on those that it is about."""


def has(module: str) -> bool:
    """Return whether a plugin of pytest is installed."""
    return importlib.util.find_spec(module) is not None


def major_version(distribution: str) -> int:
    """Return the first number of a distribution's version; 0 if it is not installed."""
    try:
        return int(version(distribution).partition(".")[0])
    except PackageNotFoundError:
        return 0


@unittest.skipUnless(has("pytest"), "pytest is not installed: pip install 'tidytest[hosts]'")
class PytestTestCase(ProjectTestCase):
    """Runs pytest in a project; `leaks` are those of the last session, by the start of the name."""

    plugins: tuple[str, ...] = ()

    def pytest(self, *words: str, code: int | None = None, **environment: str) -> Outcome:
        """Run pytest, and hold that it leaves nothing but what it keeps itself."""
        off = [f"-pno:{name}" for name in (*OTHERS, "cacheprovider") if name not in self.plugins]
        environment = {"PYTHONDONTWRITEBYTECODE": "", **environment}  # pytest rewrites modules
        outcome = self.run_python(
            "-m", "pytest", *off, "--leak-json", "leaks.json", *words, **environment
        )
        left = [name for name in os.listdir(self.base) if not name.startswith("pytest-of-")]
        self.assertEqual(left, [], outcome.out + outcome.err)
        if code is not None:
            self.assertEqual(outcome.code, code, outcome.out + outcome.err)
        return outcome

    @property
    def document(self) -> Any:
        """The JSON report of the last session."""
        return json.loads((self.project / "leaks.json").read_text("utf-8"))

    @property
    def leaks(self) -> dict[str, tuple[str, str, str]]:
        """The scope, context and line of each leak, by its name up to the first dash or dot."""
        found: dict[str, tuple[str, str, str]] = {}
        for leak in self.document["leaks"]:
            name = Path(leak["path"]).name.partition("-")[0].partition(".")[0]
            self.assertNotIn(name, found, "reported twice")
            origin = leak["origin"]
            line = f"{origin['file']}:{origin['line']}" if origin else ""
            found[name] = leak["scope"], leak["context"], line
        return found


def section(outcome: Outcome) -> str:
    """Return the section on leaked files of a session; empty if there is none."""
    _, title, rest = outcome.out.partition(" leaked files (tidytest) ")
    return rest.partition("\n")[2].partition("\n====")[0] if title else ""
