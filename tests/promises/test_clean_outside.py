"""`--clean-outside` removes only what the run was observed to create, and says what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import unittest
from typing import Any

from tests.support.projects import ProjectTestCase

HEAD = """
import os, shutil, subprocess, tempfile, unittest
def theirs(path):
    "An unrelated process makes a file."
    os.write(ASK, path.encode() + b"\\n")
    os.read(ANSWER, 1)
class T(unittest.TestCase):
    def test(self):
"""

UNRELATED = """
import os, sys
for line in sys.stdin:
    path, _, way = line.strip().partition(" ")
    if way == "recreate":
        os.unlink(path)  # the next file may get the same inode
    with open(path + ".new" if way == "save" else path, "w") as file:
        file.write("theirs")
    if way == "save":
        os.rename(path + ".new", path)
    sys.stdout.write(".")
    sys.stdout.flush()
"""


class CleanOutsideCase(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        (self.project / "precious.txt").write_text("precious")

    def leave(self, body: str, *more: str) -> tuple[str, list[dict[str, Any]]]:
        """Run a test with this body; return what was reported, and the leaks of the JSON report."""
        neighbour = subprocess.Popen(
            [sys.executable, "-c", UNRELATED], cwd=self.project, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        with neighbour:
            assert neighbour.stdin is not None and neighbour.stdout is not None
            ends = (neighbour.stdin.fileno(), os.O_WRONLY), (neighbour.stdout.fileno(), os.O_RDONLY)
            ask, answer = (f"os.open('/proc/{os.getpid()}/fd/{fd}', {mode})" for fd, mode in ends)
            head = f"import os\nASK, ANSWER = {ask}, {answer}"
            self.write("test_a.py", f"{head}{HEAD}{textwrap.indent(body, ' ' * 8)}")
            outcome = self.run_python(
                "-m", "runner", "--clean-outside", "--leak-json", "../leaks.json", *more, "test_a"
            )
            neighbour.stdin.close()
        self.assertNotIn("defect", outcome.err)
        return outcome.err, json.loads((self.project.parent / "leaks.json").read_text())["leaks"]

    def assert_removed(self, body: str, *more: str) -> None:
        _, leaks = self.leave(body, *more)
        self.assertFalse(os.path.lexists(self.project / "made"))
        self.assertEqual({leak["outcome"] for leak in leaks}, {"removed"})
        self.assertFalse([leak for leak in leaks if "reason" in leak])

    def assert_left(self, body: str, reason: str, *more: str, name: str = "made") -> None:
        """Fail unless the new directory is left as it is and reported with the reason."""
        reported, leaks = self.leave(body, *more)
        (leak,) = (leak for leak in leaks if leak["path"] == str(self.project / name))
        self.assertEqual((leak["outcome"], leak["reason"]), ("left", reason))
        self.assertIn(f"\nNot removed: {name}: {reason}\n", reported)


class LeftPathTests(CleanOutsideCase):
    def test_a_directory_with_a_file_of_an_unrelated_process(self) -> None:
        self.assert_left('os.mkdir("made")\nopen("made/mine", "w").close()\ntheirs("made/theirs")',
                         "it holds theirs, whose creation was not observed")
        self.assertEqual((self.project / "made/theirs").read_text(), "theirs")
        self.assertTrue((self.project / "made/mine").exists())

    def test_a_file_that_was_replaced_after_the_test(self) -> None:
        for way in ("recreate", "save"):
            for body, name, reason in (
                ('open("made", "w").close()', "made", "another file has its name now"),
                ('os.mkdir("made")\nopen("made/x", "w").close()', "made/x",
                 "it holds x, which was replaced"),
                ('os.makedirs("made/a")\nopen("made/a/y", "w").close()\n'
                 'os.rename("made/a/y", "made/a/x")', "made/a/x",
                 "it holds a/x, which was replaced"),
            ):  # fmt: skip
                with self.subTest(way, name=name):
                    replace = f'self.addClassCleanup(theirs, "{name} {way}")'
                    self.assert_left(f"{body}\n{replace}", reason)
                    self.assertEqual((self.project / name).read_text(), "theirs")
                    shutil.rmtree(self.project / "made", ignore_errors=True)
                    (self.project / "made").unlink(missing_ok=True)

    def test_a_file_that_was_replaced_during_the_test(self) -> None:
        for way in ("recreate", "save"):
            with self.subTest(way):
                self.assert_left(
                    'os.mkdir("made")\nopen("made/x", "w").close()\nopen("made/y", "w").close()\n'
                    f'theirs("made/x {way}")', "it holds x, which was replaced",
                )
                self.assertEqual((self.project / "made/x").read_text(), "theirs")
                shutil.rmtree(self.project / "made")

    def test_a_file_that_was_replaced_before_any_other_event(self) -> None:
        for way in ("recreate", "save"):
            with self.subTest(way):
                self.assert_left(
                    'open("made", "w").close()\nimport time; time.sleep(0.2)\n'
                    f'theirs("made {way}")', "another file has its name now", name="made",
                )
                self.assertEqual((self.project / "made").read_text(), "theirs")
                (self.project / "made").unlink()

    def test_a_file_where_nothing_tells_the_time_of_birth(self) -> None:
        self.write("blind.py", "from tempfiles.fileops import identity\n"
                               "identity._system_birth = lambda: lambda path: None")
        self.assert_left(
            'import blind\nopen("made", "w").close()',
            "it has no time of birth on this file system: it may be another file",
        )

    def test_a_directory_into_which_a_child_has_moved_a_file(self) -> None:
        self.assert_left('os.mkdir("made")\nsubprocess.check_call(["mv", "precious.txt", "made"])',
                         "it holds precious.txt, whose creation was not observed")
        self.assertEqual((self.project / "made/precious.txt").read_text(), "precious")

    def test_a_preexisting_file_at_an_observed_path(self) -> None:
        for body, name in (
            ('open("made", "w").close()\nsubprocess.check_call(["mv", "precious.txt", "made"])',
             "made"),
            ('os.mkdir("made")\nopen("made/x", "w").close()\n'
             'subprocess.check_call(["mv", "precious.txt", "made/x"])', "made/x"),
        ):  # fmt: skip
            with self.subTest(name):
                (self.project / "precious.txt").write_text("precious")
                which = "it" if name == "made" else "it holds x, which"
                self.assert_left(body, f"{which} is older than the run")
                self.assertEqual((self.project / name).read_text(), "precious")
                (self.project / name).unlink()

    def test_another_file_at_the_path_of_a_removed_one(self) -> None:
        self.assert_left(
            'os.mkdir("made")\nopen("made/x", "w").close()\nos.unlink("made/x")\ntheirs("made/x")',
            "it holds x, whose creation was not observed",
        )
        self.assertEqual((self.project / "made/x").read_text(), "theirs")

    def test_a_file_of_anothers_that_the_test_has_moved(self) -> None:
        self.assert_left('os.mkdir("made")\ntheirs("made/x")\nos.rename("made/x", "made/y")',
                         "it holds y, whose creation was not observed")

    def test_a_file_from_before_that_was_moved_there_after_the_test(self) -> None:
        self.assert_left(
            'os.mkdir("made")\nself.addClassCleanup(shutil.move, "precious.txt", "made")',
            "it holds precious.txt, whose creation was not observed",
        )
        self.assertEqual((self.project / "made/precious.txt").read_text(), "precious")

    def test_a_directory_in_which_files_are_kept(self) -> None:
        self.assert_left(
            'os.mkdir("made")\ntempfile.mkdtemp()\nself.fail()',
            "it holds kept, whose creation was not observed",
            "--keep", "on-failure", "--keep-dir", "made/kept",
        )  # fmt: skip
        (kept,) = (self.project / "made/kept").glob("*/test_a.T.test")
        self.assertEqual(len(os.listdir(kept)), 1)

    def test_what_a_child_has_made(self) -> None:
        self.assert_left('subprocess.check_call(["touch", "made"])',
                         "its creation was not observed")


class RemovedPathTests(CleanOutsideCase):
    def test_a_directory_with_all_that_was_made_in_it(self) -> None:
        self.assert_removed(
            'os.makedirs("made/a/b")\nopen("made/a/file", "w").close()\n'
            'os.symlink("file", "made/a/link")\nos.mkfifo("made/a/b/fifo")\n'
            'os.link("made/a/file", "made/a/other")\nos.rename("made/a/b", "made/c")'
        )

    def test_a_directory_that_was_moved_with_all_that_is_in_it(self) -> None:
        self.assert_removed('os.makedirs("some/a")\nopen("some/a/file", "w").close()\n'
                            'shutil.move("some", "made")')

    def test_a_copy_of_a_tree_whose_files_look_old(self) -> None:
        (self.project / "tree").mkdir()
        (self.project / "tree/file").touch()
        os.utime(self.project / "tree/file", (1, 1))
        self.assert_removed('shutil.copytree("tree", "made")')

    def test_a_package_with_its_compiled_code(self) -> None:
        self.assert_removed(
            'import sys\nsys.dont_write_bytecode = False\nos.mkdir("made")\n'
            'open("made/__init__.py", "w").close()\nimport made\n'
            'self.assertTrue(os.listdir("made/__pycache__"))'
        )

    def test_what_a_forked_child_has_made(self) -> None:
        self.assert_removed(
            'os.mkdir("made")\npid = os.fork()\nif not pid:\n'
            '    open("made/file", "w").close()\n    os._exit(0)\nos.waitpid(pid, 0)'
        )

    def test_a_file_that_was_written_beside_and_moved_into_place(self) -> None:
        self.assert_removed(
            'os.mkdir("made")\nfd, path = tempfile.mkstemp(dir="made")\nos.close(fd)\n'
            'os.replace(path, "made/file")\nfd, path = tempfile.mkstemp(dir="made")\nos.close(fd)\n'
            'os.replace(path, "made/file")'
        )


if __name__ == "__main__":
    unittest.main()
