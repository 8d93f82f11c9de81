"""Which tests run at the same time, and on which worker; what the run remembers of it."""

from __future__ import annotations

import json
import re

from tests.support.projects import ProjectTestCase

TIMES = """
    import os, time, unittest
    import runner

    def spend(name, seconds=0.15):
        begun = time.monotonic()
        time.sleep(seconds)
        path = os.path.join(os.environ["SPANS"], name)
        with open(path, "w") as file:
            file.write(f"{begun} {time.monotonic()} {runner.worker().number}")
"""
APART = TIMES + """
    @runner.resource("db", exclusive=True)
    class A(unittest.TestCase):
        def test(self): spend("a")
    @runner.resource("db", exclusive=True)
    class B(unittest.TestCase):
        def test(self): spend("b")
    class C(unittest.TestCase):
        def test_1(self): spend("c1")
        @runner.serial
        def test_2(self): spend("c2")
    class D(unittest.TestCase):
        def test(self): spend("d")
"""
SPLIT = TIMES + """
    class A(unittest.TestCase):
        def test_1(self): spend("1", 0.4)
        def test_2(self): spend("2", 0.4)
        def test_3(self): spend("3", 0.4)
"""


class ScheduleTestCase(ProjectTestCase):
    """Has a directory where tests write when they ran, and on which worker."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = self.project.parent / "spans"
        self.directory.mkdir()

    def spans(self) -> dict[str, tuple[float, float, int]]:
        found = {}
        for path in self.directory.iterdir():
            begun, ended, worker = path.read_text().split()
            found[path.name] = float(begun), float(ended), int(worker)
        return found


class ApartTests(ScheduleTestCase):
    def test_marked_tests_run_apart_and_serial_ones_last(self) -> None:
        self.write("test_a.py", APART)
        outcome = self.tidytest("-j3", "test_a", SPANS=str(self.directory))
        self.assertEqual(outcome.code, 0, outcome.err)
        spans = self.spans()
        first, second = sorted((spans["a"], spans["b"]))
        self.assertLessEqual(first[1], second[0])
        last = max(spans[name][1] for name in ("a", "b", "c1", "d"))
        self.assertGreaterEqual(spans["c2"][0], last)
        self.assertGreater(len({worker for _, _, worker in spans.values()}), 1)

    def test_resource_that_the_settings_do_not_know_is_refused(self) -> None:
        self.write("test_a.py", APART)
        self.write("pyproject.toml", "[tool.tidytest.resources]\ndatabase = { max = 2 }\n")
        outcome = self.tidytest("-j2", "test_a", SPANS=str(self.directory))
        self.assertRefused(outcome, "test_a.A: there is no resource 'db' in [tool.tidytest")
        self.assertEqual(self.spans(), {})


class SplitTests(ScheduleTestCase):
    def test_longest_class_is_named_and_can_be_split(self) -> None:
        self.write("test_a.py", SPLIT)
        file = self.project / "durations.json"
        words = ["-j2", "--durations-file=durations.json", "test_a"]
        whole = self.tidytest(*words, SPANS=str(self.directory))
        line = r"^longest: test_a\.A, [\d.]+ s of [\d.]+ s; splitting it saves 0\.. s$"
        self.assertRegex(whole.err, re.compile(line, re.MULTILINE))
        self.assertEqual({worker for _, _, worker in self.spans().values()}, {0})
        units = json.loads(file.read_text())["units"]
        self.assertEqual([*units], ["test_a.A"])
        self.assertGreater(units["test_a.A"][0], 1.2)
        split = self.tidytest("--split=tests", *words, SPANS=str(self.directory))
        self.assertNotIn("longest", split.err)
        self.assertEqual({worker for _, _, worker in self.spans().values()}, {0, 1})
        self.assertEqual(len(json.loads(file.read_text())["units"]), 4)

    def test_longest_of_the_last_run_starts_first(self) -> None:
        self.write("test_a.py", TIMES + """
    class A(unittest.TestCase):
        def test(self): spend("first", 0)
    class B(unittest.TestCase):
        def test(self): spend("short", 0)
    class C(unittest.TestCase):
        def test(self): spend("long", 0.2)
    class D(unittest.TestCase):
        def test(self): spend("longest", 0.4)
    """)
        self.tidytest("-j2", "test_a", SPANS=str(self.directory))
        self.tidytest("-j2", "test_a", SPANS=str(self.directory))
        spans = self.spans()
        self.assertLess(spans["longest"][0], spans["short"][0])
        self.assertLess(spans["long"][0], spans["short"][0])


class SetupTests(ProjectTestCase):
    def test_each_worker_is_set_up_once_before_its_tests(self) -> None:
        self.write("test_a.py", """
            import os, time, unittest
            import runner

            @runner.worker_setup
            def database():
                name = f"db-{runner.worker().number}"
                with open(name, "x") as file:
                    file.write(os.environ["TIDYTEST_RUN"])
                yield
                os.rename(name, f"dropped-{runner.worker().number}")

            class Base:
                def test(self):
                    time.sleep(0.1)
                    with open(f"db-{runner.worker().number}") as file:
                        self.assertEqual(file.read(), runner.worker().run)
            class A(Base, unittest.TestCase): pass
            class B(Base, unittest.TestCase): pass
            class C(Base, unittest.TestCase): pass
        """)
        outcome = self.tidytest("-j2", "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
        dropped = sorted(path.name for path in self.project.glob("*-[0-9]"))
        self.assertEqual(dropped, ["dropped-0", "dropped-1"])

    def test_end_of_a_worker_is_printed_and_may_fail(self) -> None:
        self.write("test_a.py", """
            import os, time, unittest
            import runner

            @runner.worker_setup
            def database():
                print("up", runner.worker().number, flush=True)
                yield
                print("down", runner.worker().number, flush=True)
                raise OSError("still in use")

            class A(unittest.TestCase):
                def test(self):
                    time.sleep(0.2)
                    child = os.fork()
                    if child == 0:
                        raise SystemExit
                    os.waitpid(child, 0)
            class B(A): pass
        """)
        for workers in ("fork", "spawn"):
            with self.subTest(workers):
                outcome = self.tidytest("-j2", f"--workers-by={workers}", "test_a")
                printed = sorted(outcome.out.splitlines())
                self.assertEqual(printed, ["down 0", "down 1", "up 0", "up 1"], outcome.err)
                self.assertEqual(outcome.err.count("OSError: still in use"), 1, outcome.err)
                self.assertIn("FAILED (errors=1)", outcome.err)
                self.assertEqual(outcome.code, 1)

    def test_replacement_of_a_dead_worker_has_its_number(self) -> None:
        self.write("test_a.py", """
            import os, time, unittest
            import runner

            @runner.worker_setup
            def announce():
                print("set up", runner.worker().number, flush=True)

            class A(unittest.TestCase):
                def test_1(self):
                    time.sleep(0.2)
                    os.environ.clear()
                    os._exit(1)
                def test_2(self):
                    print("test", os.environ["TIDYTEST_WORKER"], flush=True)
            class B(unittest.TestCase):
                def test(self): time.sleep(0.6)
        """)
        outcome = self.tidytest("-j2", "test_a.A", "test_a.B")
        self.assertIn("ended with exit code 1", outcome.err)
        expected = ["set up 0", "set up 0", "set up 1", "test 0"]
        self.assertEqual(sorted(outcome.out.splitlines()), expected)

    def test_error_of_the_set_up_is_printed_once(self) -> None:
        self.write("test_a.py", """
            import unittest
            import runner
            @runner.worker_setup
            def database():
                print("looks for the server")
                raise OSError("no database")
            class A(unittest.TestCase):
                def test(self): pass
            class B(unittest.TestCase):
                def test(self): pass
        """)
        for words in (["-j2"], ["-j2", "-b"], ["-b"]):
            with self.subTest(words):
                outcome = self.tidytest(*words, "test_a")
                title = "ERROR: worker_setup (test_a.database)"
                self.assertEqual(outcome.err.count(title), 1, outcome.err)
                self.assertEqual("Stdout:\nlooks for" in outcome.err, "-b" in words)
                self.assertIn("Ran 0 tests", outcome.err)
                self.assertIn(outcome.code, (1, 5))

    def test_set_up_that_kills_its_worker_or_hangs_is_an_error(self) -> None:
        self.write("test_a.py", """
            import os, time, unittest
            import runner
            @runner.worker_setup
            def database():
                if "HANGS" in os.environ: time.sleep(60)
                os._exit(3)
            class A(unittest.TestCase):
                def test(self): pass
            class B(A): pass
        """)
        for environment, words, fate in (
            ({}, [], "the process of this fixture ended with exit code 3"),
            ({"HANGS": "1"}, ["--timeout=0.5"], "the fixture did not end within 0.5 s"),
        ):
            with self.subTest(fate):
                outcome = self.tidytest("-j2", *words, "test_a", **environment)
                self.assertIn("ERROR: worker_setup (test_a.database)\n", outcome.err)
                self.assertIn(f"\n{fate}\n", outcome.err)
                self.assertNotIn("worker.py", outcome.err)
                self.assertIn("FAILED (errors=1)", outcome.err)

    def test_nested_run_in_a_worker_starts(self) -> None:
        self.write("test_inner.py", """
            import unittest
            class A(unittest.TestCase):
                def test(self): pass
        """)
        self.write("test_a.py", """
            import subprocess, sys, unittest
            class A(unittest.TestCase):
                def test(self):
                    words = [sys.executable, "-m", "runner", "-j2", "test_inner"]
                    done = subprocess.run(words, stderr=subprocess.PIPE, text=True)
                    self.assertEqual(done.returncode, 0, done.stderr)
            class B(A): pass
        """)
        outcome = self.tidytest("-j2", "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)


class PlaceTests(ProjectTestCase):
    def test_run_root_in_the_project_is_none_of_its_files(self) -> None:
        self.write("test_a.py", """
            import subprocess, unittest
            class A(unittest.TestCase):
                def test_1(self): subprocess.run(["true"])
                def test_2(self): open("made", "w").close()
            class B(A): pass
        """)
        inside = self.project / "temp"
        inside.mkdir()
        outcome = self.tidytest("-j2", "-v", "test_a", TMPDIR=str(inside))
        self.assertNotIn(f"{inside}/", outcome.err)
        self.assertEqual(list(inside.iterdir()), [])
