"""`--replay` and the recorded orders of workers, with the real program."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.projects import ProjectTestCase

SUITE = """
    import os, unittest
    class A(unittest.TestCase):
        def test_1(self): pass
        def test_2(self): pass
    class B(unittest.TestCase):
        def test_3(self): pass
"""
DIES = """
    class C(unittest.TestCase):
        def test_4(self): os._exit(3)
        def test_5(self): pass
"""


class ReplayTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", SUITE)

    def order(self, *tests: str, words: tuple[str, ...] = ("test_a",), **more: object) -> Path:
        document = {"version": 1, "words": [*words], "tests": [*tests], **more}
        return self.write("order.json", json.dumps(document))

    def refused(self, file: str, *parts: str) -> None:
        with self.subTest(parts):
            self.assertRefused(self.tidytest("--replay", file), "--replay", *parts)

    def test_runs_the_tests_in_their_order(self) -> None:
        self.order("test_a.B.test_3", "test_a.A.test_2", "test_a.B.test_3")
        self.assertRefused(
            self.tidytest("--replay", "order.json"), "1 of 3 tests of order.json no longer exist"
        )
        self.order("test_a.B.test_3", "test_a.A.test_2")
        outcome = self.tidytest("--replay", "order.json", "-v")
        self.assertEqual(outcome.code, 0, outcome.err)
        started = [line.split()[0] for line in outcome.err.splitlines() if " ... " in line]
        self.assertEqual(started, ["test_3", "test_2"])

    def test_a_parallel_run_records_what_each_worker_ran(self) -> None:
        self.write("test_a.py", f"{SUITE}{DIES}")
        self.write(".tidytest_cache/worker-7.json", "{}")
        self.tidytest("-j2", "test_a")
        cache = self.project / ".tidytest_cache"
        files = {path.name: json.loads(path.read_text()) for path in cache.glob("worker-*")}
        tests = sorted(test for document in files.values() for test in document["tests"])
        self.assertEqual(len(tests), 5, files)
        self.assertEqual(tests, sorted({*tests}))
        self.assertEqual([name for name in files if "7" in name], [])
        for name, document in files.items():
            self.assertEqual(document["words"], ["test_a"], name)
        survivors = [name for name, document in files.items()
                     if not any(test.endswith("test_4") for test in document["tests"])]
        self.assertEqual(len(survivors), len(files) - 1)
        replayed = self.tidytest("--replay", f".tidytest_cache/{survivors[0]}")
        self.assertEqual(replayed.code, 0, replayed.err)

    def test_a_file_that_is_no_order_is_refused(self) -> None:
        self.refused("missing.json", "cannot read", "No such file")
        self.write("order.json", "{")
        self.refused("order.json", "is no recorded order: it is not JSON")
        self.write("order.json", "[]")
        self.refused("order.json", "is no recorded order of version 1")
        self.order(version=2)
        self.refused("order.json", "is no recorded order of version 1")
        self.write("order.json", json.dumps({"version": 1, "words": [1], "tests": []}))
        self.refused("order.json", "words must be a list of texts")

    def test_tests_that_no_longer_exist_are_named(self) -> None:
        self.order(*(f"test_a.A.gone_{number}" for number in range(5)), "test_a.A.test_1")
        self.refused(
            "order.json", "5 of 6 tests", "test_a.A.gone_0, test_a.A.gone_1, test_a.A.gone_2",
            "and 2 more",
        )

    def test_another_order_beside_it_is_refused(self) -> None:
        self.order("test_a.A.test_1")
        for words in (("--shuffle",), ("--reverse",), ("--repeat=2",), ("--last-failed",)):
            with self.subTest(words):
                outcome = self.tidytest("--replay", "order.json", *words)
                self.assertRefused(outcome, "--replay", "contradict")
