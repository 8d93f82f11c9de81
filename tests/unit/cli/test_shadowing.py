"""Where the modules of the tests are imported from, and which of them hide the runner's."""

from __future__ import annotations

import contextlib
import os
import tempfile
import unittest
from pathlib import Path

from runner.cli.shadowing import discovered, shadowed

SPELLINGS = (
    "discover src",
    "discover -s src",
    "discover -ssrc",
    "discover -vs src",
    "discover -vssrc",
    "discover -v --start-directory src",
    "discover --start-directory=src",
    "discover --sta=src",
    "discover -s src/sub -tsrc",
    "discover src/sub test*.py src",
    "discover --top-level-directory=src src/sub",
    "--leak-ignore x Discover --leaks report src",
)


class DiscoveredTests(unittest.TestCase):
    def test_every_spelling_names_the_directory(self) -> None:
        for words in SPELLINGS:
            with self.subTest(words):
                self.assertEqual(discovered(words.split()), [os.path.abspath("src")])

    def test_other_command_lines_name_none(self) -> None:
        for words in ("", "discover", "tests.test_a", "-v discover src", "--html discover",
                      "discover --html", "tests discover"):  # fmt: skip
            with self.subTest(words):
                self.assertEqual(discovered(words.split()), [])


class ShadowedTests(unittest.TestCase):
    def setUp(self) -> None:
        top = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(contextlib.chdir(top))

    def test_module_and_package_of_the_user_are_found(self) -> None:
        Path("a/runner").mkdir(parents=True)
        Path("a/runner/__init__.py").touch()
        Path("b").mkdir()
        Path("b/runner.py").touch()
        self.assertEqual(shadowed("runner", ["a", "b"]), "a/runner/__init__.py")
        self.assertEqual(shadowed("runner", ["b"]), "b/runner.py")

    def test_directory_without_init_is_no_package(self) -> None:
        Path("runner").mkdir()
        self.assertIsNone(shadowed("runner", ["."]))

    def test_the_runner_does_not_shadow_itself(self) -> None:
        here = str(Path(__file__).parents[3])
        self.assertIsNone(shadowed("runner", [here]))
        self.assertIsNone(shadowed("tempfiles", [here]))


if __name__ == "__main__":
    unittest.main()
