"""Ignored paths and files of the runner itself are not counted."""

from __future__ import annotations

import json
import os
import unittest

from tests.support.projects import ProjectTestCase

TEST = """
import os, subprocess, sys, tempfile, unittest
class T(unittest.TestCase):
    def test(self):
"""


class NotCountedTests(ProjectTestCase):
    def leave(self, body: str, *words: str) -> tuple[str, dict[str, int]]:
        """Run a test with this body; return the output and the summary of the JSON report."""
        self.write("test_a.py", TEST + "".join(f"        {line}\n" for line in body.splitlines()))
        outcome = self.tidytest("-v", "--leak-json", "../leaks.json", *words, "test_a.T.test")
        report = json.loads((self.project.parent / "leaks.json").read_text("utf-8"))
        return outcome.err, report["summary"]

    def counted(self, body: str) -> tuple[int, int, int]:
        """Return how many paths were made, were removed by the test, and leaked."""
        _, summary = self.leave(body, "--leak-ignore", "a-*")
        return summary["made"], summary["removed_by_tests"], summary["leaked"]

    def test_ignored_paths_count_as_neither_made_nor_removed(self) -> None:
        left = 'tempfile.mkdtemp(prefix="a-")\nopen("a-file", "w").close()'
        self.assertEqual(self.counted(left), (0, 0, 0))
        os.unlink(self.project / "a-file")
        self.assertEqual(self.counted(f"{left}\ntempfile.mkdtemp()"), (1, 0, 1))
        removed = 'os.rmdir(tempfile.mkdtemp(prefix="a-"))\nos.rmdir(tempfile.mkdtemp())'
        self.assertEqual(self.counted(removed), (1, 1, 0))

    def test_ignored_registered_paths_count_as_registered(self) -> None:
        body = 'import tempfiles\ntempfiles.register_directory(tempfile.mkdtemp(prefix="a-"))\n'
        self.assertEqual(self.counted(body), (1, 0, 0))

    def test_relative_open_counts_only_the_right_path(self) -> None:
        head = "fd = os.open(tempfile.mkdtemp(), os.O_RDONLY)\nproc = os.open('/proc', os.O_RDONLY)"
        make = '\nos.close(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=fd))\n'
        self.assertEqual(self.counted(head + make), (1, 0, 1))
        self.assertEqual(self.counted(f"{head}{make}os.unlink('x', dir_fd=fd)"), (1, 0, 1))
        here = '\nos.close(os.open("x", os.O_CREAT))\n'
        self.assertEqual(self.counted(f"{head}{here}os.unlink('x')"), (2, 1, 1))
        self.assertEqual(self.counted(f"{here}os.unlink('x')"), (1, 1, 0))
        self.assertEqual(self.counted(f"{here}os.rename('x', 'y')\nos.unlink('y')"), (2, 2, 0))
        self.assertEqual(self.counted(here), (1, 0, 1))

    def test_failed_calls_count_for_nothing(self) -> None:
        (self.project / "full").mkdir()
        (self.project / "full" / "x").touch()
        failing = (
            'open("no/x", "w")', 'os.mkdir("no/x")', 'os.rename("no", "x")', 'os.link("no", "x")',
            'os.rename(T("no"), T("x"))', 'os.link(T("no"), T("x"))', 'shutil.move("no", T("x"))',
            'open(T("x" * 300), "a")', 'os.symlink("no", "full")', 'os.rename("test_a.py", "full")',
            'open(T("x"), "w", opener=lambda *_: os.open("no", os.O_RDONLY))',
            'sqlite3.connect("file:x?mode=rw", uri=True).execute("create table t (a)")',
        )
        body = "".join(
            f"with self.assertRaises((OSError, sqlite3.Error)): {statement}\n"
            for statement in failing
        )
        head = "import shutil, sqlite3\nT = lambda name: tempfile.gettempdir() + os.sep + name\n"
        made = "os.symlink('no', T('y'))\nos.unlink(T('y'))\nos.close(tempfile.mkstemp()[0])"
        self.assertEqual(self.counted(head + body), (0, 0, 0))
        self.assertEqual(self.counted(head + body + made), (2, 1, 1))

    def test_a_failing_second_creation_does_not_count(self) -> None:
        link = "path = tempfile.gettempdir() + '/x'\nos.symlink('no', path)\n"
        again = "self.assertRaises(FileExistsError, os.symlink, 'no', path)\n"
        self.assertEqual(self.counted(f"{link}{again}os.unlink(path)"), (1, 1, 0))
        self.assertEqual(self.counted(f"{link}{again}"), (1, 0, 1))

    def test_a_failing_move_onto_a_removed_path_changes_nothing(self) -> None:
        for path in ("o", "{tempfile.gettempdir()}/o"):
            body = (
                f"path = f'{path}'\nopen(path, 'w').close()\nos.unlink(path)\n"
                "self.assertRaises(OSError, os.rename, 'missing', path)"
            )
            self.assertEqual(self.counted(body), (1, 1, 0))

    def test_intermediate_files_of_our_move_do_not_count(self) -> None:
        if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(".").st_dev:
            self.skipTest("there is no other file system")
        body = (
            "import tempfiles\ntop = tempfile.mkdtemp(dir='/dev/shm')\n"
            "tempfiles.persist(tempfiles.create_with_content('x'), top + '/x')\n"
            "import shutil\nshutil.rmtree(top)"
        )
        self.assertEqual(self.counted(body), (2, 2, 0))

    def test_an_observed_file_of_a_library_counts(self) -> None:
        body = "import sqlite3\nsqlite3.connect(tempfile.gettempdir() + '/x').close()\n"
        self.assertEqual(self.counted(body), (1, 0, 1))
        self.assertEqual(self.counted(f"{body}os.unlink(tempfile.gettempdir() + '/x')"), (1, 1, 0))

    def test_the_state_file_of_an_inner_run_is_no_leak(self) -> None:
        self.write("test_inner.py", TEST + "        tempfile.mkdtemp()\n")
        reported, _ = self.leave(
            'subprocess.call([sys.executable, "-m", "runner", "-q", "test_inner"])'
        )
        self.assertTrue((self.project / ".tidytest_cache/tests.json").exists())
        self.assertNotIn(f"  {self.project}/.tidytest_cache/tests.json\n", reported)

    def test_the_keep_directory_is_no_leak(self) -> None:
        (self.project / "real").mkdir()
        (self.project / "link").symlink_to("real")
        body = 'subprocess.call(["true"])\ntempfile.mkdtemp()\nself.fail("kept")'
        for directory in ("kept/a/b", "link"):
            with self.subTest(directory):
                words = ("--keep", "on-failure", "--keep-dir", directory)
                reported, summary = self.leave(body, *words)
                self.assertEqual(summary["leaked"], 1)  # though the test has a word `kept`
                self.assertIn(f"Kept: {self.project}/{directory}/tidy-kept-", reported)
                self.assertNotRegex(reported, rf"\n    dir  {self.project}/")

    def test_a_keep_directory_made_by_a_test_is_its_leak(self) -> None:
        reported, _ = self.leave(
            'os.mkdir("kept")\ntempfile.mkdtemp()\nself.fail("kept")',
            "--keep", "on-failure", "--keep-dir", "kept/a",
        )  # fmt: skip
        self.assertRegex(reported, r"\n    dir .*  \./kept/ [^\0]*os.mkdir\n")


if __name__ == "__main__":
    unittest.main()
