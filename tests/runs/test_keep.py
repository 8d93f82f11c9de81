"""`--keep` keeps the files of failed tests under the names of the tests."""

from __future__ import annotations

import json
import os
import re
import shutil

from tests.support.keeping import KeepTestCase

SUITE = """
    import os, tempfile, unittest
    import tempfiles
    from runner import TrackedTestCase

    def make(name, content="text"):
        with open(os.path.join(tempfile.gettempdir(), name), "w") as file:
            file.write(content)

    class Phases(TrackedTestCase):
        def setUp(self):
            make(self._testMethodName)
            if "set_up" in self._testMethodName: self.fail("in setUp")
        def tearDown(self):
            if "tear_down" in self._testMethodName: self.fail("in tearDown")
        def test_set_up(self): pass
        def test_body(self):
            self.createTempTree({"deep": {"er.txt": "tree"}})
            self.fail("in the body")
        def test_tear_down(self): pass
        def test_cleanup(self): self.addCleanup(self.fail, "in a cleanup")
        def test_subtest(self):
            with self.subTest(n=1): self.fail("in a subtest")
        def test_pass(self): self.createTempFile("x")
        def test_skip(self): self.skipTest("why")
        @unittest.expectedFailure
        def test_expected(self): self.fail("as expected")

    class Fixture(unittest.TestCase):
        @classmethod
        def setUpClass(cls): make("of_class")
        @classmethod
        def tearDownClass(cls): raise OSError("in tearDownClass")
        def test(self): pass
"""
FAILED = {"test_set_up", "test_body", "test_tear_down", "test_cleanup", "test_subtest"}


