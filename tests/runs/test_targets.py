"""Library functions that are themselves the target of a thread, a pool or a cleanup."""

from __future__ import annotations

import json
import re
import unittest
from typing import Any

from tests.support.projects import ProjectTestCase

THREADS = """
    import asyncio, shutil, tempfile, threading, unittest
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial
    from multiprocessing.pool import ThreadPool
    from pathlib import Path

    SOURCE = Path(__file__).with_name("source")

    class T(unittest.TestCase):
        def test_thread(self):
            thread = threading.Thread(target=tempfile.mkdtemp)
            thread.start()  # mkdtemp
            thread.join()

        def test_timer(self):
            timer = threading.Timer(0, tempfile.mkstemp)
            timer.start()  # mkstemp
            timer.join()

        def test_submit(self):
            with ThreadPoolExecutor() as pool:
                pool.submit(int).result()
                pool.submit(tempfile.mkstemp).result()  # mkstemp

        def test_map(self):
            with ThreadPoolExecutor() as pool:
                list(pool.map(tempfile.mkdtemp, ["a", "b", "c"]))  # mkdtemp

        def test_pool_of_multiprocessing(self):
            with ThreadPool(1) as pool:
                pool.apply(tempfile.mkdtemp)  # mkdtemp

        def test_within_a_target(self):
            with ThreadPoolExecutor(1) as pool:
                thread = threading.Thread(target=tempfile.mkdtemp)
                pool.submit(thread.start).result()  # mkdtemp
                thread.join()

    class A(unittest.IsolatedAsyncioTestCase):
        async def test_to_thread(self):
            await asyncio.to_thread(tempfile.mkdtemp)  # mkdtemp

        async def test_run_in_executor(self):
            copy = partial(shutil.copytree, SOURCE, Path(tempfile.gettempdir(), "copied"))
            await asyncio.get_running_loop().run_in_executor(None, copy)  # copytree
"""
CLEANUPS = """
    import shutil, tempfile, unittest

    class T(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.addClassCleanup(tempfile.mkstemp)

        def test_it(self):
            for _ in range(5):
                self.addCleanup(tempfile.mkdtemp)
"""
FRAMES = """
    import gc, tempfile, threading, unittest, weakref
    from concurrent.futures import ThreadPoolExecutor

    class Big: pass

    class T(unittest.TestCase):
        def starts(self, start):
            big = Big()
            start(tempfile.mkdtemp)
            return weakref.ref(big)

        def test_it(self):
            gc.disable()
            self.addCleanup(gc.enable)
            waits, pool = threading.Event(), ThreadPoolExecutor(1)
            pool.submit(waits.wait)
            self.addCleanup(pool.shutdown)
            self.addCleanup(waits.set)
            self.assertIsNone(self.starts(pool.submit)())
            self.assertIsNone(self.starts(self.start_thread)())

        def start_thread(self, target):
            thread = threading.Thread(target=target)
            thread.start()
            self.addCleanup(thread.join)
"""


class TargetTests(ProjectTestCase):
    def leaks(self, *words: str) -> list[dict[str, Any]]:
        self.tidytest("-q", "--leak-json", "leaks.json", *words)
        found: list[dict[str, Any]] = json.loads((self.project / "leaks.json").read_text())["leaks"]
        return found

    def test_the_line_is_the_one_that_started_the_work(self) -> None:
        lines = self.write("test_it.py", THREADS).read_text().splitlines()
        self.write("source/one.txt", "x")
        found = {leak["context"].rpartition(".")[2]: leak["origin"] for leak in self.leaks()}
        self.assertEqual(sorted(found), sorted(re.findall(r"def (test_\w+)", "\n".join(lines))))
        for test, origin in found.items():
            with self.subTest(test):
                line = lines[origin["line"] - 1]
                self.assertEqual(origin["file"], "test_it.py")
                self.assertEqual(origin["call"].rpartition(".")[2], line.partition("# ")[2])
                self.assertEqual(origin["function"], test)

    def test_the_chain_of_calls_leads_from_the_call_to_that_line(self) -> None:
        self.write("test_it.py", THREADS)
        (leak,) = self.leaks("--leak-trace", "test_it.T.test_submit")
        functions = [frame.rpartition(" in ")[2] for frame in leak["origin"]["trace"]]
        self.assertEqual(functions, ["_mkstemp_inner", "mkstemp", "submit", "test_submit"])
        (leak,) = self.leaks("--leak-trace", "test_it.T.test_thread")
        functions = [frame.rpartition(" in ")[2] for frame in leak["origin"]["trace"]]
        self.assertEqual(functions, ["mkdtemp", "start", "test_thread"])

    def test_a_cleanup_is_reported_by_its_call_not_as_a_child(self) -> None:
        self.write("test_it.py", CLEANUPS)
        outcome = self.tidytest("--github", "--junit-xml", "junit.xml")
        reported = re.findall(r"    (?:dir|file) +0 B  \S+  (?:empty  )?(tempfile.*)", outcome.err)
        self.assertEqual(reported, ["tempfile.mkdtemp"] * 5 + ["tempfile.mkstemp"])
        self.assertNotIn("child", outcome.err)
        self.assertIn("created by tempfile.mkdtemp", (self.project / "junit.xml").read_text())

    def test_a_baseline_knows_a_cleanup_by_its_call(self) -> None:
        self.write("test_it.py", CLEANUPS)
        self.tidytest("-q", "--update-baseline")
        self.assertIn('"call": "tempfile.mkdtemp", "count": 5',
                      (self.project / ".tidytest-leaks.json").read_text())
        self.assertEqual(self.tidytest("-q", "--leaks", "fail").code, 0)

    def test_no_frame_is_kept(self) -> None:
        self.write("test_it.py", FRAMES)
        outcome = self.tidytest("-q")
        self.assertEqual(outcome.code, 0, outcome.err)


if __name__ == "__main__":
    unittest.main()
