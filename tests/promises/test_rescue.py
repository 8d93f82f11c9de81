"""Pre-existing files in the temp directory of a run are moved out and reported."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

from tempfiles.fileops import identity
from tempfiles.fileops.access import is_private
from tempfiles.recovery import rescue
from tests.support.projects import ProjectTestCase
from tests.support.whole_runs import wait_until

OPEN_TO_ALL = "/tmp"
HEAD = """
import os, shutil, subprocess, tempfile, unittest
class T(unittest.TestCase):
    def test(self):
        temp = tempfile.gettempdir()
"""


def knows_births(directory: str) -> bool:
    return identity.birth(directory, os.lstat(directory)) is not None


class RescueCase(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        if not knows_births(str(self.base)):
            self.skipTest("nothing here tells when a file was born")
        (self.project / "precious.txt").write_text("precious")

    def other_file_system(self) -> Path:
        """Return a new directory on another file system than the temp directory."""
        memory = Path("/dev/shm")
        if not memory.exists() or memory.stat().st_dev == self.base.stat().st_dev:
            self.skipTest("there is no other file system")
        return Path(self.enterContext(tempfile.TemporaryDirectory(dir=memory)))

    def leave(self, body: str, *words: str, **environment: str) -> tuple[str, Any]:
        """Run a test with this body; return what was reported, and the JSON report, if no options
        are given."""
        lines = "".join(f"        {line}\n" for line in body.splitlines())
        self.write("test_a.py", HEAD + lines)
        asked = words or ("--leak-json", "../leaks.json")
        outcome = self.run_python("-m", "runner", *asked, "test_a", **environment)
        self.assertNotIn("defect", outcome.err)
        written = self.project.parent / "leaks.json"
        return outcome.err, json.loads(written.read_text()) if written.exists() else None

    def assert_is_moved(self, reported: str, name: str = "precious.txt") -> None:
        """Fail unless only the precious file lies in the temp directory, and is reported."""
        self.assertEqual(os.listdir(self.base), [name])
        self.assertEqual((self.base / name).read_text(), "precious")
        line = f"precious.txt existed before the run: moved to {self.base}/{name}"
        self.assertIn(f"\n{line}\n", reported)
        self.assertNotIn(f"\n    file  {self.base}/", reported)  # in the list of shared places


class BirthTimeTests(unittest.TestCase):
    def test_concurrent_threads_do_not_mix_up_birth_times(self) -> None:
        top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        if not knows_births(str(top)):
            self.skipTest("nothing here tells when a file was born")
        root, later = top / "root", top / "later"
        root.mkdir()
        later.touch()
        birth = identity.birth
        while birth(str(later), later.stat()) == birth(str(root), root.stat()):
            later.unlink()
            later.touch()  # until the clock of the file system has moved on
        for number in range(20):
            (root / str(number)).touch()
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-6)
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(lambda _: rescue.born_before(str(root)), range(2000))
        self.assertEqual([older for older in found if older], [])


class MovedByChildTests(RescueCase):
    def test_a_file_is_the_users(self) -> None:
        reported, report = self.leave('subprocess.check_call(["mv", "precious.txt", temp])')
        self.assert_is_moved(reported)
        (leak,) = report["leaks"]
        self.assertEqual((leak["path"], leak["outcome"]), (f"{self.base}/precious.txt", "kept"))
        (rescued,) = report["rescued"]
        self.assertEqual(rescued["path"], leak["path"])
        self.assertNotIn("source", rescued)

    def test_a_file_that_was_written_to_since_is_the_users(self) -> None:
        (self.project / "precious.txt").write_text("prec")
        reported, _ = self.leave(
            'subprocess.check_call(["mv", "precious.txt", temp])\n'
            'with open(os.path.join(temp, "precious.txt"), "a") as file: file.write("ious")'
        )
        self.assert_is_moved(reported)

    def test_a_file_in_a_closed_directory_that_leaked_is_the_users(self) -> None:
        reported, report = self.leave(
            'top = tempfile.mkdtemp()\nsubprocess.check_call(["mv", "precious.txt", top])\n'
            "os.chmod(top, 0)"
        )
        self.assert_is_moved(reported)
        (leak,) = report["leaks"]
        self.assertEqual(leak["outcome"], "removed")
        self.assertEqual(leak["rescued"], [f"{self.base}/precious.txt"])

    def test_a_directory_is_the_users_with_all_that_is_in_it(self) -> None:
        (self.project / "mine").mkdir()
        self.leave(
            'subprocess.check_call(["mv", "mine", temp])\n'
            'subprocess.check_call(["mv", "precious.txt", os.path.join(temp, "mine")])\n'
            'open(os.path.join(temp, "mine", "new"), "w").close()'
        )
        self.assertEqual(os.listdir(self.base), ["mine"])
        self.assertEqual(sorted(os.listdir(self.base / "mine")), ["new", "precious.txt"])

    def test_what_looks_old_and_was_made_by_the_run_is_removed(self) -> None:
        reported, _ = self.leave('subprocess.check_call(["cp", "-a", "precious.txt", temp])')
        self.assertEqual(os.listdir(self.base), [])
        self.assertNotIn("was there before", reported)

    def test_a_second_name_of_a_file_is_removed(self) -> None:
        self.leave(
            'subprocess.check_call(["ln", "precious.txt", os.path.join(temp, "a")])\n'
            'subprocess.check_call(["ln", "precious.txt", os.path.join(temp, "b")])'
        )
        self.assertEqual(os.listdir(self.base), [])
        self.assertEqual((self.project / "precious.txt").read_text(), "precious")

    def test_all_names_of_a_file_are_the_users(self) -> None:
        self.leave(
            'subprocess.check_call(["ln", "precious.txt", os.path.join(temp, "a")])\n'
            'subprocess.check_call(["mv", "precious.txt", temp])'
        )
        self.assertEqual(sorted(os.listdir(self.base)), ["a", "precious.txt"])

    def test_it_is_the_users_after_a_crash(self) -> None:
        self.write("test_a.py", HEAD + (
            '        subprocess.check_call(["mv", "precious.txt", temp])\n'
            f"        os.kill(os.getpid(), {signal.SIGKILL})"
        ))  # fmt: skip
        self.run_python("-m", "runner", "test_a")
        self.write("test_b.py", "")
        outcome = self.run_python("-m", "runner", "test_b")
        self.assertIn(f"precious.txt existed before that run: it is now {self.base}", outcome.err)
        self.assertEqual(os.listdir(self.base), ["precious.txt"])


REGISTERED = (
    'with tempfiles.context("A"):\n    top = tempfiles.create_temp_directory(); MOVE(top / "x")',
    'with tempfiles.TempDirectory() as top: MOVE(top.path / "x")',
    'with tempfiles.temp_directory() as top: MOVE(top / "x")',
    'with tempfiles.context("A"):\n    MOVE(tempfiles.temp_tree({"y": ""}) / "x")',
    'MOVE(tempfiles.create_temp_directory() / "x"); tempfiles.cleanup_context()',
    "MOVE(tempfiles.create_with_content(''))",
    "MOVE(tempfiles.register_file(tempfiles.generate_temp_path()))",
    "MOVE(tempfiles.create_nested_directory('a/b') / 'x')",
)


class RegisteredPathTests(RescueCase):
    MOVES = {
        "the test": 'os.replace("precious.txt", path)',
        "a child": 'subprocess.check_call(["mv", "precious.txt", path])',
    }

    def test_what_goes_before_the_end_is_the_users_too(self) -> None:
        for body in REGISTERED:
            for who, move in self.MOVES.items():
                with self.subTest(body, who=who):
                    self.leave(f"import tempfiles\ndef MOVE(path): {move}\n{body}")
                    (path,) = self.base.iterdir()
                    self.assertEqual(path.read_text(), "precious")
                    path.rename(self.project / "precious.txt")

    def test_a_directory_in_place_of_a_registered_one_stays_whole(self) -> None:
        for move in ('os.rename("mine", top)', 'subprocess.check_call(["mv", "-T", "mine", top])'):
            with self.subTest(move):
                (self.project / "mine").mkdir()
                (self.project / "mine" / "x").touch()
                self.leave(f"import tempfiles\ntop = tempfiles.create_temp_directory()\n{move}")
                (path,) = self.base.iterdir()
                self.assertEqual(os.listdir(path), ["x"])
                shutil.rmtree(path)


class PassingThroughTests(RescueCase):
    """What was moved before it came into the temp directory, or was never moved at all."""

    def test_in_two_steps_it_is_the_users(self) -> None:
        for steps in (
            'os.rename("precious.txt", "a"); shutil.move("a", temp + "/precious.txt")',
            'os.mkdir("d"); shutil.move("precious.txt", "d"); shutil.move("d/precious.txt", temp)\n'
            'os.rmdir("d")',
            'os.mkdir("d"); shutil.move("precious.txt", "d"); os.rename("d", temp + "/d")\n'
            'os.rename(temp + "/d/precious.txt", temp + "/precious.txt"); os.rmdir(temp + "/d")',
        ):
            with self.subTest(steps):
                reported, _ = self.leave(steps)
                self.assert_is_moved(reported)
                shutil.move(self.base / "precious.txt", self.project)

    def test_what_the_run_has_made_is_not_from_before_it(self) -> None:
        top = "import tempfiles\ntop = tempfiles.create_temp_directory()\n"
        for body in (
            'subprocess.check_call(["touch", "new"])\nshutil.move("new", top / "x")',
            'os.link("precious.txt", top / "x"); os.unlink(top / "x"); (top / "x").touch()',
            'shutil.copy("precious.txt", top / "x")',
        ):
            with self.subTest(body):
                reported, report = self.leave(top + body)
                self.assertEqual(os.listdir(self.base), [], reported)
                self.assertEqual(report.get("rescued", []), [], reported)
                self.assertTrue((self.project / "precious.txt").exists())

    def test_a_copy_in_place_of_a_move_that_failed_is_not_the_users(self) -> None:
        other = self.other_file_system() / "x"
        other.write_text("precious")
        self.leave(
            f"import tempfiles\ntop, other = tempfiles.create_temp_directory(), {str(other)!r}\n"
            "try: os.rename(other, top / 'x')\nexcept OSError: shutil.copy(other, top / 'x')\n"
        )
        self.assertEqual((os.listdir(self.base), other.exists()), ([], True))

    def test_where_no_leaks_are_looked_for_it_is_the_users_too(self) -> None:
        body = (
            'import tempfiles\nwith tempfiles.context("A"):\n'
            '    os.rename("precious.txt", tempfiles.create_temp_directory() / "precious.txt")'
        )
        reported, _ = self.leave(body, "--leaks", "off")
        self.assert_is_moved(reported)

    def test_a_forked_child_reports_it(self) -> None:
        reported, _ = self.leave(
            "import tempfiles\npid = os.fork()\nif pid == 0:\n"
            '    with tempfiles.context("A"):\n'
            '        os.rename("precious.txt", tempfiles.create_temp_directory() / "x")\n'
            "    os._exit(0)\nos.waitpid(pid, 0)"
        )
        self.assertIn(f"/x existed before the run: moved to {self.base}/x\n", reported)
        self.assertEqual((self.base / "x").read_text(), "precious")


class MovedByTestTests(RescueCase):
    MOVE = 'shutil.move("precious.txt", temp)'

    def test_a_file_is_reported_with_old_and_new_path(self) -> None:
        reported, report = self.leave(self.MOVE)
        self.assert_is_moved(reported)
        (rescued,) = report["rescued"]
        self.assertEqual(rescued["source"], str(self.project / "precious.txt"))
        self.assertTrue(rescued["was"].endswith("/0/precious.txt"))

    def test_it_gets_another_name_where_its_own_is_taken(self) -> None:
        (self.base / "precious.txt").mkdir()
        reported, _ = self.leave(self.MOVE)
        self.assertIn(f"moved to {self.base}/precious-1.txt\n", reported)

    def test_it_is_not_in_the_list_of_shared_places(self) -> None:
        reported, _ = self.leave('subprocess.check_call(["true"])\n' + self.MOVE, "-v")
        self.assert_is_moved(reported)

    def test_it_is_followed_into_a_directory_that_is_renamed(self) -> None:
        reported, report = self.leave(
            'top = tempfile.mkdtemp()\nshutil.move("precious.txt", top)\nos.rename(top, top + "2")'
        )
        self.assert_is_moved(reported)
        (leak,) = report["leaks"]
        self.assertEqual(leak["rescued"], [f"{self.base}/precious.txt"])

    def test_what_a_link_in_its_place_leads_to_stays_there(self) -> None:
        (self.project / "mine").mkdir()
        (self.project / "mine/precious.txt").write_text("mine")
        reported, _ = self.leave(
            'top = tempfile.mkdtemp()\nshutil.move("precious.txt", top)\n'
            'code = \'mv "$0/precious.txt" . && rmdir "$0" && ln -s "$PWD/mine" "$0"\'\n'
            'subprocess.check_call(["sh", "-c", code, top])'
        )
        self.assertEqual(os.listdir(self.base), [], reported)
        self.assertEqual((self.project / "mine/precious.txt").read_text(), "mine")

    def test_it_is_moved_out_where_nothing_is_observed(self) -> None:
        reported, _ = self.leave(self.MOVE, "--leaks", "off")
        self.assert_is_moved(reported)

    def test_it_is_moved_out_of_a_directory_that_was_registered(self) -> None:
        for move in ('shutil.move("precious.txt", top)',
                     'subprocess.check_call(["mv", "precious.txt", top])'):
            with self.subTest(move):
                (self.project / "precious.txt").write_text("precious")
                body = f"import tempfiles\ntop = tempfiles.create_temp_directory()\n{move}"
                reported, report = self.leave(body)
                self.assert_is_moved(reported)
                self.assertEqual(report["leaks"], [])
                (self.base / "precious.txt").unlink()

    def test_it_is_no_leak_when_the_project_has_the_temp_directory(self) -> None:
        self.base = self.project / "tmp"
        self.base.mkdir()
        reported, report = self.leave(
            'import tempfiles\nsubprocess.check_call(["true"])\n'
            'shutil.move("precious.txt", tempfiles.create_temp_directory())'
        )
        self.assert_is_moved(reported)
        self.assertEqual(report["leaks"], [])

    def test_it_is_moved_out_if_a_subinterpreter_has_moved_it(self) -> None:
        reported, _ = self.leave("""\
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
target = os.path.join(temp, "precious.txt")
code = f"import os; os.rename('precious.txt', {target!r})"
interpreters.run_string(interpreters.create(), code)""")
        self.assert_is_moved(reported)

    def test_what_cannot_be_moved_out_is_not_removed(self) -> None:
        self.write("tempfiles_breaks.py", """
            from tempfiles.errors import FileSystemError
            from tempfiles.recovery import rescue
            def fail(source, target): raise FileSystemError(5, "no", source)
            rescue.move_without_replacing = fail
        """)
        reported, report = self.leave("import tempfiles_breaks\ntempfile.mkdtemp()\n" + self.MOVE)
        self.assertEqual({leak["outcome"] for leak in report["leaks"]}, {"failed"})
        self.assertRegex(
            reported, r"Could not be removed: \S+/precious.txt: it existed before the run"
        )
        self.write("test_b.py", "")
        self.run_python("-m", "runner", "test_b")
        self.assertEqual(os.listdir(self.base), ["precious.txt"])

    def test_it_is_followed_to_another_file_system(self) -> None:
        memory = str(self.other_file_system())
        reported, _ = self.leave(self.MOVE, TMPDIR=memory, TEMP=memory, TMP=memory)
        self.assertIn(f"moved to {memory}/precious.txt\n", reported)
        self.assertEqual(Path(memory, "precious.txt").read_text(), "precious")


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


class PrivateFileTests(unittest.TestCase):
    """In a directory that everyone can enter: the others of this module lie in a private one."""

    def setUp(self) -> None:
        self.top = tempfile.mkdtemp(dir=OPEN_TO_ALL, prefix="tidytest-open-")
        self.addCleanup(shutil.rmtree, self.top)
        os.chmod(self.top, 0o755)
        if is_private(self.top):
            self.skipTest("there is no directory that everyone can enter")
        self.root = os.path.join(self.top, "root")
        os.mkdir(self.root, 0o700)

    def rescue(self, name: str, mode: int, *, directory: bool = False) -> tuple[str, int]:
        """Rescue a path of a mode; return where it is relative to the top, and its mode there."""
        path = os.path.join(self.root, name)
        if directory:
            os.mkdir(path)
        else:
            Path(path).write_text("secret")
        os.chmod(path, mode)
        moved: dict[str, str] = {}
        rescue.rescue([path], self.root, moved)
        status = os.lstat(moved[path])
        return os.path.relpath(moved[path], self.top), stat.S_IMODE(status.st_mode)

    def test_a_readable_file_goes_to_a_private_directory(self) -> None:
        for mode in (0o644, 0o640, 0o604, 0o666):
            place, now = self.rescue("file", mode)
            directory, name = os.path.split(place)
            self.assertTrue(directory.startswith(rescue.RESCUED_PREFIX), place)
            status = os.stat(os.path.join(self.top, directory))
            self.assertEqual((stat.S_IMODE(status.st_mode), name, now), (0o700, "file", mode))

    def test_a_readable_directory_goes_there_as_well(self) -> None:
        place, mode = self.rescue("directory", 0o755, directory=True)
        self.assertTrue(place.startswith(rescue.RESCUED_PREFIX), place)
        self.assertEqual(mode, 0o755)

    def test_a_private_file_or_directory_goes_next_to_the_root(self) -> None:
        self.assertEqual(self.rescue("file", 0o600), ("file", 0o600))
        self.assertEqual(self.rescue("directory", 0o700, directory=True), ("directory", 0o700))
        os.chmod(self.top, 0o700)
        self.assertEqual(self.rescue("other", 0o644), ("other", 0o644))

    def test_one_directory_holds_all_and_no_empty_one_is_left(self) -> None:
        paths = [os.path.join(self.root, name) for name in "ab"]
        for path in paths:
            Path(path).write_text("secret")
            os.chmod(path, 0o644)
        moved: dict[str, str] = {}
        with mock.patch.object(rescue, "move_without_replacing", side_effect=OSError("no")), \
                self.assertLogs("tempfiles", "WARNING"):
            rescue.rescue(paths, self.root, moved)
        self.assertEqual((os.listdir(self.top), moved), (["root"], {}))
        rescue.rescue(paths, self.root, moved)
        self.assertEqual(len({os.path.dirname(path) for path in moved.values()}), 1)
        self.assertEqual(len(moved), 2)


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
