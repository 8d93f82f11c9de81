"""Parse a command line: which words are options of the runner, and which remain for unittest."""

from __future__ import annotations

import contextlib
import io
import itertools
import sys
import unittest
from typing import Any

from runner.errors import UsageError
from runner.settings.options import OPTIONS
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


class ParseTests(unittest.TestCase):
    def test_words_of_unittest_remain_unchanged(self) -> None:
        for words in STOCK:
            with self.subTest(words=words):
                self.assertEqual(parse(words).remaining, words)
                self.assertEqual(parse(words).given, {})

    def test_options_are_parsed_at_every_position(self) -> None:
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

    def test_value_of_a_unittest_option_is_not_parsed(self) -> None:
        for valued in (["-k"], ["-vk"], ["-bfk"], ["discover", "-s"], ["discover", "--pat"]):
            words = [*valued, "--guard", "tests"]
            with self.subTest(words=words):
                self.assertEqual(parse(words).remaining, words)
                self.assertIn("expected one argument", parse_as_unittest(words))

    def test_value_may_be_the_word_discover(self) -> None:
        arguments = parse(["--keep-dir", "discover", "discover", "--html", "tests"])
        self.assertEqual(list(arguments.given.values()), ["discover", "tests"])
        self.assertEqual(arguments.remaining, ["discover"])

    def test_seed_must_be_an_integer(self) -> None:
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

    def test_value_with_a_dash_needs_the_equals_sign(self) -> None:
        self.assertEqual(parse(["--html=-x"]).given["html"], "-x")
        self.assertEqual(parse(["--html", "-"]).given["html"], "-")
        with self.assertRaisesRegex(UsageError, "^--late-grace: '-0.5' is not a number of sec"):
            parse(["--late-grace", "-0.5"])  # taken as the value, and refused as such
        for words in (["--html", "-v"], ["--html", "--leaks=fail"], ["--html", "--"], ["--html"]):
            with self.subTest(words=words), self.assertRaisesRegex(UsageError, "^--html needs a"):
                parse(words)

    def test_switch_takes_no_value(self) -> None:
        for word in ("--guard=yes", "--no-guard=1", "--no-html=x", "--no-reap="):
            with self.subTest(word=word), self.assertRaisesRegex(UsageError, "takes no value"):
                parse([word])

    def test_near_miss_of_a_name_is_refused(self) -> None:
        for word, near in (
            ("--leak", "--leaks"), ("--htlm", "--html"), ("--leak_json=x", "--leak-json"),
        ):  # fmt: skip
            with (
                self.subTest(word=word),
                self.assertRaisesRegex(UsageError, f"nearest is '{near}'"),
            ):
                parse([word])
        self.assertEqual(parse(["--xyzzy"]).remaining, ["--xyzzy"])

    def test_verbosity_is_the_one_of_unittest(self) -> None:
        for words in (*STOCK, ["-v", "-q"], ["-q", "-v"], ["-qv"], ["--q", "--v"], ["-k", "-v"]):
            parsed = parse_as_unittest(words)
            if isinstance(parsed, str):
                continue
            with self.subTest(words=words):
                self.assertEqual(parse(words).is_verbose(), parsed["verbosity"] == 2)

    def test_help_of_unittest_is_returned_if_asked_for(self) -> None:
        for words in (["-h"], ["-vh"], ["--help"], ["--he", "x"], ["discover", "-h"]):
            self.assertIn("usage: tidytest", parse(words).unittest_help() or "")
        for words in (["-k", "-h"], ["--", "-h"], ["h"]):
            self.assertIsNone(parse(words).unittest_help())

    def test_no_option_abbreviates_one_of_unittest(self) -> None:
        for option in OPTIONS:
            if option.name == "durations" and sys.version_info >= (3, 12):
                continue  # unittest has it too
            for name in (f"--{option.name}", f"--no-{option.name}"):
                for words in ([name], [name, "1"], ["discover", name], ["discover", name, "1"]):
                    with self.subTest(words=words):
                        self.assertIn("unrecognized arguments", parse_as_unittest(words))

    def test_durations_is_parsed_on_every_python(self) -> None:
        for words in (["--durations", "3"], ["--no-durations", "--durations=3"]):
            arguments = parse([*words, "tests"])
            self.assertEqual((arguments.given["durations"], arguments.remaining), (3, ["tests"]))
        self.assertEqual(parse(["--durations", "-1"]).given["durations"], -1)
        self.assertEqual(parse(["--dur", "3"]).remaining, ["--dur", "3"])

    def test_no_durations_drops_an_earlier_durations(self) -> None:
        for given in (["--durations", "3"], ["--durations=3"]):
            arguments = parse([*given, "tests", "--no-durations", "-v"])
            self.assertEqual(arguments.given, {"durations": None})
            self.assertEqual(arguments.remaining, ["tests", "-v"])


if __name__ == "__main__":
    unittest.main()
