"""What a test or a child process copies into the temp directory, and then removes where it was."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.rescue import RescueCase

TEST_COPIES = (
    'shutil.copy2("precious.txt", temp); os.remove("precious.txt")',
    'shutil.copy("precious.txt", temp); open("precious.txt", "w").close()',
    'shutil.copyfile("precious.txt", temp + "/precious.txt")\n'
    'open("fake", "w").close(); os.replace("fake", "precious.txt")',
    'try: raise OSError\nexcept OSError: shutil.copy("precious.txt", temp)\n'
    'os.link("precious.txt", "other"); os.unlink("precious.txt"); os.remove("other")',
    'import tempfiles\nshutil.copy2("precious.txt", tempfiles.create_temp_directory())\n'
    'os.remove("precious.txt"); tempfiles.cleanup_context()',
    'pid = os.fork()\nif not pid:\n    shutil.copy2("precious.txt", temp)\n'
    '    os.remove("precious.txt"); os._exit(0)\nos.waitpid(pid, 0)',
    'open(temp + "/precious.txt", "w").write(open("precious.txt").read())\n'
    'os.remove("precious.txt")',
    'text = open("precious.txt").read(); open("precious.txt", "w").write("fake")\n'
    'open(temp + "/precious.txt", "w").write(text)',
)
CHILD_COPIES = (
    "cp precious.txt $TMPDIR && rm precious.txt",
    "cp -p precious.txt $TMPDIR && rm precious.txt",
    "cp --reflink=auto -p precious.txt $TMPDIR && rm precious.txt",
    "cat precious.txt > $TMPDIR/precious.txt; echo fake > precious.txt",
    "cp -p precious.txt $TMPDIR/a; mv $TMPDIR/a $TMPDIR/precious.txt; echo fake > precious.txt",
    "tar cf - --remove-files precious.txt | tar xf - -C $TMPDIR",
    "install -m 644 precious.txt $TMPDIR && rm precious.txt",
)


class CopiedByTestTests(RescueCase):
    WORDS: tuple[tuple[str, ...], ...] = ((), ("--leaks", "off"))

    def restore(self) -> None:
        for path in self.base.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (self.project / "precious.txt").write_text("precious")

    def test_the_only_copy_left_is_the_users(self) -> None:
        for words in self.WORDS:
            for body in TEST_COPIES:
                with self.subTest(body, words=words):
                    reported, _ = self.leave(body, *words)
                    self.assert_is_moved(reported)
                    self.restore()

    def test_a_copied_directory_is_the_users(self) -> None:
        (self.project / "mine/deep").mkdir(parents=True)
        (self.project / "mine/deep/x").write_text("x")
        self.leave('shutil.copytree("mine", temp + "/mine"); shutil.rmtree("mine")')
        self.assertEqual((self.base / "x").read_text(), "x")

    def test_a_copy_is_removed_where_the_users_file_is_safe(self) -> None:
        for body in (
            'shutil.copy2("precious.txt", temp)',
            'shutil.copy("precious.txt", temp); open("precious.txt", "w").close()\n'
            'shutil.copy(temp + "/precious.txt", "precious.txt")',
            'shutil.copy("precious.txt", temp); os.remove("precious.txt")\n'
            'os.rename(temp + "/precious.txt", "precious.txt")',
            'open("new", "w").close(); shutil.copy("new", temp); os.remove("new")',
            'open("new", "w").write("new")\n'
            'subprocess.check_call("cp new $TMPDIR/copy; rm new", shell=True)',
            'shutil.copy("precious.txt", temp); open(temp + "/precious.txt", "w").close()\n'
            'os.remove("precious.txt"); open("precious.txt", "w").write("precious")',
        ):
            for words in self.WORDS:
                with self.subTest(body, words=words):
                    reported, _ = self.leave(body, *words)
                    self.assertEqual(os.listdir(self.base), [], reported)
                    self.assertEqual((self.project / "precious.txt").read_text(), "precious")

    def test_it_is_the_users_after_a_crash(self) -> None:
        for words in self.WORDS:
            with self.subTest(words):
                self.leave(f"{TEST_COPIES[0]}\nos.kill(os.getpid(), {signal.SIGKILL})",
                           *(words or ("-q",)))
                self.write("test_b.py", "")
                self.run_python("-m", "runner", "test_b")
                self.assertEqual(os.listdir(self.base), ["precious.txt"])
                self.restore()

    def test_clean_outside_leaves_the_only_copy(self) -> None:
        self.leave('text = open("precious.txt").read(); os.remove("precious.txt")\n'
                   'open("saved", "w").write(text)', "--clean-outside")
        self.assertEqual((self.project / "saved").read_text(), "precious")
        (self.project / "saved").unlink()
        (self.project / "precious.txt").write_text("precious")
        self.leave('shutil.copy2("precious.txt", "saved"); os.remove("precious.txt")',
                   "--clean-outside")
        self.assertEqual((self.project / "saved").read_text(), "precious")


class CopiedByChildTests(CopiedByTestTests):
    """The project misses a file, and one with its name, or as old as that, is in temp."""

    def run_shell(self, command: str, *words: str) -> str:
        return self.leave(f"subprocess.check_call({command!r}, shell=True)", *words)[0]

    def test_the_only_copy_left_is_the_users(self) -> None:
        for words in self.WORDS:
            for command in CHILD_COPIES:
                with self.subTest(command, words=words):
                    self.assert_is_moved(self.run_shell(command, *words))
                    self.restore()

    def test_a_copied_directory_is_the_users(self) -> None:
        for command in ("cp -a mine $TMPDIR; rm -r mine", "cp -r mine $TMPDIR; rm -r mine"):
            with self.subTest(command):
                (self.project / "mine").mkdir()
                (self.project / "mine/x").write_text("x")
                self.run_shell(command)
                self.assertEqual((self.base / "mine/x").read_text(), "x")
                self.restore()

    def test_a_copy_is_removed_where_the_users_file_is_safe(self) -> None:
        (self.project / "twin").mkdir()
        shutil.copy2(self.project / "precious.txt", self.project / "twin/precious.txt")
        twin = "cp -p twin/precious.txt $TMPDIR; rm -r twin"
        changed = "cp precious.txt $TMPDIR/a; echo new >> $TMPDIR/a; cp $TMPDIR/a precious.txt"
        for command in ("cp -p precious.txt $TMPDIR", twin, f"cat precious.txt; {changed}"):
            with self.subTest(command):
                reported = self.run_shell(command)
                self.assertEqual(os.listdir(self.base), [], reported)

    def test_a_twin_with_other_content_does_not_count(self) -> None:
        (self.project / "twin").mkdir()
        (self.project / "twin/precious.txt").write_text("PRECIOUS")
        copies = {"precious.txt": "cp -p precious.txt $TMPDIR",
                  "other": "cat precious.txt > $TMPDIR/other"}
        for name, copy in copies.items():
            for place in ("twin/precious.txt", "precious.txt"):
                os.utime(self.project / place, (1e9, 1e9))
            with self.subTest(copy):
                self.assert_is_moved(self.run_shell(f"{copy}; rm precious.txt"), name)
                self.restore()

    def test_clean_outside_leaves_the_only_copy(self) -> None:
        self.run_shell("cp -p precious.txt saved; rm precious.txt", "--clean-outside")
        self.assertEqual((self.project / "saved").read_text(), "precious")

    def test_it_is_the_users_after_a_crash(self) -> None:
        """A copy on another file system, which has lost the time of birth."""
        place = str(self.other_file_system())
        there = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), place)
        kill = f"\nos.kill(os.getpid(), {signal.SIGKILL})"
        for command, is_kept in (("mv precious.txt $TMPDIR", True), ("cp -p mine $TMPDIR", False)):
            with self.subTest(command):
                (self.project / "mine").write_text("mine")
                body = f"subprocess.check_call({command!r}, shell=True){kill}"
                self.leave(body, "-q", **there)
                self.write("test_b.py", "")
                self.run_python("-m", "runner", "test_b", **there)
                self.assertEqual(os.listdir(place), ["precious.txt"] if is_kept else [])
                for path in Path(place).iterdir():
                    path.unlink()


class OtherFileSystemTests(RescueCase):
    """The temp directory is on another file system than the project."""

    def setUp(self) -> None:
        super().setUp()
        self.project_base, self.base = self.base, self.other_file_system()

    def test_whoever_moves_it_is_followed_without_leaks_too(self) -> None:
        for body in (
            'shutil.move("precious.txt", temp)',
            'import threading; thread = threading.Thread(target=shutil.move,'
            ' args=("precious.txt", temp)); thread.start(); thread.join()',
            'subprocess.check_call(["mv", "precious.txt", temp])',
            'subprocess.check_call(["mv", "precious.txt", os.path.dirname(temp)])',
            'pid = os.fork()\nif not pid: shutil.move("precious.txt", temp); os._exit(0)\n'
            "os.waitpid(pid, 0)",
            'try: os.rename("precious.txt", temp + "/precious.txt")\nexcept OSError:\n'
            '    shutil.copy2("precious.txt", temp); os.unlink("precious.txt")',
        ):
            for words in ((), ("--leaks", "off")):
                with self.subTest(body, words=words):
                    (self.project / "precious.txt").write_text("precious")
                    reported, _ = self.leave(body, *words)
                    self.assert_is_moved(reported)
                    (self.base / "precious.txt").unlink()

    def test_a_file_of_the_home_directory_is_the_users(self) -> None:
        home = self.project.parent / "home"
        home.mkdir()
        (home / "precious.txt").write_text("precious")
        reported, _ = self.leave(
            'subprocess.check_call("mv ~/precious.txt $TMPDIR", shell=True)', HOME=str(home)
        )
        self.assert_is_moved(reported)


class MovedInPartsTests(RescueCase):
    """A directory of the user's lies in temp, and what is in it goes on alone."""

    MOVES = (
        'os.rename(temp + "/mine/precious.txt", temp + "/precious.txt")',
        'shutil.move(temp + "/mine/precious.txt", temp + "/precious.txt")',
        'os.link(temp + "/mine/precious.txt", temp + "/precious.txt")\n'
        'os.unlink(temp + "/mine/precious.txt")',
        'os.rename(temp + "/mine", temp + "/a"); os.mkdir(temp + "/b")\n'
        'os.rename(temp + "/a/precious.txt", temp + "/b/precious.txt"); os.rmdir(temp + "/a")\n'
        'os.mkdir(temp + "/mine"); os.rename(temp + "/b/precious.txt", temp + "/precious.txt")',
        'os.symlink(temp, "link"); os.rename("link/mine/precious.txt", "link/precious.txt")',
    )

    def test_a_part_of_a_moved_directory_is_the_users(self) -> None:
        place = str(self.other_file_system())
        for temp, there in ((str(self.base), {}),
                            (place, dict.fromkeys(("TMPDIR", "TEMP", "TMP"), place))):
            for move in self.MOVES:
                with self.subTest(move, temp=temp):
                    (self.project / "mine").mkdir()
                    (self.project / "mine/precious.txt").write_text("precious")
                    reported, _ = self.leave(f'shutil.move("mine", temp)\n{move}', **there)
                    self.assertEqual(Path(temp, "precious.txt").read_text(), "precious", reported)
                    (self.project / "link").unlink(missing_ok=True)
                    subprocess.check_call(f"rm -r {temp}/*", shell=True)

    def test_a_directory_renamed_by_way_of_a_link_takes_it_along(self) -> None:
        reported, _ = self.leave(
            'os.symlink(temp, "link"); os.mkdir(temp + "/d")\n'
            'shutil.move("precious.txt", "link/d/precious.txt"); os.rename("link/d", "link/e")\n'
            'os.rename("link/e/precious.txt", temp + "/precious.txt")'
        )
        self.assert_is_moved(reported)


