"""Pre-existing files are moved out of a temp directory on another mount, and from an overlay."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from tests.support.rescue import RescueCase

FAKE = '\nwith open("precious.txt", "w") as file: file.write("fake")'
FAKE_FIRST = """
with open("fake", "w") as file: file.write("fake")
shutil.move("precious.txt", temp)
os.replace("fake", "precious.txt")
"""
FAKED_DIRECTORY = """
shutil.move("mine", temp)
os.mkdir("mine")
with open("mine/x", "w") as file: file.write("fake")
"""
REGISTERED_MOVE = """
import tempfiles
shutil.move("precious.txt", tempfiles.create_temp_directory())
with open("precious.txt", "w") as file: file.write("fake")
"""
TRACKED_CASE = """
import tempfiles, runner
class Tracked(runner.TrackedTestCase):
    def runTest(self):
        shutil.move("precious.txt", tempfiles.create_temp_directory())
        with open("precious.txt", "w") as file: file.write("fake")
        raise ValueError
Tracked().run(unittest.TestResult())
"""
WAYS = {
    "a fake after it": 'shutil.move("precious.txt", temp)' + FAKE,
    "a fake before it": FAKE_FIRST,
    "by its path": 'shutil.move("precious.txt", temp + "/precious.txt")' + FAKE,
    "over a file": 'open(temp + "/precious.txt", "w").close()\n'
                   'shutil.move("precious.txt", temp + "/precious.txt")' + FAKE,
    "moved twice": 'shutil.move("precious.txt", temp + "/a")' + FAKE
                   + '\nshutil.move(temp + "/a", temp + "/precious.txt")',
    "the fake moved there and back": 'shutil.move("precious.txt", temp)' + FAKE
        + '\nshutil.move("precious.txt", temp + "/b"); shutil.move(temp + "/b", "precious.txt")',
    "in a directory": 'os.mkdir("d"); shutil.move("precious.txt", "d"); shutil.move("d", temp)\n'
                      'os.rename(temp + "/d/precious.txt", temp + "/precious.txt")\n'
                      'os.rmdir(temp + "/d")' + FAKE,
    "registered": REGISTERED_MOVE,
    "TrackedTestCase": TRACKED_CASE,
}


class OtherFileSystemTests(RescueCase):
    """A test moves a file of the user's to a temp directory to which only a copy can come."""

    def place(self) -> str:
        """Return a temp directory on another file system."""
        return str(self.other_file_system())

    def leave_there(self, body: str, place: str, *words: str) -> str:
        names = ("TMPDIR", "TEMP", "TMP")
        return self.leave(body, *words, **dict.fromkeys(names, place))[0]

    def assert_moved_out(self, body: str, place: str) -> None:
        """Fail unless the user's file that a test moves into the temp directory is moved out."""
        (self.project / "precious.txt").write_text("precious")
        reported = self.leave_there(body, place)
        self.assertEqual(os.listdir(place), ["precious.txt"], reported)
        self.assertEqual(Path(place, "precious.txt").read_text(), "precious")
        self.assertIn(f"existed before the run: moved to {place}/precious.txt", reported)
        Path(place, "precious.txt").unlink()

    def test_a_file_is_the_users_in_whatever_way_it_was_moved(self) -> None:
        place = self.place()
        for way, body in WAYS.items():
            with self.subTest(way):
                self.assert_moved_out(body, place)

    def test_a_directory_is_the_users(self) -> None:
        place = self.place()
        (self.project / "mine").mkdir()
        (self.project / "mine/x").write_text("precious")
        reported = self.leave_there(FAKED_DIRECTORY, place)
        self.assertEqual(os.listdir(place), ["mine"], reported)
        self.assertEqual(Path(place, "mine/x").read_text(), "precious")

    def test_a_directory_is_the_users_where_its_removal_failed(self) -> None:
        place = self.place()
        (self.project / "mine").mkdir()
        (self.project / "mine/x").write_text("precious")
        self.leave_there(
            "def fail(path): os.unlink(path + '/x'); raise OSError\nreal = shutil.rmtree\n"
            "shutil.rmtree = fail\n"
            "try: shutil.move('mine', temp)\nexcept OSError: pass\nshutil.rmtree = real", place,
        )
        self.assertEqual(Path(place, "mine/x").read_text(), "precious")

    def test_what_was_put_back_is_removed(self) -> None:
        place = self.place()
        reported = self.leave_there(
            'shutil.move("precious.txt", temp); shutil.move(temp + "/precious.txt", ".")\n'
            'shutil.copy("precious.txt", temp)', place,
        )
        self.assertEqual((self.project / "precious.txt").read_text(), "precious", reported)

    def test_what_a_child_has_created_in_the_run_is_removed(self) -> None:
        place = self.place()
        self.leave_there('subprocess.check_call(["touch", "new"]); shutil.move("new", temp)', place)
        self.assertEqual(os.listdir(place), [])


class BindMountTests(OtherFileSystemTests):
    """The temp directory is another mount of the project's file system: a rename says EXDEV."""

    def place(self) -> str:
        place = self.base / "bound"
        place.mkdir()
        done = subprocess.run(["mount", "--bind", place, place], capture_output=True)
        if done.returncode:
            self.skipTest("mounts are not permitted")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", place], check=True))
        return str(place)


