"""`--trace-children`: native programs report what they create, with the line that started them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tempfiles.errors import SettingError
from tempfiles.events import recorder
from tempfiles.system import platform
from tests.support.projects import ProjectTestCase

HEAD = """
import os, subprocess, sys, threading, unittest
def sh(text, **more): subprocess.run(text, shell=True, check=True, **more)
class T(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen(["sleep", "60"])
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.kill)
"""
HOME = "~"
# A program, a line that runs it, and what it leaves: no name is in a command line or in a script.
COMMANDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("sh", "sh('echo x > scratch-$$')", ("scratch-*",)),
    ("sh", "sh('echo x >> ~/.\"$(printf %s rc)\"')", ("~/.rc",)),
    ("sh", "sh('echo x > $XDG_CACHE_HOME/$(date +x%N)')", ("~/xdg/x*",)),
    ("mktemp", "sh('mktemp; mktemp -d; mktemp -p .', stdout=-3)", ("tmp.*", "tmp.*", "tmp.*")),
    ("mkdir", "sh('n=$(date +d%N); mkdir -p $n/a/b; touch $n/a/b/c')", ("d*",)),
    ("ln", "sh('ln -s nowhere l-$$; echo > f-$$; ln f-$$ h-$$; mkfifo p-$$')",
     ("l-*", "f-*", "h-*", "p-*")),
    ("mv", "sh('echo > old-$$; mv old-$$ new-$$')", ("new-*",)),
    ("cp", "sh('cp -r tree copy-$$')", ("copy-*",)),
    ("tar", "sh('tar xf tree.tar')", ("unpacked",)),
    ("tee", "sh('echo x | tee t-$$ | cat >/dev/null')", ("t-*",)),
    ("split", "sh('printf 12 | split -b 1 - s$$')", ("s*aa", "s*ab")),
    ("gcc", "subprocess.run(['gcc', 'p.c'], check=True)", ("a.out",)),
    ("make", "subprocess.run(['make', '-s'], check=True)", ("built-*",)),
    ("make", "subprocess.run('make -s other', shell=True, check=True)", ("other-*",)),
    ("git", "sh('git init -q repository')", ("repository",)),
    ("perl", "subprocess.run(['perl', '-e', 'open(F, \">\", \"pl-$$\")'], check=True)", ("pl-*",)),
    ("ssh-keygen", "sh('ssh-keygen -q -t ed25519 -N \"\" -f k$$')", ("k*", "k*.pub")),
    ("openssl", "sh('openssl rand -out r$$ 8')", ("r*",)),
    ("sqlite3", "sh('sqlite3 q$$ \"create table t(x)\"')", ("q*",)),
    ("gzip", "sh('echo x > g$$; gzip g$$')", ("g*.gz",)),
    ("zip", "sh('zip -q z$$ p.c')", ("z*.zip",)),
    ("env", "subprocess.run(['./script'], check=True)", ("by-script-*",)),
    ("sh", "sh('(sleep .3; mktemp; mktemp -p .; touch late) >/dev/null 2>&1 &')",
     ("tmp.*", "tmp.*", "late")),
    ("python3", "subprocess.run([sys.executable, '-c', "
                "'import os, tempfile; tempfile.mkdtemp(); open(str(os.getpid()), \"w\")'])",
     ("tmp*", "[0-9]*")),
    ("touch", "os.system('touch o-$(date +%N)')", ("o-*",)),
    ("touch", "pid = os.posix_spawn('/bin/sh', ['sh', '-c', 'touch ps-$$'], os.environ); "
              "os.waitpid(pid, 0)", ("ps-*",)),
    ("touch", "t = [threading.Thread(target=sh, args=('touch th-$$',)) for _ in range(2)]; "
              "[x.start() for x in t]; [x.join() for x in t]", ("th-*", "th-*")),
)


def reason() -> str:
    """Return why programs cannot be traced here; empty if they can."""
    try:
        recorder.check()
    except SettingError as error:
        return str(error)
    return ""


class TracingTestCase(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.project.parent / "home"
        (self.home / "xdg").mkdir(parents=True)

    def report(self, *words: str, **environment: str) -> dict[str, Any]:
        environment = {"HOME": str(self.home), **environment}
        outcome = self.tidytest("--trace-children", "--leak-json=../r.json", *words, **environment)
        self.assertEqual(outcome.code, 0, outcome.err)
        report: dict[str, Any] = json.loads((self.base.parent / "r.json").read_text("utf-8"))
        return report


@unittest.skipIf(reason(), reason())
class CommandTests(TracingTestCase):
    def test_each_creation_is_reported_with_its_line(self) -> None:
        expected = self.make_suite()
        report = self.report(XDG_CACHE_HOME=str(self.home / "xdg"))
        found: dict[str, list[str]] = {}
        for leak in report["leaks"]:
            self.assertEqual(leak["evidence"], "traced", leak)
            test = leak["context"].rpartition(".")[2]
            origin = leak["origin"]
            line = origin.get("called_from", f"{origin['file']}:{origin['line']}")
            self.assertEqual(line, f"test_trace.py:{self.lines[test]}", leak)
            found.setdefault(test, []).append(leak["path"].replace(str(self.home), HOME))
        top = str(self.base.parent)
        apart = [e["path"] for e in report.get("unattributed", ()) if e["path"].startswith(top)]
        self.assertEqual(apart, [])
        self.assertEqual(found.keys(), expected.keys())
        for test, globs in expected.items():
            self.assertEqual(len(found[test]), len(globs), found[test])
            for glob in globs:
                path = glob if glob.startswith(HOME) else f"*/{glob}"
                self.assertTrue(any(fnmatch(one, path) for one in found[test]), (glob, found[test]))

    def make_suite(self) -> dict[str, tuple[str, ...]]:
        """Write the suite, and what it needs; return the leaks of each test."""
        self.write("p.c", "int main(void) { return 0; }\n")
        self.write("Makefile", "all:\n\techo > built-$$PPID\nother:\n\techo > other-$$PPID\n")
        self.write("script", "#!/bin/sh\necho > by-script-$$\n").chmod(0o755)
        self.write("tree/a/b", "")
        with tempfile.TemporaryDirectory() as other:
            shutil.copytree(self.project / "tree", Path(other, "unpacked"))
            subprocess.run(["tar", "cf", self.project / "tree.tar", "-C", other, "unpacked"],
                           check=True)
        source, expected = HEAD.removeprefix("\n"), {}
        self.lines: dict[str, int] = {}
        for number, (program, line, left) in enumerate(COMMANDS):
            if shutil.which(program):
                name = f"test_{number:02}_{program.replace('-', '_')}"
                source += f"    def {name}(self):\n        {line}\n"
                self.lines[name] = source.count("\n")
                expected[name] = left
        source += "    def test_z(self): sh('sleep 1')\n"
        self.write("test_trace.py", source)
        return expected


SMALL = """
import os, subprocess, unittest
class T(unittest.TestCase):
    def test_child(self):
        {}
