"""Pre-existing files in the temp directory of a run are moved out and reported."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from tempfiles.fileops import identity
from tempfiles.fileops.access import is_private
from tempfiles.recovery import rescue
from tests.support.rescue import HEAD, RescueCase, knows_births

OPEN_TO_ALL = "/tmp"


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


if __name__ == "__main__":
    unittest.main()
