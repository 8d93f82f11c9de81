"""Settings that contradict each other."""

from __future__ import annotations

import contextlib
import unittest

from runner.settings.config import Config
from tests.support.settings import SettingsTestCase


class ConflictTests(SettingsTestCase):
    def test_contradiction_in_one_place_is_refused(self) -> None:
        cases = (
            "--shuffle --reverse",
            "--shuffle=0 --reverse",
            "--update-baseline --strict-baseline",
            "--pdb --progress",
            "--pdb --timeout=3",
            "--pdb --jobs=2",
            "--split=tests",
            "--timeout=3 --durations-file=x",
            "--resources=db=2",
            "--pdb --retries=1",
            "--flaky=fail",
            "--retries=0 --flaky=fail",
            "--jobs=2 --junit-xml=x --durations-file=x",
            "--progress -v",
            "-fv --progress",
            "--html=x --junit-xml=./x",
            "--leaks=off --leak-trace",
            "--leaks=off --leak-ignore=x",
            "--leaks=off --watch-modified",
            "--leaks=off --detect=processes",
            "--leaks=off --clean-outside",
            "--leaks=off --leak-baseline=x",
            "--leaks=off --update-baseline",
            "--leaks=off --strict-baseline",
            "--leaks=off --until-leak",
            "--leaks=off --leak-json=x",
            "--leaks=off --slowest-temp=3",
            "--leaks=off --late-grace=1",
            "--leaks=off --leaked-last",
            "--leaks=off --keep=always",
            "--no-leak-baseline --update-baseline",
            "--no-leak-baseline --strict-baseline",
            "--strict-baseline",
            "--until-leak --update-baseline",
            "--until-leak --retries=1",
            "--version --completion=bash",
            "--show-settings --version",
            "--completion=bash --show-settings",
            "--coverage-report=html",
            "--coverage-report=term",
            "--coverage-fail-under=0",
            "--temp-root-min-free=0",
            "--temp-root=disk --temp-root-min-free=1",
            "--keep=never --keep-dir=x",
            "--keep=never --keep-runs=3",
            "--keep=never --keep-bytes=1",
        )
        for words in cases:
            with self.subTest(words=words):
                message = self.refused(*words.split())
                self.assertRegex(message, "contradict each other|needs --|name the same file")
                option = words.split("--")[-1].split("=")[0].split()[0]
                self.assertIn(option, message)

    def test_compatible_settings_are_accepted(self) -> None:
        cases = (
            "--last-failed --leaked-last",
            "--repeat=9 --until-leak",
            "--shuffle --repeat=2",
            "--no-shuffle --reverse",
            "--update-baseline --leaks=fail",
            "--update-baseline --repeat=3",
            "--progress -v -q",
            "--progress -k -v",
            "--keep-dir=x",
            "--keep-dir=x --keep=always",
            "--leaks=off --junit-xml=x --html=y --monitor=z.csv",
            "--leaks=off --no-leak-ignore --no-guard",
            "--leaks=off --keep=never",
            "--guard --no-reap --keep=always",
            "--coverage --coverage-report=html --coverage-fail-under=80",
            "--temp-root=ram --temp-root-min-free=1",
            "--html=/dev/null --junit-xml=/dev/null",
        )
        for words in cases:
            with self.subTest(words=words):
                self.assertIsInstance(self.config(*words.split()), Config)

    def test_stronger_place_resets_the_excluded_setting(self) -> None:
        self.file("shuffle = 3", "progress = true", "strict-baseline = true")
        loaded = self.load("--reverse", "--update-baseline", "-v")
        self.assertTrue(loaded.config.reverse and loaded.config.update_baseline)
        self.assertIsNone(loaded.config.shuffle)
        self.assertFalse(loaded.config.strict_baseline or loaded.config.progress)
        self.assertEqual(loaded.sources["shuffle"], "default, set aside by --reverse")
        self.assertEqual(loaded.sources["progress"], "default, set aside by -v")

    def test_file_may_configure_coverage_that_is_off(self) -> None:
        self.file("coverage-report = ['html']", "coverage-fail-under = 90", "keep-dir = 'kept'")
        self.assertFalse(self.config().coverage)
        self.assertEqual(self.config("--coverage").coverage_report, ("html",))

    def test_setting_without_effect_is_allowed_in_a_file_only(self) -> None:
        cases = {
            "coverage = false": "coverage-report = ['html']",
            "temp-root = 'disk'": "temp-root-min-free = '1G'",
            "keep = 'never'": "keep-runs = 3",
            "leaks = 'off'": "strict-baseline = true",
            "no-leak-baseline = true": "strict-baseline = true ",
        }
        for other, idle in cases.items():
            with self.subTest(idle):
                self.file(other, idle)
                self.assertIsInstance(self.config(), Config)
        self.file("leaks = 'off'")
        self.assertIn("needs --leaks report or fail", self.refused(TIDYTEST_LEAK_TRACE="1"))

    def test_baseline_may_be_off_with_leaks_off(self) -> None:
        self.assertEqual(self.config("--leaks=off", "--no-leak-baseline").leak_baseline, "")
        self.file("leaks = 'off'", "no-leak-baseline = true")
        self.assertEqual(self.config("--strict-baseline", "--leaks=fail",
                                     "--leak-baseline=x").leak_baseline, str(self.root / "x"))

    def test_strict_without_baseline_is_refused_in_arguments(self) -> None:
        self.enterContext(contextlib.chdir(self.root))
        message = self.refused("--strict-baseline")
        self.assertIn("needs --leak-baseline FILE, or a .tidytest-leaks.json", message)
        self.file("strict-baseline = true")
        self.assertTrue(self.config().strict_baseline)
        (self.root / ".tidytest-leaks.json").touch()
        self.assertTrue(self.config("--strict-baseline").strict_baseline)

    def test_contradiction_in_a_file_is_refused_with_the_line(self) -> None:
        self.file("reverse = true", "shuffle = true")
        self.assertEqual(
            self.refused(),
            "shuffle (pyproject.toml:3) and reverse (pyproject.toml:2) contradict each other",
        )

    def test_command_line_is_not_reset_by_a_weaker_place(self) -> None:
        self.file("leaks = 'off'")
        self.assertEqual(
            self.refused("--until-leak"),
            "--until-leak needs --leaks report or fail, and leaks is off (pyproject.toml:2)",
        )
        self.file("strict-baseline = true")
        self.assertEqual(self.config("--leaks=off").leaks, "off")


if __name__ == "__main__":
    unittest.main()
