"""pytest-xdist: each worker tracks, the controller merges, and each leak is reported once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest

from tests.hosts.sessions import PytestTestCase, has, section


@unittest.skipUnless(has("xdist"), "pytest-xdist is not installed: pip install 'tidytest[hosts]'")
class WorkerTests(PytestTestCase):
    def test_workers_report_what_one_process_does(self) -> None:
        for name in ("a", "b"):
            self.write(f"test_{name}.py", f"""\
                import os, tempfile, pytest
                @pytest.fixture(scope="module")
                def module(): return tempfile.mkdtemp(prefix="module{name}-")
                def test_one(module): tempfile.mkdtemp(prefix="one{name}-")
                def test_two(): open("two{name}.txt", "w").close()
                @pytest.mark.parametrize("x", [1.5, 2])
                def test_p(x): tempfile.mkdtemp(prefix=f"p{name}{{int(x)}}-")
                def test_clean(tmp_path): (tmp_path / "x").touch()
                """)
        alone = self.pytest("--leaks", "fail", code=1)
        expected = self.leaks
        summary = self.document["summary"]
        self.assertEqual(len(expected), 10)
        for words in (["--dist=loadscope"], ["--dist=load"], ["--dist=worksteal"]):
            with self.subTest(words):
                for name in ("twoa.txt", "twob.txt"):
                    (self.project / name).unlink()
                outcome = self.pytest("--leaks", "fail", "-n2", *words, code=1)
                self.assertEqual(self.leaks, expected)
                self.assertEqual(self.document["summary"], summary)
                self.assertEqual(last(outcome.out), last(alone.out))

    def test_a_crashed_worker_leaves_nothing_and_is_replaced(self) -> None:
        self.write("test_a.py", """\
            import os, tempfile
            def test_before(): tempfile.mkdtemp(prefix="before-")
            def test_crash(): tempfile.mkdtemp(); os._exit(9)
            def test_after(): tempfile.mkdtemp(prefix="after-")
            """)
        outcome = self.pytest("-n1", code=1)
        self.assertIn("crashed while running 'test_a.py::test_crash'", outcome.out)
        self.assertEqual(set(self.leaks), {"before", "after"}, section(outcome))

    def test_no_workers_is_a_session_of_its_own(self) -> None:
        self.write("test_a.py", "import tempfile\ndef test_a(): tempfile.mkdtemp(prefix='a-')\n")
        self.pytest("-n0", code=0)
        self.assertEqual(set(self.leaks), {"a"})


class DeathTests(PytestTestCase):
    def start(self, *words: str) -> subprocess.Popen[bytes]:
        self.write("test_a.py", """\
            import pathlib, tempfile, time
            def test_a():
                tempfile.mkdtemp()
                pathlib.Path("started").touch()
                time.sleep(60)
            """)
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", *words],
            cwd=self.project, env=self.environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )
        self.addCleanup(process.wait)
        self.addCleanup(kill, process.pid)
        while not (self.project / "started").exists():
            time.sleep(0.05)
        return process

    def test_a_terminated_session_removes_its_files(self) -> None:
        process = self.start()
        process.terminate()
        self.assertEqual(process.wait(30), -signal.SIGTERM)
        self.assertEqual(roots(self.base), [])

    def test_a_killed_session_is_removed_by_the_next(self) -> None:
        for words in ([], ["-n2"] if has("xdist") else []):
            process = self.start(*words)
            kill(process.pid)
            process.wait(30)
            (self.project / "started").unlink()
        self.assertNotEqual(roots(self.base), [])
        self.write("test_a.py", "def test_a(): pass\n")
        outcome = self.pytest(code=0)  # which holds that nothing is left
        # What there is no time for at the start is removed, and printed, at the end.
        said = outcome.out + outcome.err
        self.assertIn("earlier run", said)
        self.assertIn("left by test_a.py::test_a", said)
        self.assertNotIn("left by run", said)  # as the roots of workers would be


def last(text: str) -> str:
    """Return the totals of a session without its time."""
    return text.strip().splitlines()[-1].partition(" in ")[0].strip("= ")


def kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def roots(base: os.PathLike[str]) -> list[str]:
    return [name for name in os.listdir(base) if name.startswith("tidy-")]


if __name__ == "__main__":
    unittest.main()
