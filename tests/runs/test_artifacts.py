"""`artifactPath` gives a place that is kept, under our runner, stock unittest and pytest."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from tests.support.keeping import KeepTestCase

SUITE = """
    from runner import TrackedTestCase
    class T(TrackedTestCase):
        def test(self): self.artifactPath("a.txt").write_text("text")
"""


class ArtifactTests(KeepTestCase):
    def in_base(self) -> list[Path]:
        return sorted(self.base.iterdir())

    def test_are_kept_whatever_the_outcome(self) -> None:
        self.write("test_a.py", """
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def test(self):
                    self.artifactPath("logs/a.txt").write_text("text")
                    for wrong in ("../x", "/x", ""):
                        with self.assertRaises(ValueError): self.artifactPath(wrong)
        """)
        outcome = self.keep("--leaks", "fail", "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
        (run,) = self.kept()
        self.assertEqual((run / "test_a.T.test" / "logs" / "a.txt").read_text(), "text")
        self.assertIn(f"Kept files of 1 test: {run}\n", outcome.err)
        self.assertNotIn("1 leaked", outcome.err)
        for words in (["--record", "record.jsonl"], ["-j2", "--workers-by", "spawn"]):
            outcome = self.keep(*words, "test_a")
            (new,) = {*self.kept()} - {run}
            self.assertIn(f"Kept files of 1 test: {new}\n", outcome.err)
            self.assertNotIn("leaked", outcome.err)
            shutil.rmtree(new)
        self.assertIn("\nKept files of 1 test: ", self.tidytest("--merge", "record.jsonl").err)

    def test_unwritten_artifacts_leave_and_report_nothing(self) -> None:
        self.write("test_a.py", """
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def test_1(self): self.artifactPath("deep/er/none.txt")
                def test_2(self): self.artifactPath("some.txt").touch()
        """)
        outcome = self.keep("test_a.T.test_1")
        self.assertEqual(self.kept(), [])
        self.assertNotIn("Kept", outcome.err)
        outcome = self.keep("test_a")
        (run,) = self.kept()
        self.assertEqual({*os.listdir(run)}, {"marker.json", "test_a.T.test_2"})
        self.assertIn(f"Kept files of 1 test: {run}\n", outcome.err)

    def test_of_a_failed_test_are_named_in_its_failure(self) -> None:
        self.write("test_a.py", f"{SUITE}        def tearDown(self): self.fail()\n")
        outcome = self.keep("--keep", "on-failure", "test_a")
        self.assertIn(f"\nKept: {self.kept()[0]}/test_a.T.test\n", outcome.err)

    def test_stay_where_a_test_moves_the_temp_directory(self) -> None:
        self.write("test_a.py", """
            import tempfile
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def setUp(self):
                    before = tempfile.tempdir
                    self.addCleanup(setattr, tempfile, "tempdir", before)
                    tempfile.tempdir = str(self.createTempDirectory())
                def test(self): self.artifactPath("a.txt").write_text("text")
        """)
        for runner in self.runners():
            with self.subTest(runner):
                outcome = self.run_python("-m", runner, "test_a.py")
                self.assertEqual(outcome.code, 0, outcome.err)
                (run,) = self.in_base()
                self.assertEqual((run / "test_a.T.test" / "a.txt").read_text(), "text")
                shutil.rmtree(run)

    def test_lie_in_the_system_temp_directory_despite_temp_root(self) -> None:
        self.write("test_a.py", SUITE)
        root = self.project / "root"
        root.mkdir()
        self.run_python("-m", "runner", "--temp-root", str(root), "test_a")
        self.assertEqual([*root.iterdir()], [])
        self.assertEqual(len([*self.base.glob("*/*/a.txt")]), 1)

    def test_of_older_runs_are_removed_under_every_runner(self) -> None:
        self.write("test_a.py", SUITE)
        for _ in range(3):
            self.run_python("-m", "runner", "test_a.py")
        self.assertEqual(len(self.in_base()), 3)
        for runner in self.runners():
            with self.subTest(runner):
                self.assertEqual(self.run_python("-m", runner, "test_a.py").code, 0)
                self.assertEqual(len(self.in_base()), 3)

    def test_obey_the_settings_under_every_runner(self) -> None:
        self.write("test_a.py", SUITE)
        environment = {"TIDYTEST_KEEP_DIR": "kept", "TIDYTEST_KEEP_RUNS": "1"}
        self.run_python("-m", "runner", "test_a.py", **environment)
        for runner in self.runners():
            with self.subTest(runner):
                outcome = self.run_python("-m", runner, "test_a.py", **environment)
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertEqual((len(self.kept()), self.in_base()), (1, []))

    def test_obey_the_settings_file_under_stock_unittest(self) -> None:
        self.write("test_a.py", SUITE)
        self.write("pyproject.toml", "[tool.tidytest]\nkeep-runs = 1\n")
        for _ in range(2):
            self.assertEqual(self.run_python("-m", "unittest", "test_a").code, 0)
        self.assertEqual(len(self.in_base()), 1)

    def test_obey_keep_runs_and_keep_bytes_without_keep(self) -> None:
        self.write("test_a.py", SUITE)
        for words, number in (("--keep-runs", "2"), 2), (("--keep-bytes", "1"), 1):
            for _ in range(4):
                self.assertEqual(self.run_python("-m", "runner", *words, "test_a").code, 0)
            self.assertEqual(len(self.in_base()), number)

    def test_without_a_place_say_so_in_their_test(self) -> None:
        self.write("test_a.py", SUITE)
        self.write("kept", "a file")
        outcome = self.run_python("-m", "unittest", "test_a", TIDYTEST_KEEP_DIR="kept")
        self.assertIn(f"UsageError: --keep-dir {self.project}/kept: not a directory", outcome.err)
        self.assertIn("FAILED (errors=1)", outcome.err)

    def runners(self) -> list[str]:
        return ["runner", "unittest", *(["pytest"] if find_spec("pytest") else [])]
