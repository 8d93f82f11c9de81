"""Each promise of `docs/safety.md` names tests that exist."""

from __future__ import annotations

import importlib.util
import re
import unittest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "safety.md"
MAKEFILE = PAGE.parent.parent / "Makefile"


class SafetyPageTests(unittest.TestCase):
    def setUp(self) -> None:
        self.text = PAGE.read_text(encoding="utf-8")

    def test_names_a_test_for_each_promise(self) -> None:
        promises = re.findall(r"^- .*\n(?:  .*\n)*", self.text, re.MULTILINE)
        self.assertGreater(len(promises), 30)
        for promise in promises:
            self.assertRegex(promise, r"`tests\.[\w.]+\.test_", promise)

    def test_names_tests_that_exist(self) -> None:
        for name in re.findall(r"`(tests\.[\w.]+)`", self.text):
            with self.subTest(name):
                self.assertNotIn("_FailedTest", repr(found := loaded(name)))
                self.assertGreater(found.countTestCases(), 0)

    def test_names_campaigns_that_make_torture_runs(self) -> None:
        command = r"python -m (tests\.campaigns\.torture_\w+) --full"
        campaigns = set(re.findall(f"`{command}`", self.text))
        run = re.findall(command, MAKEFILE.read_text())
        self.assertEqual(campaigns, set(run))
        for name in campaigns:
            self.assertIsNotNone(importlib.util.find_spec(name), name)


def loaded(name: str) -> unittest.TestSuite:
    """Return the tests that a name stands for; one that fails where there are none."""
    return unittest.TestLoader().loadTestsFromName(name)


if __name__ == "__main__":
    unittest.main()
