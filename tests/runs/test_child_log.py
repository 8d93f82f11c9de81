"""Python children report what they create, with their own lines, and notice nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tempfiles.events import child_log
from tests.support.projects import ProjectTestCase

SUITE = """
import multiprocessing, os, subprocess, sys, tempfile, unittest
from concurrent.futures import ProcessPoolExecutor

def work(_=None):
    open(os.path.join(tempfile.gettempdir(), "inside"), "w").close()  # INSIDE
    open(f"{os.getpid()}.txt", "w").close()  # OUTSIDE

MORE

class Child(unittest.TestCase):
    def test_before(self): BEFORE
    def test_child(self):
        STATEMENT
    def test_later(self): pass
"""
WORKER = """
import os, tempfile
def work():
    open(os.path.join(tempfile.gettempdir(), "inside"), "w").close()  # INSIDE
    open(f"{os.getpid()}.txt", "w").close()  # OUTSIDE
    open("existing", "a").close()
    os.mkdir("removed"); open("removed/x", "w").close(); os.unlink("removed/x"); os.rmdir("removed")
work()
"""
STATE = """
import json, os, sys
print(json.dumps([sys.path, sorted(sys.modules), dict(os.environ), sorted(sys.path_importer_cache),
                  sys.meta_path == sys.meta_path, sys.flags]))
