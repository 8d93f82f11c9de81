"""A directory that takes the place of a run root, or of one above it, is never touched."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

from tests.support.whole_runs import Place, place

SUITE = """
import os, shutil, subprocess, tempfile, unittest
ROOT = os.path.dirname(tempfile.gettempdir())
USERS = os.environ["USERS"]
class Tests(unittest.TestCase):
    def test_a(self):
        tempfile.mkdtemp()
        open(os.path.join(USERS, "0"), "w").close()
        if os.environ["LOSES"]:
            os.closerange(3, 4096)
        subprocess.run(["mv", ROOT, ROOT + "-moved"], check=True)
        subprocess.run(["mv", USERS, ROOT], check=True)
    def test_b(self):
        pass
"""
COPIES_MARKER = 'shutil.copy(os.path.join(ROOT, "marker.json"), USERS)'


@unittest.skipUnless(sys.platform == "linux", "moves directories by mv")
class SwappedRootTests(unittest.TestCase):
    def run_suite(self, suite: str, *options: str, loses: str = "") -> tuple[Place, str, int]:
        ground = self.enterContext(place(suite))
        users = Path(ground.top, "users")
        (users / "deep").mkdir(parents=True)
        (users / "deep" / "file").write_text("the user's")
        users.chmod(0o700)
        code, output = ground.run(*options, USERS=str(users), LOSES=loses)
        return ground, output, code

    def assert_safe(self, suite: str, *options: str, loses: str = "") -> None:
        ground, output, code = self.run_suite(suite, *options, loses=loses)
        self.assertEqual((code, "OK\n" in output), (0, True), output)
        moved = [name for name in ground.roots() if name.endswith("-moved")]
        (root,) = (name.removesuffix("-moved") for name in moved)
        path = os.path.join(ground.tmp, root)
        self.assertEqual(Path(path, "deep", "file").read_text(), "the user's")
        self.assertIn(f"{path}: another directory has the place of the run root", output)
        ground.run_next()
        ground.command("clean", "--kept")
        self.assertEqual(Path(path, "deep", "file").read_text(), "the user's")

    def test_users_directory_at_its_path_is_not_touched(self) -> None:
        self.assert_safe(SUITE)

    def test_nor_where_the_lock_was_lost(self) -> None:
        self.assert_safe(SUITE, loses="yes")

    def test_nor_with_a_copy_of_the_marker(self) -> None:
        suite = SUITE.replace("tempfile.mkdtemp()", COPIES_MARKER)
        self.assert_safe(suite, loses="yes")

    def test_nor_where_the_run_left_nothing(self) -> None:
        self.assert_safe(SUITE.replace("tempfile.mkdtemp()", "pass"))

    def test_nor_where_nothing_is_tracked(self) -> None:
        self.assert_safe(SUITE, "--leaks", "off")


@unittest.skipUnless(os.name == "posix", "permissions of POSIX")
class OpenPlaceTests(unittest.TestCase):
    def test_place_that_everyone_may_change_is_refused(self) -> None:
        with place("raise SystemExit('must not run')") as ground:
            below = os.path.join(ground.tmp, "below")
            os.mkdir(below)
            os.chmod(ground.tmp, 0o777)
            before = ground.listing()
            for options, more in (
                ((), {}), ((), {"TMPDIR": below}), (("--temp-root", ground.tmp), {}),
                (("--temp-root", below), {}), (("--guard",), {}),
            ):
                code, output = ground.run(*options, **more)
                with self.subTest(options, more=more):
                    self.assertEqual((code, output.count("\n")), (2, 1), output)
                    self.assertIn(f"{ground.tmp} is writable by everyone", output)
                    self.assertIn("no sticky bit", output)
            self.assertEqual(ground.listing(), before)
            os.chmod(ground.tmp, 0o1777)
            ground.run_next()
            ground.run_next("--temp-root", below)


if __name__ == "__main__":
    unittest.main()
