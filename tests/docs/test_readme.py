"""The README: its commands are run and its links checked."""

from __future__ import annotations

import re
import tempfile
import unittest
from pathlib import Path

from tests.support import documentation

README = documentation.PROJECT / "README.md"


class ReadmeTests(unittest.TestCase):
    def test_its_commands_print_what_it_says(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        for complaint in documentation.try_page(README, Path(directory)):
            self.fail(complaint)

    def test_it_shows_both_commands_and_then_the_users_own_case(self) -> None:
        text = README.read_text(encoding="utf-8")
        order = [
            "$ make demo",
            "$ make test",
            "$ pip install ./tidytest",
            "**unittest**",
            "$ python -m runner",
            "**pytest**",
            "$ python -m pytest",
            "**Django**",
        ]
        places = [text.index(words) for words in order]
        self.assertEqual(places, sorted(places))

    def test_the_makefile_has_both_commands(self) -> None:
        makefile = (documentation.PROJECT / "Makefile").read_text(encoding="utf-8")
        for target in ("demo", "test"):
            self.assertRegex(makefile, rf"(?m)^{target}: ")

    def test_its_options_exist(self) -> None:
        from runner.settings.options import BY_NAME

        for name in re.findall(r"`--([a-z-]+)", README.read_text(encoding="utf-8")):
            self.assertIn(name, BY_NAME)

    def test_its_links_lead_to_files(self) -> None:
        self.assertEqual(documentation.broken_links(README), [])


if __name__ == "__main__":
    unittest.main()