"""


@unittest.skipUnless(os.name == "posix", "only where the environment is of bytes")
class ChildTests(ProjectTestCase):
    def assertReported(
        self, statement: str, file: str, function: str = "work", more: str = "",
        before: str = "pass",
    ) -> None:
        """Fail unless both files have the lines in which the child created them."""
        self.write("worker.py", WORKER)
        self.write("existing", "")
        path = self.write("test_child.py", SUITE.replace("STATEMENT", statement)
                          .replace("MORE", more).replace("BEFORE", before))
        outcome = self.tidytest("--leak-json=../r.json")
        self.assertEqual(outcome.code, 0, outcome.err)
        report: dict[str, Any] = json.loads((self.base.parent / "r.json").read_text("utf-8"))
        lines = (path.with_name(file)).read_text("utf-8").splitlines()
        expected = {
            where: (file, next(i for i, text in enumerate(lines, 1) if mark in text), function)
            for where, mark in (("temp", "# INSIDE"), ("outside", "# OUTSIDE"))
        }
        found = {
            leak["where"]: tuple(leak["origin"][key] for key in ("file", "line", "function"))
            for leak in report["leaks"]
        }
        self.assertEqual(found, expected, report)
        self.assertEqual(len(report["leaks"]), 2, report)
        for leak in report["leaks"]:
            self.assertEqual(leak["context"], "test_child.Child.test_child")
            self.assertEqual(leak["origin"]["call"], "open")

    def test_subprocess(self) -> None:
        self.assertReported("subprocess.run([sys.executable, 'worker.py'])", "worker.py")

    def test_subprocess_with_an_environment_of_its_own(self) -> None:
        self.assertReported(
            "subprocess.run([sys.executable, 'worker.py'], env={**os.environ, 'X': '1'})",
            "worker.py")

    def test_child_of_a_shell(self) -> None:
        self.assertReported("os.system(f'{sys.executable} worker.py')", "worker.py")

    def test_child_that_another_program_became(self) -> None:
        self.assertReported("subprocess.run(['env', 'X=1', sys.executable, 'worker.py'])",
                            "worker.py", before="subprocess.run(['true'])")

    def test_child_of_a_python_child(self) -> None:
        self.write("outer.py", "import subprocess, sys\n"
                               "subprocess.run([sys.executable, 'worker.py'])\n")
        self.assertReported("subprocess.run([sys.executable, 'outer.py'])", "worker.py")

    def test_spawn(self) -> None:
        self.assertReported(
            "p = multiprocessing.get_context('spawn').Process(target=work); p.start(); p.join()",
            "test_child.py")

    def test_forkserver(self) -> None:
        self.assertReported(
            "p = multiprocessing.get_context('forkserver').Process(target=work); p.start(); "
            "p.join()", "test_child.py")

    def test_pool_of_processes(self) -> None:
        self.assertReported(
            "with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool: "
            "pool.submit(work).result()", "test_child.py")

    def test_workers_of_loky(self) -> None:
        if find_spec("loky") is None:
            self.skipTest("loky is not installed")
        self.new_processes = True  # psutil, which loky uses, is confused by a preloaded fork
        self.assertReported(
            "loky.get_reusable_executor(max_workers=1).submit(work).result()",
            "test_child.py", more="import loky",
            before="loky.get_reusable_executor(max_workers=1).submit(len, '').result()")

    def test_grandchild_like_a_child_of_the_class(self) -> None:
        self.write("same.py", "import os, sys, time\n"
                              "if 'ONCE' not in os.environ: time.sleep(30)\nimport worker\n")
        self.assertReported(
            "subprocess.run(f'ONCE=1 {sys.executable} same.py', shell=True)", "worker.py",
            more="same = subprocess.Popen([sys.executable, 'same.py'])\n"
                 "def tearDownModule(): same.kill(); same.wait()")

    def test_user_sitecustomize_is_loaded(self) -> None:
        self.write("site/sitecustomize.py", "import sys; sys.own = True\n")
        self.write("own.py", "import sys; assert sys.own; import worker\n")
        self.write("worker.py", WORKER)
        self.assertReported(
            "subprocess.run([sys.executable, 'own.py'], check=True, env={**os.environ, "
            "'PYTHONPATH': os.environ['PYTHONPATH'] + os.pathsep + os.path.abspath('site')})",
            "worker.py")

    def test_environment_is_restored(self) -> None:
        self.write("test_environment.py", """
            import atexit, os, tempfile, unittest
            class T(unittest.TestCase):
                def test(self): open(os.path.join(tempfile.gettempdir(), "x"), "w").close()
            """)
        self.write("host.py", """
            import os, runpy, sys
            sys.argv = ["runner", "-q", "test_environment"]
            before = dict(os.environ)
            try: runpy.run_module("runner", run_name="__main__")
            except SystemExit: pass
            assert before == dict(os.environ), os.environ
            """)
        outcome = self.run_python("host.py")
        self.assertEqual(outcome.code, 0, outcome.err)


@unittest.skipUnless(os.name == "posix", "only where the environment is of bytes")
class NothingElseTests(ProjectTestCase):
    def state(self, *options: str, before: str | None = None, traced: bool) -> Any:
        """Return what a child sees of itself, with the log or without it."""
        environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        if before is not None:
            environment["PYTHONPATH"] = before
        if traced:
            log = self.base / "log"
            log.touch()
            site = str(Path(child_log.__file__).with_name("child_site"))
            environment["PYTHONPATH"] = site + (f":{before}" if before else "")
            environment["_TIDYTEST_CHILD_LOG"] = f"{os.getpid()}:{log}"
        done = subprocess.run(
            [sys.executable, *options, "-c", STATE], env=environment, capture_output=True,
            cwd=self.project, text=True, check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def test_child_sees_the_same_paths_modules_and_variables(self) -> None:
        own = self.write("site/sitecustomize.py", "")
        for before in (None, "/nowhere", f"/nowhere:{own.parent}"):
            for options in ((), ("-s",), ("-P",)):
                with self.subTest(before=before, options=options):
                    plain = self.state(*options, before=before, traced=False)
                    self.assertEqual(self.state(*options, before=before, traced=True), plain)

    def test_child_takes_less_than_five_milliseconds_more(self) -> None:
        def milliseconds(environment: dict[str, str]) -> float:
            pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], environment)
            usage = os.wait4(pid, 0)[2]
            return (usage.ru_utime + usage.ru_stime) * 1000

        log = self.base / "log"
        log.touch()
        site = str(Path(child_log.__file__).with_name("child_site"))
        plain = {"PATH": os.environ["PATH"], "PYTHONPATH": "/nowhere"}
        traced = {**plain, "PYTHONPATH": f"{site}:/nowhere",
                  "_TIDYTEST_CHILD_LOG": f"{os.getpid()}:{log}"}
        # In pairs, as the load of the machine changes; the least disturbed ones count. Other
        # processes disturb a whole round now and then.
        more = 5.0
        for _ in range(8):
            pairs = [(milliseconds(traced), milliseconds(plain)) for _ in range(12)]
            fastest = [min(times) for times in zip(*pairs, strict=True)]
            more = fastest[0] - fastest[1]
            if more < 5:
                break
        self.assertLess(more, 5)

    def test_child_without_site_or_environment_starts(self) -> None:
        for options in (("-I",), ("-E",), ("-S",)):
            with self.subTest(options=options):
                self.state(*options, traced=True)

    def test_child_starts_where_the_log_is_gone(self) -> None:
        self.write("log", "")
        self.state(traced=True)
        site = str(Path(child_log.__file__).with_name("child_site"))
        code = "open('x', 'w').close(); print('done')"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=self.project, capture_output=True, text=True,
            env={"PYTHONPATH": site, "_TIDYTEST_CHILD_LOG": "1:/nowhere/log"}, check=False,
        )
        self.assertEqual((done.stdout, done.stderr), ("done\n", ""))
