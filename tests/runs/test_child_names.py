"""A child process gets the files that its command line or its script names, in any spelling."""

from __future__ import annotations

import json
import os
import shutil
import unittest
from typing import Any

from tests.support.projects import ProjectTestCase

SUITE = """
import os, subprocess, unittest
class Child(unittest.TestCase):
    def test_before(self): pass
    def test_child(self):
        {}  # LEAK
    def test_later(self): pass
"""


class NamesTestCase(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.project.parent / "home"
        self.other = self.project.parent / "other place"
        self.home.mkdir()
        self.other.mkdir()

    def leaks(self, statement: str) -> list[dict[str, Any]]:
        self.write("test_child.py", SUITE.format(statement))
        outcome = self.tidytest("--leak-json=../r.json", HOME=str(self.home), OTHER=str(self.other))
        self.assertEqual(outcome.code, 0, outcome.err)
        report: dict[str, Any] = json.loads((self.base.parent / "r.json").read_text("utf-8"))
        top = str(self.base.parent)
        apart = [found["path"] for found in report.get("unattributed", ())]
        self.assertEqual([path for path in apart if path.startswith(top)], [], report)
        found: list[dict[str, Any]] = report["leaks"]
        return found

    def assertLeaks(self, statement: str, *paths: object) -> None:
        found = self.leaks(statement)
        self.assertEqual(sorted(leak["path"] for leak in found), sorted(map(str, paths)))
        for leak in found:
            self.assertTrue(leak["context"].endswith("test_child"), leak)
            self.assertEqual((leak["origin"]["file"], leak["origin"]["line"]), ("test_child.py", 6))


class CommandLineTests(NamesTestCase):
    def test_tilde(self) -> None:
        self.assertLeaks("os.system('touch ~/.rc')", self.home / ".rc")

    def test_variable_of_this_process(self) -> None:
        self.assertLeaks('os.system(\'touch "$OTHER/one" ${HOME}/two\')',
                         self.other / "one", self.home / "two")

    def test_variable_of_the_child(self) -> None:
        self.assertLeaks(
            f"subprocess.run(['sh', '-c', 'echo > \"$OUT/$NAME.txt\"'], "
            f"env={{**os.environ, 'OUT': {str(self.other)!r}, 'NAME': 'x'}}, check=True)",
            self.other / "x.txt")

    def test_home_of_the_child(self) -> None:
        self.assertLeaks(
            f"subprocess.run(['sh', '-c', 'touch ~/f'], env={{'HOME': {str(self.other)!r}, "
            f"'PATH': os.environ['PATH']}}, check=True)", self.other / "f")

    def test_variable_that_is_assigned(self) -> None:
        self.assertLeaks('os.system("D=~/; N=made-$((1+1)); F=$D/f.txt; touch $F")',
                         self.home / "f.txt")

    def test_default_of_an_unset_variable(self) -> None:
        self.assertLeaks('os.system("touch ${XDG_NONE:-$HOME}/g")', self.home / "g")

    def test_working_directory_of_the_child(self) -> None:
        self.assertLeaks(f"subprocess.run(['touch', 'x'], cwd={str(self.other)!r}, check=True)",
                         self.other / "x")

    def test_change_of_the_working_directory(self) -> None:
        self.assertLeaks("os.system('cd ~ && touch x')", self.home / "x")

    def test_directories_that_are_created_on_the_way(self) -> None:
        self.assertLeaks("os.system('mkdir -p ~/.cache/tool/a && touch ~/.cache/tool/a/b')",
                         self.home / ".cache")

    def test_file_is_reported_once_whatever_links_lead_to_it(self) -> None:
        link = self.home / "link"
        link.symlink_to(self.other)
        self.assertLeaks("subprocess.run(['touch', os.path.expanduser('~/link/x')]); "
                         f"open({str(self.other / 'x')!r}, 'a').close()", self.other / "x")

    def test_file_in_the_project_through_a_link(self) -> None:
        (self.home / "link").symlink_to(self.project)
        self.assertLeaks("os.system('touch ~/link/x')", self.project / "x")


class ScriptTests(NamesTestCase):
    def test_shell_script(self) -> None:
        self.write("make.sh", "N=file\ntouch ~/.rc $OTHER_/\"$N\".txt\n")
        self.assertLeaks("subprocess.run(['sh', 'make.sh'])", self.home / ".rc")

    def test_arguments_of_a_script_and_of_a_shell_command(self) -> None:
        self.write("make.sh", 'touch "part-$1" "$2/other"\n')
        self.assertLeaks(
            """subprocess.run(["sh", "make.sh", "one", os.environ["OTHER"]])""",
            self.project / "part-one", self.other / "other",
        )
        (self.project / "part-one").unlink()
        (self.other / "other").unlink()
        shutil.rmtree(self.project / ".tidytest_cache")
        self.assertLeaks(
            """subprocess.run(["sh", "-c", 'touch "part-$1"', "sh", "two"])""",
            self.project / "part-two",
        )

    def test_script_without_an_ending(self) -> None:
        self.write("build", "#!/bin/sh\ntouch $HOME/built\n").chmod(0o755)
        self.assertLeaks("subprocess.run(['./build'], check=True)", self.home / "built")

    def test_script_in_a_shell_command(self) -> None:
        self.write("tools/build", "#!/bin/sh\ntouch $HOME/built\n").chmod(0o755)
        self.assertLeaks("os.system('cd tools && ./build')", self.home / "built")

    def test_script_that_runs_another_one(self) -> None:
        self.write("outer.sh", "sh ./inner.sh\n")
        self.write("inner.sh", "touch $HOME/inner\n")
        self.assertLeaks("subprocess.run(['sh', 'outer.sh'])", self.home / "inner")

    def test_script_that_is_removed_meanwhile(self) -> None:
        self.write("once.sh", "N=in-project\ntouch ~/x $N.txt; rm once.sh\n")
        self.assertLeaks("subprocess.run(['sh', 'once.sh'])",
                         self.home / "x", self.project / "in-project.txt")

    def test_large_binary_and_fifo_are_not_read(self) -> None:
        os.mkfifo(self.project / "fifo")
        (self.project / "data").write_bytes(b"\0touch ~/none")
        self.assertLeaks("subprocess.run(['true', 'fifo', 'data'])")

    @unittest.skipUnless(shutil.which("make"), "needs make")
    def test_default_makefile(self) -> None:
        self.write("Makefile", "OUT = $(HOME)/out\nall:\n\ttouch $(OUT)/../y $(OUT)x.o\n")
        (self.home / "out").mkdir()
        self.assertLeaks("subprocess.run(['make', '-s'], check=True)",
                         self.home / "y", self.home / "outx.o")

    @unittest.skipUnless(shutil.which("make"), "needs make")
    def test_makefile_with_variables_of_the_shell(self) -> None:
        self.write("Makefile", "all:\n\ttouch \"$$HOME/one\"; d=$${HOME}/..; touch $$d/two\n")
        self.assertLeaks("subprocess.run(['make', '-s'], check=True)",
                         self.home / "one", self.home.parent / "two")

    @unittest.skipUnless(shutil.which("make"), "needs make")
    def test_makefile_of_another_directory(self) -> None:
        self.write("sub/Makefile", "all:\n\ttouch in-sub ~/z\n")
        self.assertLeaks("subprocess.run(['make', '-s', '-C', 'sub'], check=True)",
                         self.home / "z", self.project / "sub/in-sub")
