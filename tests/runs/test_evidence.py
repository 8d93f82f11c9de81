"""Files that other programs create in the project during a run, and the evidence on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from tests.support.projects import ProjectTestCase

ROOT = Path(__file__).parents[2]
NEIGHBOUR = """
import os, sys, tempfiles
project, words = os.environ["PROJECT"], sys.argv[1:]
if "works elsewhere" in words:
    os.chdir("/")
if "is a run" in words:
    tempfiles.Run(tempfiles.RunSettings()).open()
while True:
    with open(project + "/../ask") as asked:
        name = asked.read()
    if not name:
        break
    open(os.path.join(project, name), "w").close()
    with open(project + "/../done", "w") as done:
        done.write(name)
"""
HEAD = """
import os, subprocess, sys, time, unittest

def have_neighbour_make(name):
    time.sleep(0.03)  # birth times are as coarse as the kernel's tick
    with open("../ask", "w") as asked:
        asked.write(name)
    with open("../done") as done:
        done.read()

def make_and_remove(name):
    open(name, "w").close()
    os.unlink(name)

class T(unittest.TestCase):
"""
TEMPLATE = """
    def test_1(self):
        have_neighbour_make("asked")  # so that it is up
        os.unlink("asked")
        subprocess.run([sys.executable, "-I", "script.py"], check=True)  # reports nothing
"""
SCRIPT = "number = 1\nopen(f'made-{number}.txt', 'w').close()\n"


@unittest.skipUnless(hasattr(os, "mkfifo"), "needs FIFOs")
class NeighbourCase(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ("ask", "done"):
            os.mkfifo(self.project.parent / name)

    words: tuple[str, ...] = ()

    def run_beside(self, body: str, **scripts: str) -> tuple[dict[str, str], list[str]]:
        """Run a suite beside a program that makes what it is asked to; return what is reported as
        leaks, with their contexts, and what as nobody's."""
        words = ("--leak-json", "../leaks.json", "--leaks", "fail")
        command = [sys.executable, "-c", NEIGHBOUR, *self.words]
        for name, script in scripts.items():
            self.write(f"{name}.py", script)
        (self.project / "test_it.py").write_text(HEAD + body)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.base),
                       "PROJECT": str(self.project)}
        with subprocess.Popen(command, cwd=self.project, env=environment) as neighbour:
            try:
                self.outcome = self.run_python("-m", "runner", *words)
            finally:
                neighbour.kill()
        document: dict[str, Any] = json.loads((self.project.parent / "leaks.json").read_text())
        leaks = {os.path.basename(leak["path"]): leak["context"] for leak in document["leaks"]}
        apart = [path for each in document.get("unattributed", ())
                 if os.path.dirname(path := each["path"]) == str(self.project)]
        return leaks, [*map(os.path.basename, apart)]


class AnotherRunTests(NeighbourCase):
    words: tuple[str, ...] = ("is a run",)

    def test_similar_names_do_not_make_it_a_child_of_a_test(self) -> None:
        leaks, apart = self.run_beside("""
    def test_1(self):
        make_and_remove(f"scratch-{os.getpid()}.txt")
        have_neighbour_make("scratch-{}.txt".format(1))
        subprocess.run(["true"])
    def test_2(self):
        make_and_remove("other_%d" % os.getpid())
        have_neighbour_make("other_{}".format(2))
        subprocess.run([sys.executable, "script.py"])
    @classmethod
    def tearDownClass(cls):
        have_neighbour_make("other_{}".format(3))
""", script="import os\nname = f'other_{os.getpid()}'\nopen(name, 'w').close()\nos.unlink(name)\n")
        self.assertEqual((leaks, apart), ({}, ["other_2", "other_3", "scratch-1.txt"]))
        self.assertEqual(self.outcome.code, 0, self.outcome.err)

    def test_of_another_project_does_not_matter(self) -> None:
        self.words = ("is a run", "works elsewhere")
        leaks, apart = self.run_beside(TEMPLATE, script=SCRIPT)
        self.assertEqual((leaks, apart), ({"made-1.txt": "test_it.T.test_1"}, []))

    def test_of_the_same_project_makes_a_template_no_evidence(self) -> None:
        leaks, apart = self.run_beside(TEMPLATE, script=SCRIPT)
        self.assertEqual((leaks, apart), ({}, ["made-1.txt"]))

    def test_program_in_the_project_makes_a_template_no_evidence(self) -> None:
        self.words = ()
        leaks, apart = self.run_beside(TEMPLATE, script=SCRIPT)
        self.assertEqual((leaks, apart), ({}, ["made-1.txt"]))

    def test_program_that_was_started_elsewhere_for_the_project(self) -> None:
        self.words = ("works elsewhere", f"--directory={self.project}/served")
        leaks, apart = self.run_beside(TEMPLATE, script=SCRIPT)
        self.assertEqual((leaks, apart), ({}, ["made-1.txt"]))

    def test_template_in_the_code_of_a_test_needs_the_same(self) -> None:
        body = """
    def test_1(self):
        have_neighbour_make("asked")  # so that it is up
        os.unlink("asked")
        for i in (1, 2): subprocess.run(["sh"], input=f"touch made-{i}".encode())
        print(f"made-{i}")
"""
        leaks, apart = self.run_beside(body)
        self.assertEqual((leaks, apart), ({}, ["made-1", "made-2"]))
        self.words = ("works elsewhere",)
        for name in apart:
            (self.project / name).unlink()
        leaks, apart = self.run_beside(body)
        self.assertEqual((leaks, apart), (dict.fromkeys(("made-1", "made-2"), "test_it.T.test_1"),
                                          []))


