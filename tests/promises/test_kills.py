"""The quick forms of `torture_kills`, and its check for left, lost and changed files."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from tests.campaigns import torture_kills
from tests.support.whole_runs import BrokenPromiseError, Place, finish, kill, place, wait_until


@unittest.skipUnless(sys.platform == "linux", "kills processes and looks at them in /proc")
class KilledRunTests(unittest.TestCase):
    """After it the place is as it was before, as soon as any other run has started and ended."""

    def hold(self, campaign: torture_kills.Campaign, count: int) -> None:
        dice = random.Random()
        seed = dice.randrange(2**32)
        with self.subTest(seed=seed), place(torture_kills.SUITE) as ground:
            campaign(ground, random.Random(seed), count)

    def test_at_random_moments(self) -> None:
        self.hold(torture_kills.moments, 2)

    def test_at_system_calls(self) -> None:
        self.hold(torture_kills.deeds, 2)

    def test_while_files_of_the_user_are_moved_out(self) -> None:
        self.hold(torture_kills.rescues, 3)

    def test_with_a_guard_and_no_later_run(self) -> None:
        with place(torture_kills.SUITE) as ground:
            process = ground.start("--guard")
            wait_until(lambda: bool(ground.roots()), "the run to make its root")
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
                kill(process, number, group=True)
            wait_until(lambda: not ground.roots(), "the guard to remove the root")
            finish(process)
            ground.wait_for_processes()
            ground.check()

    def test_root_stays_while_a_forked_child_lives(self) -> None:
        with place(WITH_CHILD) as ground:
            process = ground.start()
            child = Path(ground.project, "child")
            wait_until(lambda: child.is_file() and child.read_text().endswith("\n"), "the child")
            kill(process, signal.SIGKILL, group=False)
            process.wait()
            (root,) = ground.roots()
            self.assertNotIn("died", ground.run_next())
            self.assertIn("a forked child of it, holds its lock", ground.command("clean")[1])
            self.assertEqual(os.listdir(os.path.join(ground.tmp, root, "0")), ["childs"])
            os.kill(int(child.read_text()), signal.SIGKILL)
            finish(process)
            child.unlink()
            ground.wait_for_processes()
            self.assertIn("died during test_suite.Forking.test_forks", ground.run_next())
            ground.check()


    def assert_stays_while_used(self, suite: str, *words: str) -> None:
        """Kill a run that has started a program; it must keep its files until that ends."""
        with place(suite) as ground:
            process = ground.start(*words)
            child = Path(ground.project, "child")
            wait_until(lambda: child.is_file() and child.read_text().endswith("\n"), "the child")
            kill(process, signal.SIGKILL, group=False)
            process.wait()
            (root,) = ground.roots()
            if words:
                time.sleep(1)
            else:
                self.assertNotIn("died", ground.run_next())
                self.assertRegex(ground.command("clean")[1], "in use by pid|is live")
            self.assertEqual(ground.roots(), [root])
            self.assertTrue(list(Path(ground.tmp, root).glob("**/childs")))
            os.kill(int(child.read_text()), signal.SIGKILL)
            finish(process)
            child.unlink()
            ground.wait_for_processes()
            if words:
                wait_until(lambda: not ground.roots(), "the guard to remove the root")
            else:
                self.assertIn("died during test_suite.Starting.test_starts", ground.run_next())
            ground.check()

    def test_root_stays_while_a_program_has_its_temp_dir(self) -> None:
        self.assert_stays_while_used(with_program("subprocess.Popen(words)"))

    def test_root_stays_while_a_program_has_a_file_of_it_open(self) -> None:
        self.assert_stays_while_used(with_program(
            "subprocess.Popen(words, env={}, cwd='/', stdin=open(path))"
        ))

    def test_root_stays_while_a_program_works_in_it(self) -> None:
        self.assert_stays_while_used(with_program(
            "subprocess.Popen(words, env={}, cwd=os.path.dirname(path))"
        ))

    def test_root_stays_while_a_run_inside_it_is_live(self) -> None:
        for words in ((), ("--guard",)):
            with self.subTest(words=words):
                self.assert_stays_while_used(with_program(
                    "subprocess.Popen([sys.executable, '-c', INNER, path], cwd='/',\n"
                    "            env={'PYTHONPATH': os.environ['PYTHONPATH']})"
                ), *words)

    def test_guard_waits_for_a_program(self) -> None:
        self.assert_stays_while_used(with_program("subprocess.Popen(words)"), "--guard")


def with_program(start: str) -> str:
    return PROGRAM.replace("START", start)


PROGRAM = '''
import os, subprocess, sys, tempfile, time, unittest
INNER = """
import os, sys, time, tempfiles
run = tempfiles.Run(tempfiles.RunSettings(base=os.path.dirname(sys.argv[1])))
run.open()
open(os.path.join(run.root.slot, "childs"), "w").close()
time.sleep(600)
"""
class Starting(unittest.TestCase):
    def test_starts(self):
        path = os.path.join(tempfile.mkdtemp(), "childs")
        open(path, "w").close()
        words = ["sleep", "600"]
        child = START
        time.sleep(1)
        with open("child", "w") as file:
            file.write(f"{child.pid}\\n")
        time.sleep(600)
'''

WITH_CHILD = '''
import os, tempfile, time, unittest
class Forking(unittest.TestCase):
    def test_forks(self):
        child = os.fork()
        if child == 0:
            with open(os.path.join(tempfile.gettempdir(), "childs"), "w"):
                pass
            with open("child", "w") as file:
                file.write(f"{os.getpid()}\\n")
        time.sleep(600)
'''


class PlaceCheckTests(unittest.TestCase):
    """It can fail."""

    def test_sees_what_is_left_gone_or_changed(self) -> None:
        changes: dict[str, Callable[[Place], object]] = {
            "left": lambda ground: Path(ground.tmp, "tidy-01234568").mkdir(),
            "gone": lambda ground: Path(ground.canary, "one").unlink(),
            "changed": lambda ground: Path(ground.canary, "one").write_text("x"),
        }
        for word, change in changes.items():
            with self.subTest(word), place("") as ground:
                ground.check()
                change(ground)
                with self.assertRaisesRegex(BrokenPromiseError, rf"{word}: \['{ground.top}"):
                    ground.check()


if __name__ == "__main__":
    unittest.main()