class MovedByChildToAnotherMountTests(BindMountTests):
    """The project misses a file: what looks as old as that is set apart."""

    def test_a_file_is_the_users_in_whatever_way_it_was_moved(self) -> None:
        place = self.place()
        for body in ('subprocess.check_call(["mv", "precious.txt", temp])',
                     'subprocess.check_call(["mv", "precious.txt", tempfile.mkdtemp()])' + FAKE):
            with self.subTest(body):
                self.assert_moved_out(body, place)

    def test_a_directory_is_the_users(self) -> None:
        place = self.place()
        (self.project / "mine").mkdir()
        (self.project / "mine/x").write_text("precious")
        self.leave_there('subprocess.check_call(["mv", "mine", temp])', place)
        self.assertEqual(Path(place, "mine/x").read_text(), "precious")

    def test_a_copy_is_removed(self) -> None:
        place = self.place()
        self.leave_there('subprocess.check_call(["cp", "-a", "precious.txt", temp])', place)
        self.assertEqual(os.listdir(place), [])


class OverlayTests(RescueCase):
    """The project lies in a lower layer of an overlay, as in a container: nothing keeps its birth.

    What a child brought in is set apart if it was written before the run.
    """

    def setUp(self) -> None:
        super().setUp()
        (self.project / "mine").mkdir()
        (self.project / "mine/x").write_text("precious")
        self.lower = self.project.parent
        self.mount()

    def mount(self) -> None:
        """Mount an overlay with a new upper layer: what was copied there keeps its birth."""
        top = Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        for name in ("upper", "work", "merged"):
            (top / name).mkdir()
        options = f"lowerdir={self.lower},upperdir={top}/upper,workdir={top}/work"
        merged = top / "merged"
        mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(merged)]
        try:
            done = subprocess.run(mount, capture_output=True).returncode
        except OSError:
            done = 1
        if done:
            self.skipTest("no overlay can be mounted here")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", merged], check=True))
        self.project, self.base = merged / "project", merged / "base"

    def assert_is_set_apart(self, body: str, *words: str, name: str = "precious.txt") -> None:
        self.mount()
        reported, _ = self.leave(body, *words)
        self.assertEqual(os.listdir(self.base), [name], reported)
        self.assertTrue((self.base / name).read_text().startswith("precious"))
        self.assertIn(f"existed before the run: moved to {self.base}/{name}", reported)

    MOVES = (
        'os.rename("precious.txt", temp + "/precious.txt")',
        'os.replace("precious.txt", temp + "/precious.txt")',
        'import pathlib; pathlib.Path("precious.txt").rename(temp + "/precious.txt")',
        'shutil.move("precious.txt", temp)',
        'subprocess.check_call(["mv", "precious.txt", temp])',
        'subprocess.check_call(["mv", "precious.txt", tempfile.mkdtemp()])',
        'os.rename("precious.txt", tempfile.mkdtemp() + "/precious.txt")',
    )
    REWRITE = 'with open("precious.txt", "a") as file: file.write("!")\n'

    def test_what_was_moved_is_set_apart(self) -> None:
        for move in self.MOVES:
            for words in ((), ("--leaks", "off")):
                for body in (move, move + FAKE, self.REWRITE + move):
                    with self.subTest(body, words=words):
                        self.assert_is_set_apart(body, *words)

    def test_what_was_moved_into_a_registered_one_is_set_apart(self) -> None:
        head = "import tempfiles\ntemp = str(tempfiles.create_temp_directory())\n"
        for move in self.MOVES[:5]:
            with self.subTest(move):
                self.assert_is_set_apart(head + move + FAKE)

    def test_a_directory_is_set_apart(self) -> None:
        for move in ('shutil.move("mine", temp)', 'subprocess.check_call(["mv", "mine", temp])'):
            with self.subTest(move):
                self.mount()
                reported, _ = self.leave(move)
                self.assertEqual((self.base / "mine/x").read_text(), "precious", reported)

    def test_what_is_proven_to_be_new_is_removed(self) -> None:
        for body in (
            'open(temp + "/new", "w").close()',
            'subprocess.check_call(["touch", temp + "/new"])',
            'subprocess.check_call(["cp", "-a", "precious.txt", temp])',
            'subprocess.check_call(["true"]); shutil.copytree("mine", temp + "/mine")',
        ):
            with self.subTest(body):
                reported, _ = self.leave(body)
                self.assertEqual(os.listdir(self.base), [], reported)

    def test_it_is_set_apart_after_a_crash(self) -> None:
        for move in ('os.rename("precious.txt", temp + "/precious.txt")',
                     'subprocess.check_call(["mv", "precious.txt", temp])'):
            with self.subTest(move):
                self.mount()
                self.leave(f"{move}\nos.kill(os.getpid(), {signal.SIGKILL})", "-q")
                self.write("test_b.py", "")
                self.run_python("-m", "runner", "test_b")
                self.assertEqual(os.listdir(self.base), ["precious.txt"])
                self.assertEqual((self.base / "precious.txt").read_text(), "precious")


if __name__ == "__main__":
    unittest.main()
