"""The line of the project that a traceback leads to."""

from __future__ import annotations

import json
import os
import tempfile
import unittest
from pathlib import Path

from runner.output.tracebacks import failure_place, path_below


class PlaceTests(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(os.path.realpath(self.enterContext(tempfile.TemporaryDirectory())))
        for name in ("p/tests/test_a.py", "p/tests/liar.py", "p/b.py", "q/c.py"):
            (self.top / name).parent.mkdir(parents=True, exist_ok=True)
            (self.top / name).touch()
        self.project, self.other = str(self.top / "p"), str(self.top / "q")
        self.test = str(self.top / "p/tests/test_a.py"), 3

    def test_failure_is_at_the_innermost_line_of_the_project(self) -> None:
        traceback = (
            'Traceback (most recent call last):\n'
            f'  File "{self.test[0]}", line 3, in test_x\n    json.loads("")\n'
            f'  File "{json.__file__}", line 346, in loads\n    return x\n'
            f'ValueError: see\n  File "{self.project}/tests/liar.py", line 1\n'
        )
        top = str(self.top)
        self.assertEqual(failure_place(traceback, self.project, self.project), self.test)
        self.assertEqual(failure_place(traceback, self.other, top), self.test)
        self.assertIsNone(failure_place(traceback, self.project, self.other))
        self.assertIsNone(failure_place("no traceback", self.project, self.project))

    def test_directory_of_the_run_precedes_the_workspace(self) -> None:
        traceback = (
            'Traceback (most recent call last):\n'
            f'  File "{self.test[0]}", line 3, in test_x\n    c.f()\n'
            f'  File "{self.other}/c.py", line 1, in f\n    1 / 0\nZeroDivisionError: x\n'
        )
        self.assertEqual(failure_place(traceback, self.project, str(self.top)), self.test)

    def test_code_without_a_file_has_no_place(self) -> None:
        for name in ("<string>", "page.html", f"{self.project}/page.html", "nul\\x00"):
            traceback = (
                'Traceback (most recent call last):\n'
                f'  File "{self.test[0]}", line 3, in test_x\n    exec("1 / 0")\n'
                f'  File "{name}", line 1, in <module>\nZeroDivisionError: division by zero\n'
            )
            place = failure_place(traceback, self.project, self.project)
            self.assertEqual(place, self.test, name)

    @unittest.skipUnless(hasattr(os, "symlink"), "no symbolic links here")
    def test_a_path_below_a_directory_is_found_through_links(self) -> None:
        os.symlink("p", self.top / "link")
        for file in (f"{self.top}/link/b.py", f"{self.top}/p/b.py", "b.py"):
            self.assertEqual(path_below(file, self.project), "b.py")
        for file in ("../q/c.py", "missing.py", "tests"):
            self.assertIsNone(path_below(file, self.project), file)

    def test_the_last_of_chained_exceptions_counts(self) -> None:
        block = 'Traceback (most recent call last):\n  File "{}.py", line 3, in f\n    x\nE\n'
        chain = (block.format("tests/test_a") + "\nDuring handling of the above exception, another "
                 "exception occurred:\n\n" + block.format("b"))
        place = failure_place(chain, self.project, self.project)
        self.assertEqual(place, (f"{self.project}/b.py", 3))


if __name__ == "__main__":
    unittest.main()
