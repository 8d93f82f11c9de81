"""A project of its own in a temp directory, and the runner's command line in a real process."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import unittest
from pathlib import Path

from tests.support.programs import REPOSITORY, Outcome, run_python


class ProjectTestCase(unittest.TestCase):
    """Has `project`, the working directory of runs, and `base`, their temp directory.

    Runs are forks of a preloaded interpreter unless `new_processes` is set.
    """

    new_processes = False

    def setUp(self) -> None:
        top = Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        self.project, self.base = top / "project", top / "base"
        self.project.mkdir()
        self.base.mkdir()

    def write(self, name: str, source: str) -> Path:
        """Make a file of the project; its source may be indented."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), "utf-8")
        return path

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a run."""
        unwanted = (
            "TIDYTEST_", "GITHUB_", "COVERAGE", "FORCE_COLOR", "PYTHON", "NO_COLOR", "COLUMNS",
        )  # fmt: skip
        kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted) and k != "CI"}
        temp = {name: str(self.base) for name in ("TMPDIR", "TEMP", "TMP")}
        return {**kept, **temp, "PYTHONPATH": REPOSITORY, "PYTHONDONTWRITEBYTECODE": "1", **more}

    def run_python(self, *words: str, stdin: str = "", **environment: str) -> Outcome:
        """Run Python in the project."""
        return run_python(
            words, cwd=self.project, environment=self.environment(**environment), stdin=stdin,
            new_process=self.new_processes,
        )

    def tidytest(self, *words: str, stdin: str = "", **environment: str) -> Outcome:
        """Run `python -m runner` in the project, and hold that it leaves nothing behind."""
        outcome = self.run_python("-m", "runner", *words, stdin=stdin, **environment)
        self.assertEqual(os.listdir(self.base), [], outcome.err)
        return outcome

    def on_terminal(self, *words: str, **environment: str) -> str:
        """Run with standard error on a terminal; return what it was given."""
        main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        with subprocess.Popen(
            [sys.executable, "-m", "runner", *words], cwd=self.project, stderr=other,
            env=self.environment(**{"TERM": "xterm", **environment}), stdin=subprocess.DEVNULL,
        ) as process:
            os.close(other)
            reported = b""
            try:
                while part := os.read(main, 65536):
                    reported += part
            except OSError:  # Linux: the other end is closed
                pass
            process.wait()
        os.close(main)
        return reported.decode()

    def assertRefused(self, outcome: Outcome, *parts: str) -> None:
        """Fail unless a run was refused with one line in which these parts are."""
        self.assertEqual(outcome.code, 2, outcome.err)
        lines = outcome.err.splitlines()
        self.assertEqual(len(lines), 1, outcome.err)
        self.assertTrue(lines[0].startswith("tidytest: error: "), outcome.err)
        for part in parts:
            self.assertIn(part, lines[0])


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and is not reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("ascii")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
