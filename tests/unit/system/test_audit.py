"""The start is lean: what observes is imported at the first write event, and no file is missed."""

from __future__ import annotations

import os
import unittest

from tempfiles.observation.observer import Observer
from tempfiles.system import audit
from tests.support.projects import ProjectTestCase

OPTIONAL = {"coverage", "colorama", "junitparser", "jinja2", "tqdm", "shtab"}
SLOW = {"json", "dataclasses", "subprocess", "tempfile", "logging", "mmap", "struct"}
AT_THE_FIRST_WRITE = {
    "tempfiles.observation.observer", "tempfiles.detection.project_tree",
    "tempfiles.detection.temp_dir",
}  # fmt: skip
EVENTFUL = {
    "runner.settings.options", "runner.output.lines", "tempfiles.run.close", "tempfiles.records",
}  # fmt: skip
TEST = "class T(unittest.TestCase):\n    def test_it(self): pass\n"


class StartTests(ProjectTestCase):
    def imported(self, runner: str = "runner") -> set[str]:
        outcome = self.run_python("-X", "importtime", "-m", runner, "discover")
        lines = [line for line in outcome.err.splitlines() if line.startswith("import time:")]
        return {line.rpartition("|")[2].strip() for line in lines}

    def test_run_without_tests_imports_only_what_it_needs(self) -> None:
        self.write("test_none.py", "import unittest\n")
        more = self.imported() - self.imported("unittest")
        self.assertIn("runner.cli.main", more)
        self.assertEqual(more & {*OPTIONAL, *SLOW, *AT_THE_FIRST_WRITE, *EVENTFUL}, set())
        self.assertLess(len(more), 71)  # 1.47 times the instructions of unittest; 1.5 is the limit

    def test_run_with_tests_imports_the_observer(self) -> None:
        self.write("test_one.py", f"import unittest\n{TEST}")
        more = self.imported() - self.imported("unittest")
        self.assertLessEqual(AT_THE_FIRST_WRITE, more)
        self.assertEqual(more & {*OPTIONAL, *EVENTFUL}, set())


class FirstWriteEventTests(ProjectTestCase):
    def test_every_event_of_an_observer_is_awaited(self) -> None:
        waiting = audit.FirstWriteEvent(lambda: None)
        self.assertEqual(waiting._write_events.keys(), Observer("/nowhere")._handlers.keys())

    def test_only_moves_are_followed_without_leak_detection(self) -> None:
        self.write("test_it.py", """
            import os, sys, unittest
            open("made", "w").close()
            print(*sys.modules["tempfiles.system.audit"]._handlers, type(os.mkfifo).__name__)
            class T(unittest.TestCase):
                def test(self): pass
        """)
        outcome = self.tidytest("--leaks", "off")
        found = set(outcome.out.split())
        self.assertLessEqual({"os.rename", "shutil.move", "builtin_function_or_method"}, found)
        created = {"os.mkdir", "os.symlink", "socket.bind", "sqlite3.connect", "os.truncate"}
        self.assertEqual(found & created, set(), outcome.err)

    def test_open_may_create_by_mode_or_by_flags(self) -> None:
        for mode, flags, expected in (
            ("w", 0, True), ("x", 0, True), ("a", 0, True), ("r+", 0, True), ("r", 0, False),
            (None, os.O_CREAT, True), ("rb", os.O_CREAT, True), (None, 0, False),
            (None, os.O_WRONLY, False), ("w", os.O_WRONLY, False),
        ):  # fmt: skip
            with self.subTest(mode=mode, flags=flags):
                self.assertEqual(audit.may_create(mode, flags), expected)

    def test_first_write_at_import_is_reported_with_its_line(self) -> None:
        for statement, kind, call in (
            ("open('made', 'w').close()", "file", "open"),
            ("import os; os.mkdir('made')", "dir ", "os.mkdir"),
            ("from os import mkfifo; mkfifo('made')", "fifo", "os.mkfifo"),
            ("import os; os.symlink('nowhere', 'made')", "link", "os.symlink"),
            ("import socket; socket.socket(socket.AF_UNIX).bind('made')", "sock", "socket.bind"),
            ("import sqlite3; sqlite3.connect('made').execute('create table t (x)')", "file",
             "sqlite3.connect"),
            ("import subprocess; subprocess.run(['touch', 'made'])", "file", "subprocess touch"),
            ("import os; os.system('touch made')", "file", "os.system"),
            ("import tempfile; tempfile.mkstemp()", "file", "tempfile.mkstemp"),
        ):
            with self.subTest(statement):
                self.write("test_it.py", f"import unittest\n\n{statement}\n{TEST}")
                outcome = self.tidytest("discover")
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertRegex(outcome.err, rf"\n    {kind}.*  test_it.py:3 .*  {call}\n")
                made = self.project / "made"
                if os.path.lexists(made):
                    (made.rmdir if made.is_dir() else made.unlink)()


if __name__ == "__main__":
    unittest.main()
