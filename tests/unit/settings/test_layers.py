"""Where a setting comes from, and which place wins."""

from __future__ import annotations

import os
import unittest

from runner.settings.config import Config
from runner.settings.options import OPTIONS
from tests.support.settings import SettingsTestCase


class PrecedenceTests(SettingsTestCase):
    def test_stronger_place_wins_and_is_named(self) -> None:
        self.assertEqual(self.load().sources["leaks"], "default")
        self.file("leaks = 'off'", "late-grace = 1", "keep = 'always'")
        loaded = self.load("--leaks=report", TIDYTEST_LEAKS="fail", TIDYTEST_LATE_GRACE="3")
        self.assertEqual(loaded.config.leaks, "report")
        self.assertEqual(loaded.config.late_grace, 3.0)
        self.assertEqual(loaded.config.keep, "always")
        self.assertEqual(loaded.sources["leaks"], "command line")
        self.assertEqual(loaded.sources["late-grace"], "environment TIDYTEST_LATE_GRACE")
        self.assertEqual(loaded.sources["keep"], "pyproject.toml:4")

    def test_all_is_default_without_settings(self) -> None:
        self.assertEqual(self.config(), Config())
        self.assertEqual(set(self.load().sources.values()), {"default"})
        self.assertEqual(set(self.load().sources), {option.name for option in OPTIONS})

    def test_every_option_can_be_set_in_each_place(self) -> None:
        samples = {
            "leaks": "fail", "keep": "always", "coverage-report": "html", "temp-root": "ram",
            "late-grace": "9", "coverage-fail-under": "9", "shuffle": "9", "detect": "processes",
            "timeout": "9", "flaky": "fail", "split": "tests", "resources": "db=2",
            "workers-by": "spawn", "jobs": "9", "workers": "tcp://a:1", "workers-wait": "9",
            "summary": "short",
        }  # fmt: skip
        for option in OPTIONS:
            if option.allowed != "file":
                continue
            text = samples.get(option.name, "false" if option.default is True else "true")
            if not option.is_switch and option.name not in samples:
                text = "9" if option.metavar in ("N", "SIZE") else "x"
            native = text if text in ("true", "false") or text.isdigit() else f"'{text}'"
            needed = {
                "temp-root-min-free": "temp-root = 'ram'", "strict-baseline": "leak-baseline = 'x'",
                "flaky": "retries = 1", "split": "jobs = 2", "resources": "jobs = 2",
                "durations-file": "jobs = 2", "workers-wait": "workers = 'dask'",
                "ship": "workers = 'dask'",
            }.get(option.name, "coverage = true" if option.name.startswith("coverage-") else "")
            with self.subTest(option=option.name):
                self.file(f"{option.name} = {native}", needed)
                from_file = getattr(self.config(), option.field)
                self.file(needed)
                from_environment = getattr(self.config(**{option.variable: text}), option.field)
                words = [option.flag] if option.is_switch else [f"--{option.name}={text}"]
                from_argv = getattr(self.config(*words), option.field)
                self.assertEqual(from_file, from_argv)
                self.assertEqual(from_environment, from_argv)
                self.assertNotEqual(from_argv, getattr(Config(), option.field))

    def test_command_line_switches_off_what_file_switches_on(self) -> None:
        self.file(
            "guard = true", "html = 'x'", "shuffle = 3", "leak-ignore = ['a']", "durations = 3"
        )
        config = self.config(
            "--no-guard", "--no-html", "--no-shuffle", "--no-leak-ignore", "--no-durations"
        )
        self.assertEqual(config, Config())

    def test_opposite_drops_weaker_values_only(self) -> None:
        self.file("leak-ignore = ['a']")
        for words, expected in (
            ("--no-leak-ignore --leak-ignore=x --leak-ignore=y", ("x", "y")),
            ("--leak-ignore=x --no-leak-ignore --leak-ignore=y", ("y",)),
            ("--leak-ignore=x --no-leak-ignore", ()),
            ("--leak-ignore=x", ("a", "x")),
        ):
            with self.subTest(words):
                self.assertEqual(self.config(*words.split()).leak_ignore, expected)

    def test_resources_are_a_table_in_the_settings_file(self) -> None:
        for lines in (
            ["resources = { db = { max = 2 }, gpu = 1 }"],
            ["[tool.tidytest.resources]", "db = { max = 2 }", "gpu = { max = 1 }"],
            ["[tool.tidytest.resources.db]", "max = 2", "[tool.tidytest.resources.gpu]", "max = 1"],
            ["resources = ['db=2', 'gpu=1']"],
        ):
            with self.subTest(lines):
                self.file(*lines)
                self.assertEqual(self.config().resources, (("db", 2), ("gpu", 1)))
        self.file("[tool.tidytest.resources]", "db = { max = 2 }")
        config = self.config("-j2", "--resources=db=3,x=1")
        self.assertEqual(config.resources, (("db", 3), ("x", 1)))

    def test_entry_of_resources_without_a_limit_is_refused(self) -> None:
        for entry in ("db = {}", "db = { maximum = 2 }", "db = { max = 0 }", "db = 'two'",
                      "db = true", "db = { max = 2, min = 1 }"):  # fmt: skip
            with self.subTest(entry):
                self.file("[tool.tidytest.resources]", entry)
                self.assertEqual(
                    self.refused(),
                    "pyproject.toml:2: resources: 'db' must have a whole number of at least 1,"
                    " as in `db = { max = 2 }`",
                )

    def test_last_of_a_repeated_option_counts(self) -> None:
        self.assertEqual(self.config("--leaks=fail", "--leaks", "off").leaks, "off")
        self.assertTrue(self.config("--no-reap", "--reap").reap)
        self.assertFalse(self.config("--github", "--no-github").github)

    def test_ignored_patterns_join_and_reports_replace(self) -> None:
        self.file("leak-ignore = ['a']", "coverage-report = ['html']", "coverage = true")
        loaded = self.load("--leak-ignore=c", "--leak-ignore=d,e", TIDYTEST_LEAK_IGNORE="b")
        self.assertEqual(loaded.config.leak_ignore, ("a", "b", "c", "d,e"))
        self.assertEqual(
            loaded.sources["leak-ignore"],
            "pyproject.toml:2, environment TIDYTEST_LEAK_IGNORE, command line",
        )
        self.assertEqual(self.config("--coverage-report=xml").coverage_report, ("xml",))

    def test_reports_are_repeated_or_separated_by_commas(self) -> None:
        words = ["--coverage", "--coverage-report", "html,term", "--coverage-report=xml,html"]
        self.assertEqual(self.config(*words).coverage_report, ("html", "term", "xml"))

    def test_paths_are_relative_to_where_they_are_written(self) -> None:
        config = self.config("--html=a/../b.html", "--keep-dir", str(self.root), "--temp-root=t")
        self.assertEqual(config.html, str(self.root / "b.html"))
        self.assertEqual(config.keep_dir, str(self.root))
        self.assertEqual(config.temp_root, str(self.root / "t"))
        self.assertEqual(self.config("--temp-root=ram").temp_root, "ram")
        self.assertEqual(self.config("--temp-root=./ram").temp_root, str(self.root / "ram"))
        self.assertEqual(self.config("--html=~/x").html, os.path.expanduser("~/x"))

    def test_remaining_words_go_to_unittest_in_order(self) -> None:
        loaded = self.load("--guard", "discover", "--leaks", "fail", "-s", "tests", "--shuffle")
        self.assertEqual(loaded.remaining, ["discover", "-s", "tests"])


