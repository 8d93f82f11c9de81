"""`--retries` and `--flaky` with the real program: what is run again, and who reports it."""

from __future__ import annotations

import json
import os

from tests.support.projects import ProjectTestCase

SUITE = """
    import os, tempfile, unittest

    def attempts(name):
        path = os.path.join(os.environ["ATTEMPTS"], name)
        with open(path, "a") as file:
            file.write("x")
        return os.path.getsize(path)

    class A(unittest.TestCase):
        def test_1(self):
            self.assertEqual(attempts("1"), 1)
        def test_2(self):
            print("attempt", attempts("2"), flush=True)
            open(os.path.join(tempfile.gettempdir(), "left.txt"), "w").close()
            self.assertEqual(attempts("2b"), 2)
        def test_3(self):
            self.fail("always")

    class B(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            if attempts("b") < 2:
                raise OSError("no database")
        def test_4(self): pass

    class C(unittest.TestCase):
        def test_5(self):
            if attempts("c") < 2:
                os._exit(3)
"""
FLAKY = [
    ("test_a.A.test_2", "failed 1 of 2 times: AssertionError: 1 != 2"),
    ("setUpClass (test_a.B)", "failed 1 of 2 times: OSError: no database"),
    ("test_a.C.test_5", "failed 1 of 2 times: the process of this test ended with exit code 3"),
]


class RetriesTestCase(ProjectTestCase):
    """Has a project with flaky tests, and a directory where they count their attempts."""

    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", SUITE)
        self.attempts = self.project.parent / "attempts"
        self.attempts.mkdir()

    def count(self, name: str) -> int:
        return (self.attempts / name).stat().st_size


class ReportTests(RetriesTestCase):
    def test_flaky_tests_are_named_in_every_report(self) -> None:
        outcome = self.tidytest(
            "-j2", "--retries=1", "--leak-json=leaks.json", "--junit-xml=tests.xml",
            "--html=page.html", "--github", "test_a", ATTEMPTS=str(self.attempts),
        )  # fmt: skip
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("Ran 5 tests", outcome.err)
        self.assertIn("FAILED (failures=1)", outcome.err)
        found = json.loads((self.project / "leaks.json").read_text())["flaky"]
        self.assertEqual([entry["id"] for entry in found], [id for id, _ in FLAKY])
        xml, page = ((self.project / name).read_text() for name in ("tests.xml", "page.html"))
        for id, note in FLAKY:
            with self.subTest(id):
                self.assertIn(f"{id}: {note}", outcome.err)
                self.assertIn(f'name="flaky:{id}" value="{note}"', xml)
                self.assertIn(f"title=flaky%3A {id}::{note}", outcome.out)
        self.assertIn(f"flaky: {FLAKY[0][1]}", page)

    def test_each_attempt_shows_what_it_printed_and_left(self) -> None:
        outcome = self.tidytest(
            "-j2", "-v", "--retries=3", "test_a.A", ATTEMPTS=str(self.attempts)
        )
        self.assertEqual(outcome.out, "attempt 1\nattempt 2\n")
        self.assertIn("0 B  left.txt", outcome.err)
        self.assertEqual(outcome.err.count("FAIL: test_3"), 1)
        self.assertEqual(self.count("1"), 1)


class EndTests(RetriesTestCase):
    def test_flaky_tests_fail_the_run_only_if_asked(self) -> None:
        for words, code in ((["--flaky=fail"], 1), ([], 0)):
            for name in os.listdir(self.attempts):
                (self.attempts / name).unlink()
            with self.subTest(words):
                outcome = self.tidytest(
                    "--retries=1", *words, "test_a.B", "test_a.C", ATTEMPTS=str(self.attempts)
                )
                self.assertEqual(outcome.code, code, outcome.err)
                verdict = "FAILED: 2 flaky tests (--flaky fail)\n" in outcome.err
                self.assertEqual(verdict, bool(code))
        remembered = json.loads((self.project / ".tidytest_cache" / "tests.json").read_text())
        self.assertEqual(remembered["failed"], [])

    def test_failfast_stops_after_the_last_attempt(self) -> None:
        outcome = self.tidytest(
            "-f", "--retries=1", "test_a.A", "test_a.C", ATTEMPTS=str(self.attempts)
        )
        self.assertIn("Ran 3 tests", outcome.err)
        self.assertIn("test_a.A.test_2: failed 1 of 2 times", outcome.err)
        self.assertIn("FAIL: test_3", outcome.err)
        self.assertFalse((self.attempts / "c").exists())
