"""The totals of a run count what lies there at its end, and name the tests that wrote into it."""

from __future__ import annotations

import json
import shutil
import unittest
from typing import Any

from tests.support.projects import ProjectTestCase

SUITE = """
    import os, tempfile, unittest
    from pathlib import Path
    WORK = {work}
    class T(unittest.TestCase):
        def test_1_makes_it(self):
            global WORK
            WORK = WORK()
            Path(WORK, "first").write_text("1")
        def test_2_writes(self): Path(WORK, "second").write_text("2" * 1000)
        def test_3_writes_deeper(self):
            os.makedirs(os.path.join(WORK, "sub", "deep"), exist_ok=True)
            Path(WORK, "sub", "deep", "third").write_text("3" * 2000)
        def test_4_removes_its_own(self):
            path = Path(WORK, "fourth")
            path.write_text("4")
            path.unlink()
        def test_5_child(self): os.system(f"echo 12345 > '{{WORK}}/fifth'")
        def test_6_only_reads(self): Path(WORK, "first").read_text()
"""
OUTSIDE = "lambda: (os.mkdir('work'), os.path.abspath('work'))[1]"
TEMP = "tempfile.mkdtemp"


class LeakedDirectoryTests(ProjectTestCase):
    def leak_of(self, work: str) -> tuple[dict[str, Any], dict[str, Any], str]:
        shutil.rmtree(self.project / "work", ignore_errors=True)
        self.write("test_a.py", SUITE.format(work=work))
        report = self.base.parent / "out.json"
        err = self.tidytest("--leak-json", str(report)).err
        document = json.loads(report.read_text("utf-8"))
        self.assertEqual(len(document["leaks"]), 1, err)
        return document["leaks"][0], document["summary"], err

    def test_it_is_counted_as_it_is_at_the_end(self) -> None:
        for work in (OUTSIDE, TEMP):
            with self.subTest(work):
                leak, summary, err = self.leak_of(work)
                self.assertEqual((leak["entries"], leak["bytes"]), (7, 3007), err)
                self.assertEqual(summary["leaked_bytes"], 3007)
                self.assertEqual(leak["context"], "test_a.T.test_1_makes_it")

    def test_it_names_the_tests_that_wrote_into_it(self) -> None:
        for work in (OUTSIDE, TEMP):
            with self.subTest(work):
                leak, _, err = self.leak_of(work)
                names = ["test_a.T.test_2_writes", "test_a.T.test_3_writes_deeper"]
                self.assertEqual(leak["written_by"], names)
                self.assertIn(f"holds 6 entries 2.9 KiB, also written by {', '.join(names)}\n", err)

    def test_what_stays_in_it_is_not_counted_as_removed(self) -> None:
        _, summary, err = self.leak_of(OUTSIDE)
        self.assertEqual(summary["removed_by_tests"], 1, err)  # by test_4
        _, summary, err = self.leak_of(TEMP)
        self.assertEqual(summary["removed_by_tests"], 0, err)

    def test_a_file_that_grew_has_its_last_size(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def test_1(self): open("debug.log", "w").close()
                def test_2(self):
                    with open("debug.log", "a") as file: file.write("x" * 5000)
        """)
        self.tidytest("--leak-json", "out.json", "--leak-ignore", "out.json")
        leak = json.loads((self.project / "out.json").read_text("utf-8"))["leaks"][0]
        self.assertEqual(leak["bytes"], 5000)

    def test_what_a_fixture_removed_is_still_reported_as_such(self) -> None:
        self.write("test_a.py", """
            import os, shutil, tempfile, unittest
            class T(unittest.TestCase):
                @classmethod
                def tearDownClass(cls): shutil.rmtree("work")
                def test_1(self): os.mkdir("work")
                def test_2(self): open("work/a", "w").close()
        """)
        err = self.tidytest().err
        self.assertIn("none leaked", err)


if __name__ == "__main__":
    unittest.main()
