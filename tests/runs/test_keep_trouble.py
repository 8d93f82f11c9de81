"""Failures of `--keep`: refused before the tests, or one line in the output."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from tests.support.keeping import KeepTestCase

FAILING = """
    import os, tempfile, unittest
    from runner import TrackedTestCase
    class T(TrackedTestCase):
        def test_1(self):
            self.createTempFile("registered", "txt")
            open(os.path.join(tempfile.gettempdir(), "leak"), "w").close()
            self.fail("the failure")
        def test_2(self): pass
"""


class UserFileTests(KeepTestCase):
    def test_are_never_kept(self) -> None:
        (self.project / "mine").mkdir()
        for name in ("through-a-link", "moved"):
            (self.project / "mine" / name).write_text("precious")
        self.write("test_a.py", """
            import os, shutil
            import tempfiles
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def test_link(self):
                    top = self.createTempDirectory().parent / "top"
                    top.mkdir()
                    tempfiles.register_file(top / "through-a-link")
                    top.rmdir()
                    top.symlink_to(os.path.abspath("mine"))
                    self.fail()
                def test_moved(self):
                    shutil.move("mine/moved", self.createTempDirectory())
                    self.fail()
        """)
        outcome = self.run_python("-m", "runner", "--keep", "on-failure", "--keep-dir", "kept")
        self.assertEqual((self.project / "mine" / "through-a-link").read_text(), "precious")
        self.assertEqual((self.base / "moved").read_text(), "precious")
        found = [path for path in (self.project / "kept").rglob("*") if path.name in
                 ("through-a-link", "moved")]
        self.assertEqual(found, [], outcome.err)


class KeepDirectoryTests(KeepTestCase):
    def test_that_cannot_have_anything_is_refused_before_the_tests(self) -> None:
        self.write("test_a.py", "raise SystemExit")
        self.write("afile", "a file")
        (self.project / "dangling").symlink_to("nowhere")
        long = "x" * 256
        for place, reported in (
            ("afile", "afile: not a directory"),
            ("afile/sub", "afile is not a directory"),
            ("dangling/sub", "dangling is not a directory"),
            (f"a/{long}/b", "cannot be written to: File name too long"),
            ("/proc/kd", "cannot be written to: "),
            ("/sys/kd", "cannot be written to: "),
        ):
            if place.startswith("/") and not os.path.isdir(os.path.dirname(place)):
                continue
            with self.subTest(place):
                before = sorted(os.listdir(self.project))
                outcome = self.tidytest("--keep", "always", "--keep-dir", place)
                self.assertRefused(outcome, "--keep-dir", reported)
                self.assertEqual(sorted(os.listdir(self.project)), before)

    def test_that_does_not_exist_is_made_only_for_what_is_kept(self) -> None:
        self.write("test_a.py", FAILING)
        words = ("--keep", "on-failure", "--keep-dir", "new/and/deep")
        self.assertEqual(self.tidytest(*words, "test_a.T.test_2").code, 0)
        self.assertFalse((self.project / "new").exists())
        self.tidytest(*words, "test_a")
        self.assertEqual(len(os.listdir(self.project / "new" / "and" / "deep")), 1)

    def test_a_later_failure_costs_one_line(self) -> None:
        self.write("test_a.py", FAILING + """
        def test_0(self):
            with open("kept", "w") as file: file.write("in the way")
            self.fail()
        """)
        outcome = self.keep("--keep", "on-failure", "--leak-json", "out.json", "test_a")
        self.assertIn("Ran 3 tests", outcome.err)
        self.assertIn("FAILED (failures=2)", outcome.err)
        self.assertEqual(outcome.err.count("tidytest: cannot keep the files of "), 1, outcome.err)
        self.assertNotIn("Kept", outcome.err)
        self.assertTrue((self.project / "out.json").exists())

    def test_that_a_test_removes_is_made_again(self) -> None:
        self.write("test_a.py", FAILING + """
        def test_1_more(self):
            import shutil
            shutil.rmtree("kept")
        def test_3(self):
            tempfile.mkdtemp()
            self.fail()
        """)
        outcome = self.keep("--keep", "on-failure", "test_a")
        (run,) = self.kept()
        self.assertEqual({*os.listdir(run)} - {"marker.json"}, {"test_a.T.test_3"})
        self.assertIn(f"Kept files of 1 test: {run}\n", outcome.err)


class NameTests(KeepTestCase):
    def test_fit_in_bytes(self) -> None:
        name, file = f"test_{'漢' * 110}", f"{'é' * 120}.txt"
        self.write("test_a.py", f"""
            import os, tempfile, unittest
            from runner import TrackedTestCase
            class T(TrackedTestCase): pass
            def test(self):
                for n in "12":
                    os.mkdir(os.path.join(tempfile.gettempdir(), n))
                    path = os.path.join(tempfile.gettempdir(), n, {file!r})
                    open(path, "w").close()
                    self.registerTempFile(path)
                self.fail()
            setattr(T, {name!r}, test)
        """)
        outcome = self.keep("--keep", "on-failure", "test_a")
        self.assertIn("FAILED (failures=1)", outcome.err)
        self.assertNotIn("cannot keep", outcome.err)
        (run,) = self.kept()
        (directory,) = run.glob("test_a.T.test_*")
        self.assertLessEqual(len(os.fsencode(directory.name)), 200)
        files = [name for name in os.listdir(directory) if "é" in name]
        self.assertEqual(len(files), 2)

    def test_fit_where_the_file_system_speaks_latin(self) -> None:
        self.write("test_a.py", """# coding: utf-8
