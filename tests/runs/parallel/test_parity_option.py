"""`--parity` with the real program: which tests depend on others, and on which."""

from __future__ import annotations

import json
import re
import shlex

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

SUITE = """
    import os, tempfile, unittest
    STATE = set()
    class Fills(unittest.TestCase):
        def test_1(self): pass
        def test_2(self): STATE.add("cache")
        def test_3(self): pass
    class Needs(unittest.TestCase):
        def test_4(self): pass
        def test_5(self): self.assertIn("cache", STATE)
        def test_6(self):
            if "cache" in STATE:
                tempfile.mkdtemp()
"""
FIXTURE = """
    import unittest
    STATE = []
    class First(unittest.TestCase):
        def test_1(self): STATE.append(1)
    class Second(unittest.TestCase):
        @classmethod
        def setUpClass(cls): STATE.pop()
        def test_2(self): pass
        def test_3(self): pass
"""
SOUND = """
    import tempfile, unittest
    class A(unittest.TestCase):
        def test_1(self): tempfile.mkdtemp()
        def test_2(self): self.fail("always")
    class B(unittest.TestCase):
        def test_3(self): pass
"""


class ParityTests(ProjectTestCase):
    """Runs with seeds for which the suite's classes or tests change places."""

    def parity(self, source: str, *words: str) -> Outcome:
        self.write("test_a.py", source)
        return self.tidytest("--parity", *words, "test_a")

    def test_names_the_shortest_list_and_a_command_that_replays_it(self) -> None:
        outcome = self.parity(SUITE, "--shuffle=1")
        self.assertEqual(outcome.code, 1, outcome.err)
        explained = outcome.err.partition("\nParity: ")[2]
        self.assertIn("Parity: 2 tests depend on others.\n", explained)
        found = dict(re.findall(r"^(test_a\S+)\n((?:  .*\n)+)", explained, re.MULTILINE))
        self.assertEqual([*found], ["test_a.Needs.test_5", "test_a.Needs.test_6"], outcome.err)
        self.assertIn("  serially: ok, after:\n    test_a.Fills.test_2\n",
                      found["test_a.Needs.test_5"])
        self.assertIn("  shuffled: failure, as alone\n", found["test_a.Needs.test_5"])
        self.assertIn("  serially: ok, 1 leak, after:\n    test_a.Fills.test_2\n",
                      found["test_a.Needs.test_6"])
        command = re.findall(r"again: python -m runner (.*)", outcome.err)[0]
        replayed = self.tidytest(*shlex.split(command), "-v")
        self.assertEqual(replayed.code, 0, replayed.err)
        self.assertIn("Ran 2 tests", replayed.err)
        order = json.loads((self.project / ".tidytest_cache" / "parity-1.json").read_text())
        self.assertEqual(order["tests"], ["test_a.Fills.test_2", "test_a.Needs.test_5"])

    def test_names_a_class_whose_fixture_depends_on_others(self) -> None:
        outcome = self.parity(FIXTURE, "--shuffle=1")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("test_a.Second\n  serially: ok, after:\n    test_a.First.test_1\n",
                      outcome.err)
        self.assertNotIn("\ntest_a.Second.test_2\n", outcome.err)

    def test_is_quiet_where_no_test_depends_on_others(self) -> None:
        outcome = self.parity(SOUND, "--leak-json=leaks.json")
        self.assertEqual(outcome.code, 1, outcome.err)  # test_2 fails in each order
        self.assertEqual(outcome.err.count("Ran 3 tests"), 1)
        self.assertIn("Parity: no test depends on others.", outcome.err)
        leaks = json.loads((self.project / "leaks.json").read_text())["leaks"]
        self.assertEqual(len(leaks), 1)

    def test_tells_what_cannot_be_explained(self) -> None:
        outcome = self.parity("""
            import os, unittest
            class Once(unittest.TestCase):
                def test_once(self): os.mkdir("made")
        """)
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("serially: ok, 1 leak, for no reason that was found", outcome.err)

    def test_what_it_cannot_run_is_refused(self) -> None:
        self.write("test_a.py", SOUND)
        for words in (("--reverse",), ("--until-leak",), ("--replay=order.json",), ("-f",)):
            with self.subTest(words):
                outcome = self.tidytest("--parity", *words, "test_a")
                self.assertRefused(outcome, "--parity", "contradict")
        outcome = self.tidytest("--parity", "no_such_module")
        self.assertIn("Parity:", outcome.err)
        self.assertEqual(outcome.code, 1)
