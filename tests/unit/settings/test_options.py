"""The table of options, and taking our options out of a command line of unittest."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from runner.errors import UsageError
from runner.settings.config import Config
from runner.settings.help import completion_script, help_text
from runner.settings.options import BY_NAME, COMMAND_LINE, OPTIONS, find, nearest
from runner.settings.parser import parse

# Command lines of unittest, each with every kind of word that could be mistaken for one of ours.
STOCK = [
    [],
    ["-v"],
    ["-vfb", "tests.test_a"],
    ["--loc", "--fail", "tests.test_a", "tests/test_b.py"],
    ["--verb", "--qui", "--cat", "--buf"],
    ["-k", "leaks", "-k", "*fail*", "tests"],
    ["-k", "report tests"],
    ["-vkfoo", "-kbar", "-k=baz"],
    ["-bk", "guard"],
    ["-k", "--", "--leaks", "fail"],
    ["--", "--leaks", "fail"],
    ["tests.test_a", "--", "-v", "--guard"],
    ["discover"],
    ["discover", "-s", "tests", "-p", "test_*.py", "-t", "."],
    ["discover", "--start", "tests", "--pat=*.py", "--top", "."],
    ["discover", "tests", "*_test.py", "."],
    ["discover", "-vs", "keep", "-k", "pdb"],
    ["42", "leaks", "-"],
]
OURS = [
    ["--leaks", "fail"],
    ["--leaks=off"],
    ["--guard"],
    ["--no-reap"],
    ["--leak-ignore=-x*"],
    ["--leak-ignore", "*.log"],
    ["--shuffle=7"],
    ["--late-grace", "0.5"],
]


class Recorder(unittest.TestProgram):
    """unittest's own program up to the point where it would load tests."""

    def createTests(self, from_discovery: bool = False, Loader: Any = None) -> None:
        self.from_discovery = from_discovery

    def runTests(self) -> None:
        pass

    def parsed(self) -> dict[str, Any]:
        skipped = {"_main_parser", "_discovery_parser", "testLoader"}
        return {name: value for name, value in vars(self).items() if name not in skipped}


