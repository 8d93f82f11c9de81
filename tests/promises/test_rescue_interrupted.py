"""No pre-existing file is lost where a signal or an error interrupts its rescue."""

from __future__ import annotations

import signal
import textwrap
import unittest

from tests.support.rescue import RescueCase
from tests.support.whole_runs import wait_until


class InterruptedRescueTests(RescueCase):
    """The end of the run moves thirty files of the user's out, and something comes in between."""

    def setUp(self) -> None:
        super().setUp()
        (self.project / "precious.txt").unlink()
        (self.project / "mine").mkdir()
        for number in range(30):
            (self.project / f"mine/{number}").write_text(str(number))

    def leave_after(self, setting: str, move: str = "") -> str:
        """Have a test move the files into the temp directory; return what the run reported."""
        self.write("trouble.py", TROUBLE + textwrap.dedent(setting))
        move = move or 'for name in os.listdir("mine"): os.rename(f"mine/{name}", f"{temp}/{name}")'
        reported, _ = self.leave(f"import trouble\n{move}", "-q")
        return reported

    def assert_none_is_lost(self, reported: str) -> None:
        found = {path.name: path.read_text() for path in self.base.iterdir() if path.is_file()}
        self.assertEqual(found, {str(number): str(number) for number in range(30)}, reported)

    def assert_next_run_finishes(self, reported: str) -> None:
        self.assertEqual([path for path in self.base.iterdir() if path.is_dir()] != [], True)
        self.write("test_b.py", "")
        self.run_python("-m", "runner", "test_b")
        self.assert_none_is_lost(reported)
        self.assertEqual(len(list(self.base.iterdir())), 30)

    def test_a_signal_moves_all_out_and_removes_the_root(self) -> None:
        for number, move in (
            ("SIGINT", ""), ("SIGTERM", ""), ("SIGINT", 'subprocess.check_call("mv mine/* $TMPDIR",'
                                                        " shell=True)"),
        ):  # fmt: skip
            with self.subTest(number, move=move):
                reported = self.leave_after(f"kill_at(5, signal.{number})", move)
                self.assert_none_is_lost(reported)
                self.assertEqual(len(list(self.base.iterdir())), 30, reported)
                self.assertEqual(reported.count("existed before the run: moved to"), 30, reported)
                for path in self.base.iterdir():
                    path.rename(self.project / "mine" / path.name)

    def test_two_signals_lose_nothing(self) -> None:
        reported = self.leave_after("kill_at(5, signal.SIGINT)\nkill_at(10, signal.SIGINT)")
        self.assertRegex(reported, "Could not be removed: .*interrupted; the next run removes it")
        self.assert_next_run_finishes(reported)

    def test_a_second_sigterm_loses_nothing(self) -> None:
        reported = self.leave_after("kill_at(5, signal.SIGTERM)\nkill_at(10, signal.SIGTERM)")
        wait_until(lambda: len(list(self.base.iterdir())) == 30, "the guard to remove the root")
        self.assert_none_is_lost(reported)

    def test_a_kill_loses_nothing(self) -> None:
        self.assert_next_run_finishes(self.leave_after("kill_at(5, signal.SIGKILL)"))

    def test_an_exception_of_an_audit_hook_loses_nothing(self) -> None:
        for event, error in (
            ("os.rename", "RuntimeError"), ("os.rename", "PermissionError"),
            ("os.listdir", "RuntimeError"), ("os.listdir", "OSError"),
        ):  # fmt: skip
            with self.subTest(event, error=error):
                move = 'subprocess.check_call("mv mine/* $TMPDIR", shell=True)'
                reported = self.leave_after(f"forbid({event!r}, {error})", move)
                self.assertIn("Could not be removed: ", reported)
                self.assert_next_run_finishes(reported)
                for path in self.base.iterdir():
                    path.rename(self.project / "mine" / path.name)

    def test_a_signal_at_the_close_of_a_context_loses_nothing(self) -> None:
        reported = self.leave_after("kill_at(5, signal.SIGINT)", (
            "import tempfiles\ntop = tempfiles.create_temp_directory()\n"
            'for name in os.listdir("mine"): os.rename(f"mine/{name}", top / name)'
        ))  # fmt: skip
        self.assert_none_is_lost(reported)

    def test_a_host_that_removes_later_loses_nothing(self) -> None:
        self.write("host.py", """
            import os, tempfiles
            run = tempfiles.Run()
            run.open()
            top = tempfiles.create_temp_directory()
            for name in os.listdir("mine"): os.rename(f"mine/{name}", top / name)
            run.judge()
            tempfiles.cleanup_all()
            run.abandon()
        """)
        outcome = self.run_python("host.py")
        self.assert_none_is_lost(outcome.err)

    def test_a_journal_that_a_test_closed_is_opened_again(self) -> None:
        reported = self.leave_after("", (
            'os.rename("mine/0", f"{temp}/0")\nos.closerange(3, os.sysconf("SC_OPEN_MAX"))\n'
            'for name in os.listdir("mine"): os.rename(f"mine/{name}", f"{temp}/{name}")\n'
            f"os.kill(os.getpid(), {signal.SIGKILL})"
        ))  # fmt: skip
        self.assert_next_run_finishes(reported)


TROUBLE = """
import os, signal, sys
from tempfiles.recovery import rescue
real, calls, kills = rescue.move_without_replacing, 0, {}
def kill_at(call, number): kills[call] = number
def move(source, target):
    global calls
    calls += 1
    if calls in kills: os.kill(os.getpid(), kills[calls])
    real(source, target)
rescue.move_without_replacing = move
def forbid(event, error):
    def hook(name, args):
        if name == event and sys._getframe(1).f_globals["__name__"].startswith(
            ("tempfiles.recovery", "tempfiles.registry.move")
        ):
            raise error("forbidden")
    sys.addaudithook(hook)
"""


if __name__ == "__main__":
    unittest.main()