class WrittenByOthersTests(RescueCase):
    def test_what_another_program_saved_in_the_run_is_the_users(self) -> None:
        self.write("editor.py", """
            import os, sys
            sys.stdin.readline()
            with open("saved", "w") as file: file.write("precious")
            os.rename("saved", "precious.txt")
            print(flush=True)
        """)
        editor = subprocess.Popen(
            [sys.executable, "editor.py"], cwd=self.project, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with editor:
            assert editor.stdin is not None and editor.stdout is not None
            ask, answer = (
                f"/proc/{os.getpid()}/fd/{pipe.fileno()}" for pipe in (editor.stdin, editor.stdout)
            )
            reported, _ = self.leave(
                f"ask, answer = os.open({ask!r}, os.O_WRONLY), os.open({answer!r}, os.O_RDONLY)\n"
                'os.write(ask, b"\\n"); os.read(answer, 1)\nshutil.move("precious.txt", temp)'
            )
        self.assert_is_moved(reported)

    def test_what_an_earlier_test_created_is_removed(self) -> None:
        self.write("test_a.py", """
            import os, shutil, tempfile, unittest
            class T(unittest.TestCase):
                def test_1(self):
                    os.mkdir("work"); open("work/x", "w").close(); open("skip.tmp", "w").close()
                def test_2(self):
                    os.rename("skip.tmp", tempfile.gettempdir() + "/skip")
                    os.rename("work/x", tempfile.gettempdir() + "/x")
        """)
        outcome = self.run_python("-m", "runner", "--leak-ignore", "*.tmp", "test_a")
        self.assertEqual(os.listdir(self.base), [], outcome.err)


class OtherRunnerTests(RescueCase):
    def test_a_tracked_test_case_under_unittest_moves_it_out(self) -> None:
        self.write("test_a.py", """
            import os, shutil, runner
            class T(runner.TrackedTestCase):
                def test(self):
                    top = self.createTempDirectory()
                    shutil.move("precious.txt", top)
                    (top / "own").touch()
        """)
        outcome = self.run_python("-m", "unittest", "test_a")
        self.assertEqual(os.listdir(self.base), ["precious.txt"], outcome.err)
        self.assertIn("precious.txt existed before the test: moved to", outcome.err)

    def test_a_tracked_test_case_that_copies_it_by_hand(self) -> None:
        self.write("test_a.py", """
            import os, runner
            class T(runner.TrackedTestCase):
                def test(self):
                    (self.createTempDirectory() / "b").write_text(open("precious.txt").read())
                    os.remove("precious.txt")
        """)
        outcome = self.run_python("-m", "unittest", "test_a")
        self.assertEqual(os.listdir(self.base), ["b"], outcome.err)
