"""The quick forms of `torture_parallel`, and its checks of outcomes that are lost or wrong."""

from __future__ import annotations

import random
import sys
import unittest
from pathlib import Path

from tests.campaigns import torture_parallel
from tests.campaigns.torture_parallel import Ground, Try
from tests.support.hostile_tests import Deeds, Suite, make_suite
from tests.support.whole_runs import BrokenPromiseError

IDS = {"test_suite.A.test_1": "success", "test_suite.A.test_2": "error"}
JUNIT = """<testsuites><testsuite>
<testcase classname="test_suite.A" name="test_1"/>
<testcase classname="test_suite.A" name="test_2"><error/></testcase>
</testsuite></testsuites>"""
PRINTED = """\
test_1 (test_suite.A.test_1) ... ok
half a line of another testtest_2 (test_suite.A.test_2) ... ERROR

Ran 2 tests in 0.1s
"""
RAN = "test_suite.A.test_1\ntest_suite.A.test_2\n"


@unittest.skipUnless(sys.platform == "linux", "kills processes and looks at them in /proc")
class TortureTests(unittest.TestCase):
    """No run hangs, loses a test, runs one twice, or leaves a process or a file."""

    def hold(self, campaign: torture_parallel.Campaign, count: int) -> None:
        seed = random.randrange(2**32)
        with self.subTest(seed=seed), torture_parallel.ground_in() as ground:
            campaign(ground, random.Random(seed), count)

    def test_tests_that_are_hard_on_their_worker(self) -> None:
        self.hold(torture_parallel.hostile, 2)

    def test_workers_that_are_killed(self) -> None:
        self.hold(torture_parallel.killed, 2)

    def test_tests_that_hang(self) -> None:
        self.hold(torture_parallel.hanging, 1)

    def test_runs_that_are_stopped(self) -> None:
        self.hold(torture_parallel.stopped, 2)


class CheckTests(unittest.TestCase):
    """The checks see what is wrong."""

    def check(
        self, *, junit: str = JUNIT, printed: str = PRINTED, ran: str = RAN, code: int = 1,
        kills: int = 0, ends: dict[str, str] = IDS,
    ) -> None:
        with torture_parallel.ground_in() as ground:
            for path, text in ((ground.junit, junit), (ground.said, printed), (ground.log, ran)):
                path.write_text(text, "utf-8")
            Try(Suite("", ends), code).check(ground, kills)

    def test_accepts_a_run_that_is_as_it_should_be(self) -> None:
        self.check()
        self.check(ends=dict.fromkeys(IDS, "success"), kills=1)

    def test_refuses_each_kind_of_fault(self) -> None:
        faults = {
            "no JUnit report": {"junit": ""},
            "no outcome in the JUnit report": {"junit": JUNIT.replace("test_1", "test_9")},
            "outcomes of one test": {"junit": JUNIT.replace("test_2", "test_1")},
            "other outcomes": {"ends": dict.fromkeys(IDS, "success")},
            "exit code 0": {"code": 0},
            "lines of the tests": {"printed": PRINTED.replace("A.test_1", "A.test_0")},
            "does not say 'Ran 2 tests'": {"printed": PRINTED.replace("Ran 2", "Ran 1")},
            "ran twice": {"ran": RAN + RAN},
            "reported and not run": {"ran": ""},
        }
        for words, changes in faults.items():
            with self.subTest(words), self.assertRaisesRegex(BrokenPromiseError, words):
                self.check(**changes)  # type: ignore[arg-type]

    def test_every_suite_can_be_compiled(self) -> None:
        for seed in range(30):
            suite = make_suite(random.Random(seed), Deeds(hanging=True))
            compile(suite.text, "test_suite.py", "exec")
            self.assertTrue(suite.ends)

    def test_a_file_that_is_left_is_seen(self) -> None:
        with torture_parallel.ground_in() as ground, self.assertRaises(BrokenPromiseError):
            self.leave(ground)

    def leave(self, ground: Ground) -> None:
        Path(ground.place.tmp, "left").touch()
        ground.check_left()