"""


@unittest.skipIf(reason(), reason())
class ReportTests(TracingTestCase):
    def test_present_preload_stays_first_and_is_restored(self) -> None:
        self.write("test_a.py", SMALL.format(
            "print(subprocess.check_output('echo $LD_PRELOAD', shell=True, text=True))"))
        self.write("host.py", """
            import os, runpy, sys
            sys.argv = ["runner", "-q", "--trace-children", "test_a"]
            before = dict(os.environ)
            try: runpy.run_module("runner", run_name="__main__")
            except SystemExit: pass
            assert before == dict(os.environ), os.environ
            """)
        for before, expected in (("libm.so.6", f"libm.so.6:{recorder.LIBRARY}"),
                                 (recorder.LIBRARY, recorder.LIBRARY)):
            outcome = self.run_python("host.py", LD_PRELOAD=before)
            self.assertEqual((outcome.code, outcome.out.strip()), (0, expected), outcome.err)

    def test_known_leak_is_the_same_with_and_without_tracing(self) -> None:
        self.write("test_a.py", SMALL.format(
            "subprocess.run('echo > known.txt; mktemp', shell=True, stdout=-3)"))
        for first, second in ((("--trace-children",), ()), ((), ("--trace-children",))):
            with self.subTest(first=first):
                self.assertEqual(self.tidytest("--update-baseline", *first).code, 0)
                (self.project / "known.txt").unlink()
                outcome = self.tidytest("--leaks=fail", "--strict-baseline", *second)
                self.assertEqual(outcome.code, 0, outcome.err)
                (self.project / ".tidytest-leaks.json").unlink()

    def test_nothing_is_removed_because_a_child_reported_it(self) -> None:
        self.write("test_a.py", SMALL.format(
            "subprocess.run('echo > made; mv own.txt $TMPDIR; mv other.txt moved.txt', shell=True)"
        ))
        own = self.write("own.txt", "own")
        self.write("other.txt", "other")
        outcome = self.run_python("-m", "runner", "--trace-children", "--clean-outside")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual((self.project / "moved.txt").read_text(), "other")
        self.assertTrue((self.project / "made").exists())
        (rescued,) = [path for path in [own, *self.base.rglob("own.txt")] if path.exists()]
        self.assertEqual(rescued.read_text(), "own")

    def test_children_of_tests_that_overlap_in_threads(self) -> None:
        self.write("test_a.py", """
            import subprocess, threading, unittest
            barrier = threading.Barrier(3)
            def work(name):
                barrier.wait()
                subprocess.run(f": {name}; mktemp -t {name}.XXXX; touch ~/{name}-$$",
                               shell=True, stdout=-3)
                barrier.wait()
            class T(unittest.TestCase):
                def test_0(self): work("c0")
                def test_1(self): work("c1")
                def test_2(self): work("c2")
            class Threaded(unittest.TestSuite):
                def run(self, result, debug=False):
                    threads = [threading.Thread(target=test, args=(result,)) for test in self]
                    for thread in threads: thread.start()
                    for thread in threads: thread.join()
                    return result
            def load_tests(loader, tests, pattern):
                return Threaded(T(f"test_{i}") for i in range(3))
            """)
        report = self.report()
        found = sorted((leak["context"], leak["where"], Path(leak["path"]).name[:2])
                       for leak in report["leaks"])
        self.assertEqual(found, sorted(
            (f"test_a.T.test_{i}", where, f"c{i}")
            for i in range(3) for where in ("temp", "outside")))

    def test_child_with_the_same_command_as_a_child_of_the_class(self) -> None:
        self.write("test_a.py", """
            import os, subprocess, unittest
            COMMAND = ["sh", "-c", "echo; test -e flag || exec sleep 60; touch ~/same-$$"]
            class T(unittest.TestCase):
                @classmethod
                def setUpClass(cls):
                    cls.child = subprocess.Popen(COMMAND, stdout=subprocess.PIPE)
                    cls.child.stdout.readline()
                    cls.addClassCleanup(cls.child.communicate)
                    cls.addClassCleanup(cls.child.kill)
                def test(self):
                    import time; time.sleep(0.2)
                    self.addCleanup(os.unlink, "flag")
                    open("flag", "w").close()
                    subprocess.run(COMMAND, stdout=subprocess.DEVNULL)
            """)
        (leak,) = self.report()["leaks"]
        self.assertEqual((leak["context"], leak["origin"]["line"]), ("test_a.T.test", 15))

    def test_program_of_a_shared_worker_accuses_no_other_test(self) -> None:
        self.write("test_a.py", """
            import concurrent.futures, multiprocessing, subprocess, unittest
            def work(text): subprocess.run(text, shell=True, check=True)
            class T(unittest.TestCase):
                @classmethod
                def setUpClass(cls):
                    spawn = multiprocessing.get_context("spawn")
                    cls.pool = concurrent.futures.ProcessPoolExecutor(1, spawn)
                    cls.addClassCleanup(cls.pool.shutdown)
                def test_1(self): self.pool.submit(work, "true").result()
                def test_2(self): self.pool.submit(work, "touch ~/w-$$").result()
                def test_3(self): self.pool.submit(work, "true").result()
            """)
        for leak in self.report()["leaks"]:
            self.assertEqual(leak["context"], "test_a.T.test_2")

    def test_child_with_an_environment_of_its_own_is_found_as_before(self) -> None:
        self.write("test_a.py", SMALL.format(
            "subprocess.run(['/bin/sh', '-c', 'echo > named.txt'], env={})"))
        (leak,) = self.report()["leaks"]
        self.assertEqual((leak["evidence"], leak["origin"]["line"]), ("scanned", 5))

    def test_run_in_a_traced_run_is_not_traced(self) -> None:
        self.write("inner/test_inner.py", SMALL.format("os.system('touch i-known')"))
        self.write("test_a.py", SMALL.format(
            "subprocess.run([__import__('sys').executable, '-m', 'runner', '-q', "
            "'--leak-json=i.json'], cwd='inner', check=True, stderr=-3)"))
        self.report()
        inner = json.loads((self.project / "inner" / "i.json").read_text("utf-8"))
        self.assertEqual([leak["evidence"] for leak in inner["leaks"]], ["scanned"])


class RefusalTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", SMALL.format("pass"))

    def refused(self, place: str, *words: str, **environment: str) -> None:
        copy = self.project.parent / place
        if not copy.exists():
            for name in ("tempfiles", "runner"):
                shutil.copytree(
                    Path(recorder.LIBRARY).parents[2] / name, copy / name,
                    ignore=shutil.ignore_patterns("*.so.1", "__pycache__"))
        program = f"import sys; sys.path[0] = {str(copy)!r}; import runner; runner.main()"
        done = subprocess.run(
            [sys.executable, "-c", program, *words], cwd=self.project, capture_output=True,
            text=True, env={**self.environment(**environment), "PYTHONPATH": ""}, check=False,
        )
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
        self.line = done.stderr

    @unittest.skipUnless(platform.has_glibc(), "this is no Linux with glibc")
    def test_recorder_that_is_not_built(self) -> None:
        self.refused("copy", "--trace-children")
        self.assertIn("error: --trace-children: the recorder is not built; install", self.line)
        self.refused("copy", TIDYTEST_TRACE_CHILDREN="1")
        self.assertIn("trace-children (environment TIDYTEST_TRACE_CHILDREN): the", self.line)

    @unittest.skipIf(reason(), reason())
    def test_library_whose_path_has_a_space(self) -> None:
        self.refused("a copy", "--trace-children")
        library = self.project.parent / "a copy/tempfiles/events" / Path(recorder.LIBRARY).name
        shutil.copy(recorder.LIBRARY, library)
        self.refused("a copy", "--trace-children")
        self.assertIn("a path with a space or colon", self.line)

    def test_another_system(self) -> None:
        elsewhere = unittest.mock.patch.object(platform, "LINUX", False)
        with elsewhere, self.assertRaisesRegex(SettingError, "on Linux with glibc only"):
            recorder.check()

    def test_without_looking_for_leaks(self) -> None:
        self.assertRefused(
            self.tidytest("--leaks=off", "--trace-children"),
            "--trace-children needs --leaks report or fail")


if __name__ == "__main__":
    unittest.main()
