"""What the HTML report's script draws from: rows, states, texts, times and samples."""

from __future__ import annotations

import json
import unittest
from dataclasses import replace
from typing import Any

from runner.formats import html_data
from runner.session.records import FixtureRecord, SubtestRecord, SuiteReport, TestRecord
from tempfiles.monitor.usage import Sample
from tempfiles.records import Leak, Origin
from tempfiles.reports import RunReport, Summary
from tests.support.projects import ProjectTestCase
from tests.support.report_samples import STARTED, TRACEBACK, repeated

LEAK = Leak("/tmp/tidy-ab12/3/d/x.csv", "file", 12, 1, "m.C.test_x", "test",
            Origin("t.py", 4, "f", "open"), outcome="removed")
TEST = TestRecord("m.C.test_x", "m", "C", "test_x", started=STARTED)


def document(report: SuiteReport) -> Any:
    """What the page's script reads."""
    return json.loads(json.dumps(html_data.document(report)))


class DocumentTests(unittest.TestCase):
    def test_the_random_part_of_the_run_root_is_left_out(self) -> None:
        leaks = (LEAK, replace(LEAK, path="/tmp/tidy-ab12/3/y"), replace(LEAK, path="/p/z"),
                 replace(LEAK, path="/top"))
        entries = document(SuiteReport(run=RunReport(Summary(), leaks)))["leaks"]
        self.assertEqual([entry["dir"] for entry in entries],
                         ["temp directory/d", "temp directory", "/p", "/"])

    def test_times_are_relative_to_the_start(self) -> None:
        usage = (Sample(STARTED + 2, files=3, bytes=4),)
        test = TestRecord("a", "m", "C", "a", seconds=0.5, started=STARTED + 1)
        found = document(SuiteReport((test,), started=STARTED, usage=usage))
        self.assertEqual(found["usage"], [[2.0, 3, 4]])
        self.assertEqual(found["tests"][0]["started"], 1.0)

    def test_many_samples_are_thinned_and_the_highest_stay(self) -> None:
        usage = tuple(Sample(STARTED + n, files=1, bytes=n if n != 77 else 10**9)
                      for n in range(50_000))
        found = document(SuiteReport(started=STARTED, usage=usage))["usage"]
        self.assertLessEqual(len(found), 2_000)
        self.assertEqual(max(found, key=lambda entry: entry[2]), [77.0, 1, 10**9])

    def test_leak_is_known_failing_or_new_and_the_largest_is_first(self) -> None:
        leaks = tuple(replace(LEAK, path=name, bytes=size)
                      for name, size in (("a", 1), ("b", 3), ("c", 2)))
        a, b, _ = (leak.key for leak in leaks)
        found = document(SuiteReport(run=RunReport(Summary(), leaks), known=frozenset({a}),
                                     failing=frozenset({a, b})))["leaks"]
        self.assertEqual([(leak["name"], leak["state"]) for leak in found],
                         [("b", "failing"), ("c", "new"), ("a", "known")])

    def test_leaks_belong_to_their_record_where_ids_are_equal(self) -> None:
        found = document(repeated())
        self.assertEqual([leak["test"] for leak in found["leaks"]], [0, 0, 1, 3])
        self.assertEqual([test["left"] for test in found["tests"]], [2, 1, 0, 1])
        self.assertEqual([test.get("run") for test in found["tests"]], ["1", "2", "3", None])

    def test_path_leaked_twice_belongs_to_each_run_in_turn(self) -> None:
        tests = (replace(TEST, leaked_paths=(LEAK.path,)),) * 2
        run = RunReport(Summary(), (LEAK, replace(LEAK, bytes=99)))
        found = document(SuiteReport(tests, run=run))
        self.assertEqual([(leak["bytes"], leak["test"]) for leak in found["leaks"]],
                         [(99, 1), (12, 0)])

    def test_leak_of_a_class_belongs_to_its_fixture(self) -> None:
        fixture = FixtureRecord("tearDownClass (m.C)", "tearDownClass", "m.C", "m", "failure")
        leaks = (replace(LEAK, context="m.C", scope="class"), replace(LEAK, context="m"))
        found = document(SuiteReport((TEST,), (fixture,), RunReport(Summary(), leaks)))
        self.assertEqual([leak.get("test") for leak in found["leaks"]], [1, None])
        self.assertEqual(found["tests"][1]["left"], 1)

    def test_further_outcomes_of_a_test_are_among_its_texts(self) -> None:
        other = SubtestRecord("", "error", "OSError: no", "Traceback of the cleanup")
        test = replace(TEST, status="failure", details=TRACEBACK, others=(other,))
        (found,) = document(SuiteReport((test,)))["tests"]
        self.assertEqual([heading for heading, _ in found["texts"]], ["Traceback", "Also: error"])
        self.assertEqual(found["texts"][1][1], "Traceback of the cleanup")

    def test_a_message_of_many_lines_is_whole_in_the_details_only(self) -> None:
        test = replace(TEST, status="skipped", message="needs\na network\nand time")
        (found,) = document(SuiteReport((test,)))["tests"]
        self.assertEqual(found["message"], "needs")
        self.assertEqual(found["texts"], [["Message", "needs\na network\nand time"]])
        test = replace(TEST, status="failure", message="E: 1\n2", details="Traceback\nE: 1\n2\n")
        (found,) = document(SuiteReport((test,)))["tests"]
        self.assertEqual([heading for heading, _ in found["texts"]], ["Traceback"])


class RunTests(ProjectTestCase):
    LEAKY = """
        import tempfile, unittest
        class T(unittest.TestCase):
            def test_a(self): tempfile.mkdtemp(prefix="a")
            def test_b(self): tempfile.mkdtemp(prefix="b")
    """

    def page(self, *words: str) -> tuple[str, Any]:
        """The page that a run writes, and what its script draws from."""
        self.tidytest("--html", "out.html", *words)
        page = (self.project / "out.html").read_text("utf-8")
        drawn = page.split('type="application/json"')[1].split(">", 1)[1].split("</script>")[0]
        return page, json.loads(drawn)

    def test_leaks_of_the_baseline_are_known_and_others_fail(self) -> None:
        self.write("test_a.py", self.LEAKY)
        self.tidytest("--leak-baseline", "known.json", "--update-baseline", "test_a.T.test_a")
        page, drawn = self.page("--leak-baseline", "known.json", "--leaks", "fail", "test_a")
        self.assertEqual({leak["context"]: leak["state"] for leak in drawn["leaks"]},
                         {"test_a.T.test_a": "known", "test_a.T.test_b": "failing"})
        self.assertRegex(page, r">1 new and failing<(?s:.*)>1 known<")

    def test_a_run_that_looks_for_no_leaks_says_so(self) -> None:
        self.write("test_a.py", self.LEAKY.replace("tempfile.mkdtemp(prefix=", "print("))
        page, drawn = self.page("--leaks", "off", "test_a")
        self.assertIn("Leaks were not looked for", page)
        self.assertFalse(drawn["looked"])
        self.assertEqual(len(drawn["tests"]), 2)

    def test_each_of_repeated_tests_has_its_own_leaks(self) -> None:
        self.write("test_a.py", self.LEAKY)
        _, drawn = self.page("--repeat", "3", "test_a")
        self.assertEqual([test["left"] for test in drawn["tests"]], [1] * 6)
        self.assertEqual(sorted(leak["test"] for leak in drawn["leaks"]), list(range(6)))


if __name__ == "__main__":
    unittest.main()
