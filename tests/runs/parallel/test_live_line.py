"""The live line of a parallel run on a terminal."""

from __future__ import annotations

import re

from tests.support.projects import ProjectTestCase

SUITE = """
    import time, unittest
    class A(unittest.TestCase):
        def test_1(self): time.sleep(1.3)
        def test_2(self): self.fail()
    class B(unittest.TestCase):
        def test_3(self): time.sleep(0.1)
"""


class LiveLineTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", SUITE)

    def test_line_shows_what_runs_and_is_gone_at_the_end(self) -> None:
        shown = self.on_terminal("-j2", "test_a", NO_COLOR="1")  # unittest's, from 3.14 on
        first, second = r"test_a\.A\.test_1", r"test_a\.B\.test_3"
        self.assertRegex(shown, rf"\[0 of 3 tests\] ({first}  {second}|{second}  {first})")
        self.assertIn("[1 of 3 tests] test_a.A.test_1 1 s", shown)
        drawings = re.compile(r"\x1bD\x1b\[A\x1b7\r\x1b\[B.*?\x1b\[K\x1b8")
        rest = drawings.sub("", shown).replace("\x1b[J", "")
        self.assertTrue(rest.startswith(".F.\r\n====="), rest)
        self.assertGreater(shown.rindex("\x1b[J"), shown.rindex("of 3 tests"))

    def test_no_line_in_a_log_or_with_tqdm(self) -> None:
        self.assertNotIn("of 3 tests", self.tidytest("-j2", "test_a").err)
        for words, environment in ((["--progress"], {}), ([], {"CI": "true"})):
            shown = self.on_terminal("-j2", *words, "test_a", **environment)
            self.assertNotIn("of 3 tests", shown)