def parse_as_unittest(words: list[str]) -> dict[str, Any] | str:
    """What unittest makes of a command line: the attributes of its program, or its error."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            return Recorder(module=None, argv=["tidytest", *words], exit=False).parsed()
    except SystemExit:
        return errors.getvalue()


class Table(unittest.TestCase):
    def test_each_option_has_one_field_in_the_record_and_in_the_same_order(self) -> None:
        self.assertEqual(sorted(Config._fields), sorted(option.field for option in OPTIONS))

    def test_each_default_has_the_type_that_the_record_declares(self) -> None:
        config = Config()._asdict()
        allowed = {"str": str, "bool": bool, "int": int, "float": float, "None": type(None)}
        for field, declared in Config.__annotations__.items():
            text = getattr(declared, "__forward_arg__", declared)
            with self.subTest(field=field, declared=text):
                if str(text).startswith("tuple"):
                    self.assertIsInstance(config[field], tuple)
                else:
                    self.assertIn(type(config[field]), {allowed[n] for n in str(text).split(" | ")})

    def test_each_default_is_one_that_the_type_itself_would_give(self) -> None:
        for option in OPTIONS:
            if option.default is None or option.type.is_path or option.name in ("shuffle",):
                continue
            values = option.default if isinstance(option.default, tuple) else (option.default,)
            for value in values:
                with self.subTest(option=option.name):
                    self.assertEqual(option.type(option.show(value)), value)

    def test_each_option_says_what_it_does_and_names_its_value(self) -> None:
        for option in OPTIONS:
            with self.subTest(option=option.name):
                self.assertTrue(option.help and option.group)
                self.assertEqual(bool(option.metavar), not option.is_switch)

    def test_no_option_of_ours_is_an_abbreviation_of_one_of_unittest(self) -> None:
        for option in OPTIONS:
            if option.name == "durations" and sys.version_info >= (3, 12):
                continue  # unittest has it too
            for name in (f"--{option.name}", f"--no-{option.name}"):
                for words in ([name], [name, "1"], ["discover", name], ["discover", name, "1"]):
                    with self.subTest(words=words):
                        self.assertIn("unrecognized arguments", parse_as_unittest(words))

    def test_an_opposite_is_found_only_where_a_settings_file_can_switch_on(self) -> None:
        self.assertEqual(find("no-reap"), (BY_NAME["reap"], True))
        self.assertEqual(find("no-shuffle"), (BY_NAME["shuffle"], True))
        for name in ("no-leaks", "no-version", "no-no-reap", "no-", "", "no-pdb"):
            with self.subTest(name=name):
                self.assertIsNone(find(name))

    def test_the_nearest_name_is_found_for_misspelt_ones(self) -> None:
        near = {
            "leek": "leaks",
            "leak_jsn": "leak-json",
            "Shufle": "shuffle",
            "temproot": "temp-root",
        }
        for misspelt, expected in near.items():
            with self.subTest(misspelt=misspelt):
                self.assertEqual(nearest(misspelt), expected)
        for strange in ("foo", "x", "nonsense"):
            self.assertIsNone(nearest(strange))

    def test_durations_is_taken_on_every_version_of_python(self) -> None:
        for words in (["--durations", "3"], ["--no-durations", "--durations=3"]):
            arguments = parse([*words, "tests"])
            self.assertEqual((arguments.given["durations"], arguments.remaining), (3, ["tests"]))
        self.assertEqual(parse(["--durations", "-1"]).given["durations"], -1)
        self.assertEqual(parse(["--dur", "3"]).remaining, ["--dur", "3"])

    def test_no_durations_takes_back_what_came_before_it(self) -> None:
        for given in (["--durations", "3"], ["--durations=3"]):
            arguments = parse([*given, "tests", "--no-durations", "-v"])
            self.assertEqual(arguments.given, {"durations": None})
            self.assertEqual(arguments.remaining, ["tests", "-v"])

    def test_the_record_is_frozen(self) -> None:
        with self.assertRaises(AttributeError):
            Config().leaks = "off"  # type: ignore[misc]


class Splitting(unittest.TestCase):
    def test_unittests_own_command_lines_are_left_as_they_are(self) -> None:
        for words in STOCK:
            with self.subTest(words=words):
                self.assertEqual(parse(words).remaining, words)
                self.assertEqual(parse(words).given, {})

    def test_ours_are_taken_out_wherever_they_stand_and_unittest_sees_no_difference(self) -> None:
        valued = {"-k", "-s", "-p", "-t", "--start", "--top", "-bk", "-vs"}
        for words, ours in itertools.product(STOCK, OURS):
            expected = parse_as_unittest(words)
            end = words.index("--") if "--" in words else len(words)
            places = [i for i in range(end + 1) if i == 0 or words[i - 1] not in valued]
            for place in places:
                mixed = [*words[:place], *ours, *words[place:]]
                with self.subTest(mixed=mixed):
                    arguments = parse(mixed)
                    self.assertEqual(arguments.remaining, words)
                    self.assertEqual(len(arguments.given), 1)
                    self.assertEqual(parse_as_unittest(arguments.remaining), expected)

    def test_a_value_of_unittests_options_is_never_taken_for_ours(self) -> None:
        for valued in (["-k"], ["-vk"], ["-bfk"], ["discover", "-s"], ["discover", "--pat"]):
            words = [*valued, "--guard", "tests"]
            with self.subTest(words=words):
                self.assertEqual(parse(words).remaining, words)
                self.assertIn("expected one argument", parse_as_unittest(words))

    def test_a_value_stays_with_its_option_also_where_it_is_the_name_of_a_command(self) -> None:
        arguments = parse(["--keep-dir", "discover", "discover", "--html", "tests"])
        self.assertEqual(list(arguments.given.values()), ["discover", "tests"])
        self.assertEqual(arguments.remaining, ["discover"])

    def test_a_seed_is_taken_only_if_it_is_an_integer(self) -> None:
        cases: list[tuple[list[str], int | bool, list[str]]] = [
            (["--shuffle", "discover", "-v"], True, ["discover", "-v"]),
            (["--shuffle", "tests.test_x"], True, ["tests.test_x"]),
            (["--shuffle", "42", "tests"], 42, ["tests"]),
            (["--shuffle", "-5"], -5, []),
            (["--shuffle", "-v"], True, ["-v"]),
            (["--shuffle", "4.2"], True, ["4.2"]),
            (["--shuffle", "--", "42"], True, ["--", "42"]),
            (["--shuffle"], True, []),
            (["--shuffle=9", "8"], 9, ["8"]),
        ]
        for words, value, remaining in cases:
            with self.subTest(words=words):
                arguments = parse(words)
                self.assertEqual(arguments.given["shuffle"], value)
                self.assertEqual(arguments.remaining, remaining)

    def test_a_value_that_begins_with_a_dash_needs_the_equals_sign(self) -> None:
        self.assertEqual(parse(["--html=-x"]).given["html"], "-x")
        self.assertEqual(parse(["--html", "-"]).given["html"], "-")
        with self.assertRaisesRegex(UsageError, "^--late-grace: '-0.5' is not a number of sec"):
            parse(["--late-grace", "-0.5"])  # taken as the value, and refused as such
        for words in (["--html", "-v"], ["--html", "--leaks=fail"], ["--html", "--"], ["--html"]):
            with self.subTest(words=words), self.assertRaisesRegex(UsageError, "^--html needs a"):
                parse(words)

    def test_a_switch_takes_no_value(self) -> None:
        for word in ("--guard=yes", "--no-guard=1", "--no-html=x", "--no-reap="):
            with self.subTest(word=word), self.assertRaisesRegex(UsageError, "takes no value"):
                parse([word])

    def test_our_names_are_not_abbreviated_but_a_near_miss_is_told(self) -> None:
        for word, near in (("--leak", "--leaks"), ("--leak_json=x", "--leak-json")):
            with (
                self.subTest(word=word),
                self.assertRaisesRegex(UsageError, f"nearest is '{near}'"),
            ):
                parse([word])
        self.assertEqual(parse(["--xyzzy"]).remaining, ["--xyzzy"])

    def test_whether_unittest_will_be_verbose_is_read_as_unittest_reads_it(self) -> None:
        for words in (*STOCK, ["-v", "-q"], ["-q", "-v"], ["-qv"], ["--q", "--v"], ["-k", "-v"]):
            parsed = parse_as_unittest(words)
            if isinstance(parsed, str):
                continue
            with self.subTest(words=words):
                self.assertEqual(parse(words).is_verbose(), parsed["verbosity"] == 2)

    def test_a_wish_for_help_is_seen(self) -> None:
        for words in (["-h"], ["-vh"], ["--help"], ["--he", "x"], ["discover", "-h"]):
            self.assertIn("usage: tidytest", parse(words).unittest_help() or "")
        for words in (["-k", "-h"], ["--", "-h"], ["h"]):
            self.assertIsNone(parse(words).unittest_help())


class Help(unittest.TestCase):
    def test_every_option_stands_in_the_help_with_its_text(self) -> None:
        text = " ".join(help_text().split())
        for option in OPTIONS:
            with self.subTest(option=option.name):
                self.assertIn(option.flag, text)
                self.assertIn(option.help, text)

    def test_each_example_is_a_command_line_that_we_take(self) -> None:
        from runner.settings.load import load

        examples = [line for line in help_text().splitlines() if line.startswith("  tidytest ")]
        self.assertGreaterEqual(len(examples), 5)
        for line in examples:
            words = line.split("  ")[1].split()[1:]
            with self.subTest(words=words):
                remaining = load(words, cwd="/", environ={}).remaining
                self.assertNotIsInstance(parse_as_unittest(remaining), str)


class Completion(unittest.TestCase):
    def setUp(self) -> None:
        try:
            import shtab  # noqa: F401
        except ImportError:
            self.skipTest("shtab is not installed")

    def test_the_script_of_each_shell_knows_our_options_and_unittests(self) -> None:
        for shell in BY_NAME["completion"].type.choices:
            script = completion_script(shell)
            for name in ("leak-json", "no-reap", "failfast", "start-directory"):
                with self.subTest(shell=shell, name=name):
                    self.assertIn(name, script)

    def test_the_choices_of_an_option_are_completed(self) -> None:
        self.assertIn("on-failure", completion_script("bash"))

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_names_of_files_and_directories_are_completed(self) -> None:
        place = self.enterContext(tempfile.TemporaryDirectory())
        os.mkdir(os.path.join(place, "adir"))
        Path(place, "afile.py").touch()
        script = f"""{completion_script("bash")}
            for typed in "discover -s a" "discover -t a" "a" "--html a"; do
                COMP_WORDS=(tidytest $typed)
                COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
                _shtab_tidytest
                echo $typed: $(printf "%s\\n" "${{COMPREPLY[@]}}" | sort)
            done
            complete -p tidytest
        """
        told = subprocess.run(
            ["bash", "-c", script], cwd=place, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        self.assertEqual(told[:4], [
            "discover -s a: adir", "discover -t a: adir", "a: adir afile.py",
            "--html a: adir afile.py",
        ])
        self.assertIn(" -o default ", told[4])

    def test_a_missing_extra_is_told_in_one_line(self) -> None:
        hidden = sys.modules.pop("shtab", None)
        sys.modules["shtab"] = None  # type: ignore[assignment]
        try:
            with self.assertRaisesRegex(UsageError, r'pip install "tidytest\[completion\]"$'):
                completion_script("bash")
        finally:
            del sys.modules["shtab"]
            if hidden is not None:
                sys.modules["shtab"] = hidden


class CommandLineOnly(unittest.TestCase):
    def test_what_ends_the_program_at_once_is_no_setting(self) -> None:
        only = {option.name for option in OPTIONS if option.allowed == COMMAND_LINE}
        self.assertEqual(only, {"show-settings", "version", "completion"})


if __name__ == "__main__":
    unittest.main()
