"""Where a setting comes from, which place wins, and which settings contradict each other."""

from __future__ import annotations

import contextlib
import os
import tempfile
import unittest
from pathlib import Path

from runner.errors import UsageError
from runner.settings.config import Config
from runner.settings.help import settings_text
from runner.settings.load import Loaded, load
from runner.settings.options import OPTIONS


class InProject(unittest.TestCase):
    """A directory with the settings file that a test writes."""

    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        (self.root / ".git").mkdir()

    def file(self, *lines: str) -> None:
        text = "\n".join(["[tool.tidytest]", *lines, ""])
        (self.root / "pyproject.toml").write_text(text, encoding="utf-8")

    def load(self, *argv: str, **environ: str) -> Loaded:
        return load(argv, cwd=self.root, environ=environ)

    def config(self, *argv: str, **environ: str) -> Config:
        return self.load(*argv, **environ).config

    def refused(self, *argv: str, **environ: str) -> str:
        with self.assertRaises(UsageError) as caught:
            self.load(*argv, **environ)
        message = str(caught.exception)
        self.assertEqual(len(message.splitlines()), 1, message)
        return message


class Precedence(InProject):
    def test_the_stronger_place_wins_and_is_named(self) -> None:
        self.assertEqual(self.load().sources["leaks"], "default")
        self.file("leaks = 'off'", "late-grace = 1", "keep = 'always'")
        loaded = self.load("--leaks=report", TIDYTEST_LEAKS="fail", TIDYTEST_LATE_GRACE="3")
        self.assertEqual(loaded.config.leaks, "report")
        self.assertEqual(loaded.config.late_grace, 3.0)
        self.assertEqual(loaded.config.keep, "always")
        self.assertEqual(loaded.sources["leaks"], "command line")
        self.assertEqual(loaded.sources["late-grace"], "environment TIDYTEST_LATE_GRACE")
        self.assertEqual(loaded.sources["keep"], "pyproject.toml:4")

    def test_without_any_setting_all_is_default(self) -> None:
        self.assertEqual(self.config(), Config())
        self.assertEqual(set(self.load().sources.values()), {"default"})
        self.assertEqual(set(self.load().sources), {option.name for option in OPTIONS})

    def test_every_lasting_option_can_be_set_in_each_place(self) -> None:
        samples = {
            "leaks": "fail", "keep": "always", "coverage-report": "html", "temp-root": "ram",
            "late-grace": "9", "coverage-fail-under": "9", "shuffle": "9",
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

    def test_what_a_file_switches_on_the_command_line_switches_off(self) -> None:
        self.file(
            "guard = true", "html = 'x'", "shuffle = 3", "leak-ignore = ['a']", "durations = 3"
        )
        config = self.config(
            "--no-guard", "--no-html", "--no-shuffle", "--no-leak-ignore", "--no-durations"
        )
        self.assertEqual(config, Config())

    def test_the_opposite_drops_what_weaker_places_have_and_not_what_follows_it(self) -> None:
        self.file("leak-ignore = ['a']")
        for words, expected in (
            ("--no-leak-ignore --leak-ignore=x --leak-ignore=y", ("x", "y")),
            ("--leak-ignore=x --no-leak-ignore --leak-ignore=y", ("y",)),
            ("--leak-ignore=x --no-leak-ignore", ()),
            ("--leak-ignore=x", ("a", "x")),
        ):
            with self.subTest(words):
                self.assertEqual(self.config(*words.split()).leak_ignore, expected)

    def test_of_the_same_option_given_twice_the_last_counts(self) -> None:
        self.assertEqual(self.config("--leaks=fail", "--leaks", "off").leaks, "off")
        self.assertTrue(self.config("--no-reap", "--reap").reap)
        self.assertFalse(self.config("--github", "--no-github").github)

    def test_ignored_patterns_add_up_and_reports_replace(self) -> None:
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

    def test_paths_are_absolute_from_where_they_were_written(self) -> None:
        config = self.config("--html=a/../b.html", "--keep-dir", str(self.root), "--temp-root=t")
        self.assertEqual(config.html, str(self.root / "b.html"))
        self.assertEqual(config.keep_dir, str(self.root))
        self.assertEqual(config.temp_root, str(self.root / "t"))
        self.assertEqual(self.config("--temp-root=ram").temp_root, "ram")
        self.assertEqual(self.config("--temp-root=./ram").temp_root, str(self.root / "ram"))
        self.assertEqual(self.config("--html=~/x").html, os.path.expanduser("~/x"))

    def test_what_is_left_goes_to_unittest_in_order(self) -> None:
        loaded = self.load("--guard", "discover", "--leaks", "fail", "-s", "tests", "--shuffle")
        self.assertEqual(loaded.remaining, ["discover", "-s", "tests"])


class Environment(InProject):
    def test_a_bad_value_names_the_variable(self) -> None:
        self.assertEqual(
            self.refused(TIDYTEST_LEAKS="loud"),
            "TIDYTEST_LEAKS: 'loud' is not one of report, fail, off",
        )
        self.assertEqual(
            self.refused(TIDYTEST_GUARD="perhaps"), "TIDYTEST_GUARD: 'perhaps' is not true or false"
        )

    def test_an_unknown_variable_is_refused_with_the_nearest(self) -> None:
        self.assertEqual(
            self.refused(TIDYTEST_LEAK_JSN="x"),
            "TIDYTEST_LEAK_JSN: there is no such setting; the nearest is TIDYTEST_LEAK_JSON",
        )

    def test_where_none_is_near_none_is_named(self) -> None:
        told = self.refused(TIDYTEST_FOO="1")
        self.assertEqual(told, "TIDYTEST_FOO: there is no such setting")
        self.file("foo = 1")
        self.assertEqual(self.refused(), "pyproject.toml:2: no setting is called 'foo'")

    def test_what_is_for_the_command_line_only_is_refused(self) -> None:
        self.assertEqual(
            self.refused(TIDYTEST_VERSION="1"),
            "TIDYTEST_VERSION: 'version' can only be set on the command line",
        )
        self.assertTrue(self.config(TIDYTEST_PDB="1").pdb)

    def test_an_empty_variable_is_none(self) -> None:
        self.assertEqual(self.config(TIDYTEST_LEAKS="", TIDYTEST_HTML=""), Config())

    def test_a_number_is_a_seed_and_a_word_a_switch(self) -> None:
        self.assertEqual(self.config(TIDYTEST_SHUFFLE="1").shuffle, 1)
        self.assertIsNone(self.config(TIDYTEST_SHUFFLE="off").shuffle)
        self.assertIsInstance(self.config(TIDYTEST_SHUFFLE="on").shuffle, int)

    def test_a_variable_and_its_opposite_are_refused_together(self) -> None:
        self.assertIn("set already", self.refused(TIDYTEST_REAP="1", TIDYTEST_NO_REAP="1"))

    def test_github_is_on_by_itself_under_github_actions(self) -> None:
        loaded = self.load(GITHUB_ACTIONS="true")
        self.assertTrue(loaded.config.github)
        self.assertEqual(loaded.sources["github"], "environment GITHUB_ACTIONS")
        self.assertFalse(self.config("--no-github", GITHUB_ACTIONS="true").github)
        self.assertFalse(self.config(TIDYTEST_NO_GITHUB="1", GITHUB_ACTIONS="true").github)
        self.assertTrue(self.config("--github").github)
        self.assertFalse(self.config(GITHUB_ACTIONS="false").github)


class BadArguments(InProject):
    def test_a_value_that_does_not_fit_names_the_option(self) -> None:
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
            "--slowest-temp=-1": "--slowest-temp: '-1' is not a whole number of at least 0",
        }  # fmt: skip
        for word, message in cases.items():
            with self.subTest(word=word):
                self.assertEqual(self.refused(word), message)


