"""A test that kills its run is reported with the files that it and earlier tests left."""

from __future__ import annotations

import json
import os
import signal
import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.whole_runs import Place, place, wait_until

SUITE = '''
import os, signal, tempfile, unittest

def leave(name):
    with open(os.path.join(tempfile.gettempdir(), name), "w") as file:
        file.write("x" * 100)

class Deadly(unittest.TestCase):
    def test_1(self): leave("one")
    def test_2(self): pass
    def test_3(self):
        leave("three")
        if os.environ.get("DIES") == "3":
            os._exit(7)
    def test_4(self): leave("four")
    def test_5(self):
        leave("five")
        if os.environ.get("DIES") == "5":
            os.kill(os.getpid(), signal.SIGSEGV)
    def test_6(self):
        with tempfile.TemporaryDirectory():
            pass
    def test_7(self):
        os.mkdir(os.path.join(tempfile.gettempdir(), "seven"))
        if os.environ.get("DIES") == "7":
            os.kill(os.getpid(), signal.SIGKILL)
'''
DEATHS = {
    "3": (7, ("one", "three")),
    "5": (-signal.SIGSEGV, ("one", "three", "four", "five")),
    "7": (-signal.SIGKILL, ("one", "three", "four", "five", "seven")),
}


def name(number: str) -> str:
    return f"test_suite.Deadly.test_{number}"


BORROWING = """
import os, signal, tempfile, unittest
class Borrowing(unittest.TestCase):
    def test_borrows(self):
        top = tempfile.mkdtemp()
        for number in range(30):
            open(os.path.join(tempfile.gettempdir(), f"many-{number}"), "w").close()
        os.rename("config.ini", os.path.join(top, "backup"))
        os.rename(os.path.join(top, "backup"), os.path.join(top, "config.ini"))
        os.link("linked.ini", os.path.join(top, "linked.ini"))
        if "DIES" in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
        os.rename(os.path.join(top, "config.ini"), "config.ini")
"""


@unittest.skipUnless(sys.platform == "linux", "kills processes and looks at them in /proc")
class CrashReportTests(unittest.TestCase):
    ground: Place

    @classmethod
    def setUpClass(cls) -> None:
        cls.ground = cls.enterClassContext(place(SUITE))

    def die(self, number: str) -> None:
        code, output = self.ground.run(DIES=number)
        self.assertEqual(code, DEATHS[number][0], output)

    def status(self) -> Any:
        code, output = self.ground.command("status", "--json")
        self.assertEqual(code, 0, output)
        (root,) = (root for root in json.loads(output)["roots"] if root["state"] == "orphaned")
        return root

    def test_status_and_the_next_start_report_each_tests_files(self) -> None:
        for number, (_, left) in DEATHS.items():
            with self.subTest(DIES=number):
                self.die(number)
                root = self.status()
                reported = {
                    os.path.basename(leak["path"]): leak["context"] for leak in root["leaks"]
                }
                self.assertEqual(root["running"], {"id": name(number), "scope": "test"})
                owners = dict(zip(("one", "three", "four", "five", "seven"), "13457", strict=True))
                self.assertEqual(reported, {file: name(owners[file]) for file in left})
                output = self.ground.run_next()
                self.assertIn(f"died during {name(number)}", output)
                for file in left:
                    self.assertRegex(output, rf"\b{file}\b.* by {name(owners[file])}\b")
                self.ground.check()

    def test_status_reports_a_crash_in_plain_text(self) -> None:
        self.die("3")
        code, output = self.ground.command("status")
        self.assertEqual(code, 0)
        self.assertIn(f"running: {name('3')} (test)", output)
        self.assertRegex(output, rf"left: \S+/three .* by {name('3')}\n")
        self.ground.run_next()
        self.ground.check()

    def test_files_of_the_crashed_test_are_reported_first(self) -> None:
        suite = SUITE.replace('leave("one")', '[leave(f"one-{n}") for n in range(50)]')
        with place(suite) as ground:
            ground.run(DIES="3")
            output = ground.run_next()
            self.assertRegex(output, rf"died during {name('3')}\b.*\n    three .* by {name('3')}\b")
            self.assertIn("    ... and 41 more\n", output)
            ground.check()

    def test_no_reap_leaves_a_crashed_run(self) -> None:
        self.die("5")
        (root,) = self.ground.roots()
        self.assertNotIn("died", self.ground.run_next("--no-reap"))
        self.assertEqual(self.ground.roots(), [root])
        code, output = self.ground.command("clean", "--dry-run")
        self.assertIn(f"would remove {self.ground.tmp}/{root}: orphaned", output)
        self.assertEqual((code, self.ground.roots()), (0, [root]))
        code, output = self.ground.command("clean")
        self.assertIn(f"running: {name('5')} (test)", output)
        self.assertEqual(code, 0, output)
        self.ground.check()


@unittest.skipUnless(sys.platform == "linux", "kills processes and looks at them in /proc")
class PreexistingFileTests(unittest.TestCase):
    """A test had moved it into the temp directory, and meant to move it back."""

    def setUp(self) -> None:
        self.ground = self.enterContext(place(BORROWING))
        for name in ("config.ini", "linked.ini"):
            Path(self.ground.project, name).write_text(f"precious {name}")
        self.ground.before = self.ground.listing()

    def test_file_stays_where_it_was_when_no_run_dies(self) -> None:
        code, output = self.ground.run()
        self.assertEqual(code, 0, output)
        self.ground.check()

    def test_is_moved_out_before_the_rest_is_removed(self) -> None:
        ways: dict[str, Callable[[], str]] = {
            "the next start": self.ground.run_next,
            "clean": lambda: self.ground.command("clean")[1],
        }
        for word, way in ways.items():
            with self.subTest(word):
                self.ground.run(DIES="1")
                output = way()
                now = Path(self.ground.tmp, "config.ini")
                self.assertRegex(output, rf"config\.ini .*is now {now}\n")
                self.assertEqual(now.read_text(), "precious config.ini")
                now.rename(Path(self.ground.project, "config.ini"))
                self.ground.check()

    def test_is_moved_out_by_a_guard_too(self) -> None:
        self.ground.run("--guard", DIES="1")
        wait_until(lambda: self.ground.roots() == ["config.ini"], "the guard to remove the root")
        Path(self.ground.tmp, "config.ini").rename(Path(self.ground.project, "config.ini"))
        self.ground.check()


if __name__ == "__main__":
    unittest.main()