class EnvironmentTests(SettingsTestCase):
    def test_bad_value_names_the_variable(self) -> None:
        self.assertEqual(
            self.refused(TIDYTEST_LEAKS="loud"),
            "TIDYTEST_LEAKS: 'loud' is not one of report, fail, off",
        )
        self.assertEqual(
            self.refused(TIDYTEST_GUARD="perhaps"), "TIDYTEST_GUARD: 'perhaps' is not true or false"
        )

    def test_unknown_variable_is_refused_with_the_nearest(self) -> None:
        self.assertEqual(
            self.refused(TIDYTEST_LEAK_JSN="x"),
            "TIDYTEST_LEAK_JSN: there is no such setting; the nearest is TIDYTEST_LEAK_JSON",
        )

    def test_no_nearest_name_for_a_strange_one(self) -> None:
        message = self.refused(TIDYTEST_FOO="1")
        self.assertEqual(message, "TIDYTEST_FOO: there is no such setting")
        self.file("foo = 1")
        self.assertEqual(self.refused(), "pyproject.toml:2: no setting is called 'foo'")

    def test_option_of_the_command_line_is_refused(self) -> None:
        self.assertEqual(
            self.refused(TIDYTEST_VERSION="1"),
            "TIDYTEST_VERSION: 'version' can only be set on the command line",
        )
        self.assertTrue(self.config(TIDYTEST_PDB="1").pdb)

    def test_empty_variable_sets_nothing(self) -> None:
        self.assertEqual(self.config(TIDYTEST_LEAKS="", TIDYTEST_HTML=""), Config())

    def test_variables_of_a_worker_set_nothing(self) -> None:
        loaded = self.load(TIDYTEST_WORKER="3", TIDYTEST_RUN="ab12cd34", TIDYTEST_LEAKS="fail")
        self.assertEqual(loaded.config, Config(leaks="fail"))
        self.assertEqual(self.load(TIDYTEST_WORKER="3", TIDYTEST_RUN="ab").settings, {})

    def test_seed_is_a_number_and_switch_a_word(self) -> None:
        self.assertEqual(self.config(TIDYTEST_SHUFFLE="1").shuffle, 1)
        self.assertIsNone(self.config(TIDYTEST_SHUFFLE="off").shuffle)
        self.assertIsInstance(self.config(TIDYTEST_SHUFFLE="on").shuffle, int)

    def test_variable_and_its_opposite_are_refused(self) -> None:
        self.assertIn("set already", self.refused(TIDYTEST_REAP="1", TIDYTEST_NO_REAP="1"))

    def test_github_is_on_under_github_actions(self) -> None:
        loaded = self.load(GITHUB_ACTIONS="true")
        self.assertTrue(loaded.config.github)
        self.assertEqual(loaded.sources["github"], "environment GITHUB_ACTIONS")
        self.assertFalse(self.config("--no-github", GITHUB_ACTIONS="true").github)
        self.assertFalse(self.config(TIDYTEST_NO_GITHUB="1", GITHUB_ACTIONS="true").github)
        self.assertTrue(self.config("--github").github)
        self.assertFalse(self.config(GITHUB_ACTIONS="false").github)


