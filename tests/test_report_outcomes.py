"""Outcomes and leaks of real runs in the reports: as many as unittest's, each with its test."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from tests.projects import ProjectTestCase


class Subtests(ProjectTestCase):
    """Whatever a test does after a failed subtest, the reports count as unittest does."""

    SUITE = """
        import unittest
        class T(unittest.TestCase):
            def test_skips(self):
                with self.subTest(a=1): self.fail("sub")
                self.skipTest("after")
            def test_skips_in_a_cleanup(self):
                self.addCleanup(self.skipTest, "after")
                with self.subTest(a=1): self.fail("sub")
            def test_fails(self):
                with self.subTest(a=1): raise KeyError("sub")
                self.fail("own")
            def test_errs(self):
                with self.subTest(a=1): self.fail("sub")
                raise KeyError("own")
    """

    def test_a_subtest_that_ended_worse_leaves_the_outcome_of_its_test(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--junit-xml", "out.xml", "--github", "test_a")
        self.assertIn("FAILED (failures=4, errors=2, skipped=2)", outcome.err)
        root = ElementTree.parse(self.project / "out.xml").getroot()
        counts = (root.get("failures"), root.get("errors"), len(root.findall(".//skipped")))
        self.assertEqual(counts, ("4", "2", 2))
        skipped = root.find(".//testcase[@name='test_skips']/skipped")
        assert skipped is not None
        self.assertEqual(skipped.get("message"), "after")
        self.assertEqual(outcome.out.count("::error file=test_a.py,line="), 6, outcome.out)
        self.assertEqual(outcome.out.count("::error "), 6, outcome.out)