class Contradictions(InProject):
    def test_two_settings_of_one_place_that_contradict_are_refused(self) -> None:
        cases = (
            "--shuffle --reverse",
            "--shuffle=0 --reverse",
            "--update-baseline --strict-baseline",
            "--pdb --progress",
            "--progress -v",
            "-fv --progress",
            "--html=x --junit-xml=./x",
            "--leaks=off --leak-trace",
            "--leaks=off --leak-ignore=x",
            "--leaks=off --watch-modified",
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

    def test_settings_that_go_together_are_taken(self) -> None:
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

    def test_of_two_that_exclude_each_other_the_stronger_place_wins(self) -> None:
        self.file("shuffle = 3", "progress = true", "strict-baseline = true")
        loaded = self.load("--reverse", "--update-baseline", "-v")
        self.assertTrue(loaded.config.reverse and loaded.config.update_baseline)
        self.assertIsNone(loaded.config.shuffle)
        self.assertFalse(loaded.config.strict_baseline or loaded.config.progress)
        self.assertEqual(loaded.sources["shuffle"], "default, set aside by --reverse")
        self.assertEqual(loaded.sources["progress"], "default, set aside by -v")

    def test_a_file_may_say_how_what_is_not_always_done_is_done(self) -> None:
        self.file("coverage-report = ['html']", "coverage-fail-under = 90", "keep-dir = 'kept'")
        self.assertFalse(self.config().coverage)
        self.assertEqual(self.config("--coverage").coverage_report, ("html",))

    def test_what_is_of_no_use_lies_idle_in_a_file_and_nowhere_else(self) -> None:
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

    def test_where_no_leaks_are_looked_for_the_baseline_may_be_off(self) -> None:
        self.assertEqual(self.config("--leaks=off", "--no-leak-baseline").leak_baseline, "")
        self.file("leaks = 'off'", "no-leak-baseline = true")
        self.assertEqual(self.config("--strict-baseline", "--leaks=fail",
                                     "--leak-baseline=x").leak_baseline, str(self.root / "x"))

    def test_strictness_without_a_baseline_is_refused_on_the_command_line_only(self) -> None:
        self.enterContext(contextlib.chdir(self.root))
        told = self.refused("--strict-baseline")
        self.assertIn("needs --leak-baseline FILE, or a .tidytest-leaks.json", told)
        self.file("strict-baseline = true")
        self.assertTrue(self.config().strict_baseline)
        (self.root / ".tidytest-leaks.json").touch()
        self.assertTrue(self.config("--strict-baseline").strict_baseline)

    def test_a_file_that_contradicts_itself_is_refused_with_the_line(self) -> None:
        self.file("reverse = true", "shuffle = true")
        self.assertEqual(
            self.refused(),
            "shuffle (pyproject.toml:3) and reverse (pyproject.toml:2) contradict each other",
        )

    def test_what_the_command_line_asks_for_is_not_dropped_for_a_weaker_place(self) -> None:
        self.file("leaks = 'off'")
        self.assertEqual(
            self.refused("--until-leak"),
            "--until-leak needs --leaks report or fail, and leaks is off (pyproject.toml:2)",
        )
        self.file("strict-baseline = true")
        self.assertEqual(self.config("--leaks=off").leaks, "off")


class ShowSettings(InProject):
    def test_each_setting_is_a_line_with_value_and_source_in_columns(self) -> None:
        self.file("leaks = 'fail'", "leak-ignore = ['a', 'b']")
        lines = settings_text(self.load("--no-reap", "--shuffle=5")).splitlines()
        rows = {line.split()[0]: line for line in lines}
        self.assertEqual(len(rows), len([o for o in OPTIONS if o.allowed != "command line"]))
        self.assertEqual(rows["leaks"].split(), ["leaks", "fail", "pyproject.toml:2"])
        self.assertEqual(rows["reap"].split(), ["reap", "off", "command", "line"])
        self.assertEqual(rows["shuffle"].split()[1], "5")
        self.assertIn(" a, b ", rows["leak-ignore"])
        self.assertEqual(rows["keep-bytes"].split(), ["keep-bytes", "1G", "default"])
        column = rows["leaks"].index("pyproject")
        self.assertTrue(
            all(row[column - 2 : column] == "  " and row[column] != " " for row in rows.values())
        )


if __name__ == "__main__":
    unittest.main()