import tempfile, unittest
class T(unittest.TestCase): pass
def test(self):
    tempfile.mkdtemp()
    self.fail()
setattr(T, "test_\\u6f22", test)
""")
        words = ("-X", "utf8=0", "-m", "runner", "--keep", "on-failure", "--keep-dir", "kept")
        outcome = self.run_python(*words, "test_a", LC_ALL="C", PYTHONCOERCECLOCALE="0")
        self.assertIn("FAILED (failures=1)", outcome.err)
        self.assertEqual(len([*self.kept()[0].glob("test_a.T.test_*/tmp*")]), 1)


class WorkingDirectoryTests(KeepTestCase):
    def test_that_a_test_removes_is_not_needed(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def test_1(self):
                    os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
                    tempfile.mkstemp(dir=tempfile.gettempdir())
                    self.fail()
                def test_2(self):
                    with self.assertRaises(OSError): os.getcwd()
        """)
        for _ in range(2):
            outcome = self.keep("--keep", "on-failure", "--keep-runs", "1", "test_a")
            self.assertIn("FAILED (failures=1)", outcome.err)
            self.assertNotIn("cannot", outcome.err)
            self.assertEqual(len(self.kept()), 1)


class ConcurrentKeepTests(KeepTestCase):
    def test_runs_that_remove_the_same_kept_runs_pass(self) -> None:
        self.write("test_a.py", """
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def test(self):
                    for _ in range(20): self.createTempTree({f"{n}": "x" for n in range(10)})
        """)
        words = ("-m", "runner", "--keep", "always", "--keep-dir", "kept", "--keep-runs", "1")
        with ThreadPoolExecutor(8) as pool:
            running = [pool.submit(self.run_python, *words, "test_a") for _ in range(8)]
        for outcome in (future.result() for future in running):
            self.assertEqual(outcome.code, 0, outcome.err)
            self.assertNotRegex(outcome.err, "tidytest: (error|cannot)")

    def test_a_kept_run_removed_while_examined_fails_no_run(self) -> None:
        self.write("test_a.py", FAILING)
        self.write("sitecustomize.py", """
            import shutil
            from tempfiles.recovery import reap as orphans
            plan = orphans.plan
            def planned(*args, **kwargs):
                found = plan(*args, **kwargs)
                for verdict in found.chosen: shutil.rmtree(verdict.root)
                return found
            orphans.plan = planned
        """)
        for _ in range(2):
            outcome = self.run_python(
                "-m", "runner", "--keep", "always", "--keep-dir", "kept", "test_a.T.test_2",
                "test_a.T.test_1", PYTHONPATH=f"{self.environment()['PYTHONPATH']}:{self.project}",
            )
            self.assertNotIn("tidytest:", outcome.err)
            self.assertEqual(len(self.kept()), 1)