class KeepTests(KeepTestCase):
    def test_a_failure_in_any_phase_is_kept_and_names_the_path(self) -> None:
        self.write("test_a.py", SUITE)
        outcome = self.keep("--keep", "on-failure", "--leak-json", "out.json", "test_a")
        self.assertEqual(outcome.code, 1, outcome.err)
        (run,) = self.kept()
        names = {*os.listdir(run)} - {"marker.json"}
        wanted = {f"test_a.Phases.{name}" for name in FAILED} | {"test_a.Fixture"}
        self.assertEqual(names, wanted)
        for name in FAILED:
            self.assertEqual((run / f"test_a.Phases.{name}" / name).read_text(), "text")
        self.assertTrue((run / "test_a.Fixture" / "of_class").exists())
        (tree,) = (run / "test_a.Phases.test_body").glob("*/deep")
        self.assertEqual((tree / "er.txt").read_text(), "tree")
        sections = re.split(r"^={70}$", outcome.err, flags=re.MULTILINE)[1:]
        self.assertTrue(sections.pop().startswith("\nLEAKS: "))
        for section in sections:
            (id,) = re.findall(r"\((\S+)\)", section.splitlines()[1])[:1]
            self.assertIn(f"\nKept: {run / id}\n", section)
        leaks = json.loads((self.project / "out.json").read_text())["leaks"]
        outcomes = {leak["context"]: leak["outcome"] for leak in leaks}
        self.assertEqual(outcomes["test_a.Phases.test_body"], "kept")
        self.assertEqual(outcomes["test_a.Phases.test_pass"], "removed")

    def test_a_test_that_fails_for_its_leak_keeps_it(self) -> None:
        self.write("test_a.py", SUITE)
        outcome = self.keep("--keep", "on-failure", "--leaks", "fail", "test_a.Phases.test_pass")
        self.assertEqual(outcome.code, 1)
        (run,) = self.kept()
        self.assertTrue((run / "test_a.Phases.test_pass" / "test_pass").exists())

    def test_a_leak_failure_keeps_registered_files_too(self) -> None:
        self.write("test_it.py", """
            import tempfile
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def test(self):
                    tempfile.mkdtemp(suffix=".leaked")
                    self.createTempFile("registered", "txt")
        """)
        for leaks, number in (("fail", 2), ("report", 0)):
            outcome = self.keep("--keep", "on-failure", "--leaks", leaks, "-q")
            found = [path.suffix for run in self.kept() for path in run.glob("test_it.T.test/*")]
            self.assertEqual(len(found), number, outcome.err)
            for run in self.kept():
                shutil.rmtree(run)

    def test_what_was_registered_and_kept_adds_up_in_the_totals(self) -> None:
        self.write("test_a.py", """
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def test_fails(self):
                    self.createTempFile("x"); self.createTempTree({"deep/er": "y"}); self.fail()
                def test_passes(self): self.createTempFile("x")
        """)
        outcome = self.keep("--keep", "on-failure", "--leak-json", "out.json", "test_a")
        self.assertEqual(
            outcome.err.splitlines()[-1],
            "Temporary files: 3 created, 1 registered and removed,"
            " 2 registered and kept, none leaked",
        )
        summary = json.loads((self.project / "out.json").read_text())["summary"]
        self.assertEqual((summary["removed_by_tests"], summary["registered"]), (0, 3))

    def test_what_an_object_would_remove_is_kept_too(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    self.directory = tempfile.TemporaryDirectory()
                    self.file = tempfile.NamedTemporaryFile("w", dir=None, suffix=".log")
                    self.file.write("text"); self.file.flush()
                    open(self.directory.name + "/in_it", "w").close()
                    self.fail()
        """)
        outcome = self.keep("--keep", "on-failure", "test_a")
        self.assertNotIn("Exception ignored", outcome.err)
        (run,) = self.kept()
        self.assertEqual([p.read_text() for p in run.glob("*/*.log")], ["text"])
        self.assertEqual(len([*run.glob("*/*/in_it")]), 1)

    def test_always_and_never(self) -> None:
        self.write("test_a.py", SUITE)
        self.keep("--keep", "always", "test_a.Phases.test_pass")
        (run,) = self.kept()
        self.assertEqual({*os.listdir(run)}, {"marker.json", "test_a.Phases.test_pass"})
        self.assertEqual(len(os.listdir(run / "test_a.Phases.test_pass")), 2)
        self.tidytest("--keep", "never", "test_a.Phases.test_body")
        self.assertEqual(self.kept(), [run])

    def test_older_runs_are_removed_by_number_and_by_size(self) -> None:
        self.write("test_a.py", SUITE)
        foreign = self.project / "kept" / "tidy-kept-of-mine"
        foreign.mkdir(parents=True)
        for _ in range(3):
            self.keep("--keep", "always", "--keep-runs", "2", "test_a.Phases.test_pass")
        self.assertEqual(len(self.kept()), 3)
        self.assertTrue(foreign.exists())
        last = max(set(self.kept()) - {foreign}, key=lambda run: run.stat().st_ctime)
        self.keep("--keep", "always", "--keep-bytes", "2", "test_a.Phases.test_pass")
        self.assertEqual(len(self.kept()), 2)
        self.assertNotIn(last, self.kept())

    def test_without_keep_dir_clean_removes_it_from_the_temp_dir(self) -> None:
        self.write("test_a.py", SUITE)
        outcome = self.run_python("-m", "runner", "--keep", "on-failure", "test_a.Phases.test_body")
        (run,) = self.base.iterdir()
        self.assertIn(f"Kept: {run}/test_a.Phases.test_body\n", outcome.err)
        self.run_python("-m", "tempfiles", "clean", str(self.base))
        self.assertTrue(run.exists())
        cleaned = self.run_python("-m", "tempfiles", "clean", "--kept", "--min-age", "0s")
        self.assertFalse(run.exists(), cleaned)

    def test_a_leak_is_kept_as_it_was_and_stays_for_the_next_tests(self) -> None:
        self.write("test_a.py", """
            import os, shutil, tempfile, unittest
            LOG = os.path.join(tempfile.gettempdir(), "evidence.log")
            TREE = os.path.join(tempfile.gettempdir(), "tree")
            class T(unittest.TestCase):
                def test_1(self):
                    with open(LOG, "w") as file: file.write("first")
                    os.mkdir(TREE); open(TREE + "/a", "w").close()
                    self.fail()
                def test_2(self):
                    with open(LOG, "r+") as file:
                        self.assertEqual(file.read(), "first")
                        file.seek(0); file.write("later"); file.truncate()
                    self.assertEqual(os.listdir(TREE), ["a"])
                    shutil.rmtree(TREE)
                def test_3(self):
                    self.assertEqual(os.listdir(tempfile.gettempdir()), ["evidence.log"])
        """)
        outcome = self.keep("--keep", "on-failure", "--leak-json", "out.json", "test_a")
        self.assertIn("FAILED (failures=1)", outcome.err)
        (run,) = self.kept()
        self.assertEqual({*os.listdir(run)} - {"marker.json"}, {"test_a.T.test_1"})
        self.assertEqual((run / "test_a.T.test_1" / "evidence.log").read_text(), "first")
        self.assertEqual(os.listdir(run / "test_a.T.test_1" / "tree"), ["a"])
        document = json.loads((self.project / "out.json").read_text())
        reported = {os.path.basename(leak["path"]): leak["outcome"] for leak in document["leaks"]}
        self.assertEqual(reported, {"evidence.log": "kept", "tree": "kept"})
        self.assertTrue(outcome.err.endswith("2 leaked by 1 test (kept)\n"), outcome.err)

    def test_what_an_open_temporary_file_still_holds_is_kept(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    self.file = tempfile.NamedTemporaryFile("w", suffix=".log")
                    self.file.write("text")
                    self.fail()
        """)
        self.keep("--keep", "on-failure", "test_a")
        self.assertEqual([p.read_text() for p in self.kept()[0].glob("*/*.log")], ["text"])

    def test_an_unexpected_success_is_a_failure(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, unittest
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                @unittest.expectedFailure
                def test(self):
                    self.createTempFile("registered", "txt")
                    os.mkdir(os.path.join(tempfile.gettempdir(), "leak"))
                @unittest.expectedFailure
                def test_as_expected(self):
                    self.createTempFile("registered", "txt")
                    self.fail()
                @unittest.expectedFailure
                def test_skips(self):
                    self.createTempFile("registered", "txt")
                    self.skipTest("why")
        """)
        outcome = self.keep("--keep", "on-failure", "--junit-xml", "out.xml", "test_a")
        self.assertEqual(outcome.code, 1, outcome.err)
        (run,) = self.kept()
        (kept,) = {*os.listdir(run)} - {"marker.json"}
        self.assertEqual(kept, "test_a.T.test")
        self.assertEqual(len([*(run / kept).glob("*.txt")]), 1)
        self.assertTrue((run / kept / "leak").is_dir())
        reported = rf"\nUNEXPECTED SUCCESS: test \(.*\)\nKept: {run / kept}\n"
        self.assertRegex(outcome.err, reported)
        self.assertIn(f"Kept: {run / kept}", (self.project / "out.xml").read_text())

    def test_an_unexpected_success_of_a_custom_run_is_a_failure(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def run(self, result=None):
                    result.startTest(self)
                    tempfile.mkdtemp()
                    result.addUnexpectedSuccess(self)
                    result.stopTest(self)
                def test(self): pass
        """)
        outcome = self.keep("--keep", "on-failure", "--junit-xml", "out.xml", "test_a")
        (run,) = self.kept()
        self.assertEqual(outcome.err.count(f"Kept: {run}/test_a.T.test\n"), 1)
        junit = (self.project / "out.xml").read_text()
        self.assertEqual(junit.count(f"Kept: {run}/test_a.T.test"), 1)

    def test_what_lies_outside_the_temp_directory_is_left_and_named(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    with open("of_users", "w") as file: file.write("content")
                    self.fail()
                def test_two(self):
                    open("of_another", "w").close(); tempfile.mkdtemp()
                    self.fail()
        """)
        outcome = self.keep("--keep", "on-failure", "test_a")
        self.assertEqual((self.project / "of_users").read_text(), "content")
        (run,) = self.kept()
        self.assertEqual({*os.listdir(run)} - {"marker.json"}, {"test_a.T.test_two"})
        left = f"left where it is: {self.project}"
        self.assertIn(f"AssertionError: None\n\n{left}/of_users\n", outcome.err)
        self.assertIn(f"\nKept: {run}/test_a.T.test_two\n{left}/of_another\n", outcome.err)

    def test_what_is_removed_outside_of_it_is_kept(self) -> None:
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test(self):
                    with open("made", "w") as file: file.write("content")
                    self.fail()
        """)
        outcome = self.keep("--keep", "on-failure", "--clean-outside", "test_a")
        self.assertFalse((self.project / "made").exists())
        self.assertEqual((self.kept()[0] / "test_a.T.test" / "made").read_text(), "content")
        self.assertNotIn("left where it is", outcome.err)