class ArgumentsTests(SettingsTestCase):
    def test_bad_value_names_the_option(self) -> None:
        cases = {
            "--leaks=": "--leaks: '' is not one of report, fail, off",
            "--repeat=0": "--repeat: '0' is not a whole number of at least 1",
            "--repeat=1.5": "--repeat: '1.5' is not a whole number of at least 1",
            "--shuffle=x": "--shuffle: 'x' is not a whole number (the seed), true or false",
            "--late-grace=nan": "--late-grace: 'nan' is not a number of seconds",
            "--coverage-report=html,pdf":
                "--coverage-report: 'pdf' is not one of term, html, xml, json",
            "--completion=ksh": "--completion: 'ksh' is not one of bash, zsh, tcsh",
            "--html=": "--html: '' is not the name of a file, or - for standard output",
            "--monitor=x/": "--monitor: 'x/' is not the name of a file",
            "--keep-bytes=much": "--keep-bytes: 'much' is not a size such as 512M or 1G",
            "--timeout=-1": "--timeout: '-1' is not a number of seconds above 0",
            "--timeout=0": "--timeout: '0' is not a number of seconds above 0",
            "--timeout=inf": "--timeout: 'inf' is not a number of seconds above 0",
            "--retries=-1": "--retries: '-1' is not a whole number of at least 0",
            "--flaky=x": "--flaky: 'x' is not one of report, fail",
            "--resources=db": "--resources: 'db' is not NAME=MAX, MAX at least 1",
            "--resources=db=0": "--resources: 'db=0' is not NAME=MAX, MAX at least 1",
            "--workers-by=thread": "--workers-by: 'thread' is not one of auto, fork, spawn",
            "--slowest-temp=-1": "--slowest-temp: '-1' is not a whole number of at least 0",
        }  # fmt: skip
        for word, message in cases.items():
            with self.subTest(word=word):
                self.assertEqual(self.refused(word), message)


if __name__ == "__main__":
    unittest.main()
