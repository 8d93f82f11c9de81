"""The variables of Bazel: what a run does with each, and that its tests do not get them."""

from __future__ import annotations

import json
import os

from tests.support.projects import ProjectTestCase

SUITE = """
    import json, os, tempfile, unittest

    NAMES = ("TEST_", "XML_OUTPUT_FILE", "TESTBRIDGE_TEST_ONLY")

    class A(unittest.TestCase):
        def test_1(self):
            self.assertTrue(os.path.exists("premature"))
            with open("seen.json", "w") as file:
                json.dump([*filter(lambda name: name.startswith(NAMES), os.environ)], file)
            self.assertTrue(tempfile.gettempdir().startswith(os.path.abspath("temp")))
    class B(unittest.TestCase):
        def test_1(self): pass
        def test_2(self): pass
    class C(unittest.TestCase):
        def test_exit(self): os._exit(0)
"""


class BazelTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", SUITE)
        (self.project / "temp").mkdir()

    def test_all_variables_are_honoured_and_none_handed_on(self) -> None:
        outcome = self.tidytest(
            TEST_TOTAL_SHARDS="1", TEST_SHARD_INDEX="0", TEST_SHARD_STATUS_FILE="status",
            XML_OUTPUT_FILE="out.xml", TEST_PREMATURE_EXIT_FILE="premature", TEST_TMPDIR="temp",
            TESTBRIDGE_TEST_ONLY="A.test_1 '*.B.*_1'",
        )  # fmt: skip
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("Ran 2 tests", outcome.err)
        self.assertEqual(json.loads((self.project / "seen.json").read_text()), ["TEST_TMPDIR"])
        self.assertIn('tests="2"', (self.project / "out.xml").read_text())
        self.assertFalse((self.project / "premature").exists())
        self.assertTrue((self.project / "status").exists())
        self.assertEqual(os.listdir(self.project / "temp"), [])

    def test_shards_are_those_of_the_option_which_is_stronger(self) -> None:
        parts = [self.tidytest("--list", "--shard", f"{number}/2").out for number in (1, 2)]
        for index in ("0", "1"):
            given = {"TEST_TOTAL_SHARDS": "2", "TEST_SHARD_INDEX": index}
            self.assertEqual(self.tidytest("--list", **given).out, parts[int(index)])
            self.assertEqual(self.tidytest("--list", "--shard=1/1", **given).out.count("\n"), 4)

    def test_file_of_a_premature_exit_stays_where_a_test_exits(self) -> None:
        self.run_python(
            "-m", "runner", "test_a.C", TEST_PREMATURE_EXIT_FILE=str(self.project / "premature")
        )
        self.assertTrue((self.project / "premature").exists())
        self.tidytest("test_a.B")  # reaps

    def test_values_that_are_not_valid_are_refused(self) -> None:
        for given, part in (
            ({"TEST_TOTAL_SHARDS": "2", "TEST_SHARD_INDEX": "2"}, "TEST_SHARD_INDEX=2: the index"),
            ({"TEST_TOTAL_SHARDS": "many"}, "TEST_TOTAL_SHARDS=many"),
            ({"TEST_SHARD_STATUS_FILE": "no/file"}, "TEST_SHARD_STATUS_FILE: cannot create"),
            ({"TESTBRIDGE_TEST_ONLY": "'a"}, "TESTBRIDGE_TEST_ONLY: No closing quotation"),
        ):
            with self.subTest(part):
                self.assertRefused(self.tidytest(**given), part)