class OtherProgramTests(NeighbourCase):
    def test_is_not_blamed_on_a_test_without_child_or_native_code(self) -> None:
        leaks, apart = self.run_beside("""
    def test_1(self): make_and_remove("scratch.txt")
    @classmethod
    def tearDownClass(cls): have_neighbour_make("scratch.txt")
""")
        self.assertEqual((leaks, apart), ({}, ["scratch.txt"]))


    def test_words_of_the_module_are_no_evidence(self) -> None:
        for words in ((), ("works elsewhere",)):
            with self.subTest(words):
                self.words = words
                leaks, apart = self.run_beside("""
    name = "server.log"
    def test_1(self):
        "server.log"
        have_neighbour_make("server.{}".format("log"))
        subprocess.run(["true"])
        start()
    def test_2(self): self.assertFalse(os.path.exists("/server.log"))
    def other(self): return "server.log"
    @classmethod
    def tearDownClass(cls): subprocess.run(["true"])

NAME, CONFIG = "server.log", {"log": "server.log"}
def other(): return "server.log"
def start(): import ctypes; ctypes.CDLL(None).getpid()
def setUpModule(): subprocess.run(["true"])
if os.environ.get("NEVER") == "server.log": pass
""")
                self.assertEqual((leaks, apart), ({}, ["server.log"]))
                (self.project / "server.log").unlink()


class EndedChildTests(NeighbourCase):
    """A file that is born when the children of a test have ended is no file of theirs."""

    ENDED = "subprocess.run(['true']); import time; time.sleep(0.05)\n        "

    def test_the_name_is_no_evidence_where_another_program_works(self) -> None:
        leaks, apart = self.run_beside(f"""
    def test_1(self):
        {self.ENDED}have_neighbour_make("server.log")
    def test_2(self):
        have_neighbour_make("build.log"); import time; time.sleep(0.05)
        subprocess.run(["true"])
""")
        self.assertEqual((leaks, sorted(apart)), ({}, ["build.log", "server.log"]))

    def test_a_template_is_no_evidence_in_any_case(self) -> None:
        self.words = ("works elsewhere",)
        leaks, apart = self.run_beside(f"""
    def test_1(self):
        number = 17
        {self.ENDED}have_neighbour_make(f"cache-{{number}}.txt")
""")
        self.assertEqual((leaks, apart), ({}, ["cache-17.txt"]))

    def test_what_a_test_removed_is_not_its_own_afterwards(self) -> None:
        for words in ((), ("works elsewhere",)):
            with self.subTest(words):
                self.words = words
                leaks, apart = self.run_beside(f"""
    def test_1(self):
        make_and_remove("a.out")
        have_neighbour_make("a.out")
    def test_2(self):
        make_and_remove("b.out")
        {self.ENDED}have_neighbour_make("b.out")
""")
                self.assertEqual((leaks, sorted(apart)), ({}, ["a.out", "b.out"]))
                for name in apart:
                    (self.project / name).unlink()

    def test_what_a_test_could_not_remove_is_its_own(self) -> None:
        leaks, apart = self.run_beside("""
    def test_1(self):
        os.mkdir("full"); open("full/a", "w").close()
        with self.assertRaises(OSError): os.rmdir("full")
    def test_2(self):
        make_and_remove("again"); subprocess.run(["sh"], input=b"touch again")
""")
        self.assertEqual((leaks, apart), (
            {"full": "test_it.T.test_1", "again": "test_it.T.test_2"}, []))


class WholeNameTests(NeighbourCase):
    def test_in_a_script_a_test_or_a_helper_says_whose_it_is(self) -> None:
        leaks, apart = self.run_beside("""
    def test_1(self): subprocess.run([sys.executable, "script.py"], check=True)
    def test_2(self): touch("by-test")
    def test_3(self): by_library()

    def test_4(self): self.by_method()
    def test_5(self): helper.make()
    def by_method(self): touch("by-method")

import helper

def touch(name):
    subprocess.run(["sh"], input=b"touch " + name.encode(), check=True)

def by_library():
    import ctypes
    ctypes.CDLL(None).mkdir(os.path.abspath("by-library").encode(), 0o700)
""", script="open('by-script', 'w').close()\n", helper="""
import subprocess
def make(): run(["sh"], "touch by-" + "".join(["hel", "per"]))
def run(command, text):
    made = ("by-helper", "by-other")
    subprocess.run(command, input=text.encode())
""")
        self.assertEqual(leaks, {
            "by-script": "test_it.T.test_1", "by-test": "test_it.T.test_2",
            "by-library": "test_it.T.test_3", "by-method": "test_it.T.test_4",
            "by-helper": "test_it.T.test_5",
        })  # fmt: skip
        self.assertEqual(apart, [])


if __name__ == "__main__":
    unittest.main()
