"""The line of the user's that the report names, and the test's line that called it."""

from __future__ import annotations

import re
import unittest
from typing import Any

from tests.support.projects import ProjectTestCase

POOL = '''
import queue, threading, contextvars

def call(function, *args):
    """Call a function in a thread of its own, which this package starts."""
    thread = threading.Thread(target=_work, args=(function, *args))
    thread.start()
    thread.join()

def _work(function, *args): function(*args)

class Worker:
    """Calls functions in one thread for all tests, as the caches of anyio and trio do."""

    thread = None

    def call(self, function, *args):
        if self.thread is None:
            self.jobs = queue.SimpleQueue()
            self.thread = threading.Thread(target=self._serve, daemon=True)
            self.thread.start()
        done = threading.Event()
        self.jobs.put((contextvars.copy_context(), function, args, done))
        done.wait()

    def _serve(self):
        while True:
            context, function, args, done = self.jobs.get()
            context.run(function, *args)
            done.set()
            del context, function, args, done

worker = Worker()

class Manager:
    """Has methods that a private one creates, as the managers of Django."""

    @classmethod
    def _get_methods(cls):
        def method(self, function, *args): return function(*args)
        return {"call": method}

Manager.call = Manager._get_methods()["call"]
'''
PATHS = """
def write(path):
    with open(path, "w") as out: out.write("x")
"""


class OriginCase(ProjectTestCase):
    def places(self, **modules: str) -> dict[str, tuple[str, str]]:
        """Run `test_it`; return the origin of each leak and its caller, by the file's name."""
        for name, text in modules.items():
            self.write(f"{name}.py", text)
        (self.project / "site-packages").mkdir()
        self.write("site-packages/pool.py", POOL)
        leaks: list[dict[str, Any]] = self.leaks("test_it")
        return {leak["path"].rpartition("/")[2]: _place(leak.get("origin")) for leak in leaks}

    def leaks(self, *arguments: str) -> list[dict[str, Any]]:
        import json

        self.outcome = self.tidytest("--leak-json", "../leaks.json", *arguments)
        document = json.loads((self.project.parent / "leaks.json").read_text())
        leaks: list[dict[str, Any]] = document["leaks"]
        return leaks


def _place(origin: dict[str, Any] | None) -> tuple[str, str]:
    if origin is None:
        return "", ""
    return f"{origin['file']}:{origin['line']}", origin.get("called_from", "")


HEAD = """
import os, sys, tempfile, threading, unittest, asyncio
from concurrent.futures import ThreadPoolExecutor
sys.path.append("site-packages")
import pool, paths
def path(name): return os.path.join(tempfile.gettempdir(), name)
class T(unittest.TestCase):
"""
FIRST = HEAD.count("\n") + 1


class InstalledTests(OriginCase):
    def test_line_that_started_the_thread_of_a_package(self) -> None:
        found = self.places(paths=PATHS, test_it=HEAD + """\
    def test_1(self): pool.call(os.mkdir, path("a"))
    def test_2(self):
        pool.call(pool.call, os.mkdir, path("b"))
""")
        self.assertEqual(found, {"a": (f"test_it.py:{FIRST}", ""),
                                 "b": (f"test_it.py:{FIRST + 2}", "")})

    def test_thread_that_serves_several_tests_names_no_wrong_line(self) -> None:
        found = self.places(paths=PATHS, test_it=HEAD + """\
    def test_1(self):
        pool.worker.call(os.mkdir, path("a"))
        pool.worker.call(os.mkdir, path("b"))
    def test_2(self): pool.worker.call(os.mkdir, path("c"))
    def test_3(self): pool.worker.call(paths.write, path("d"))
    def test_4(self): pool.Manager().call(os.mkdir, path("e"))
""")
        self.assertEqual(found, {"a": (f"test_it.py:{FIRST + 1}", ""), "b": ("", ""),
                                 "c": ("", ""), "d": ("paths.py:3", ""),
                                 "e": (f"test_it.py:{FIRST + 5}", "")})
        self.assertIn(f"test_it.py:{FIRST + 5} in test_4  pool.Manager\n", self.outcome.err)
        self.assertNotIn("site-packages", self.outcome.err)


class CallerTests(OriginCase):
    def test_line_of_the_test_is_named_for_other_code(self) -> None:
        found = self.places(paths=PATHS, test_it=HEAD + """\
    def setUp(self): paths.write(path("setup"))
    @classmethod
    def setUpClass(cls): paths.write(path("class"))
    def helper(self, name): paths.write(path(name))
    def test_1(self):
        paths.write(path("a"))
        self.helper("b")
        with self.assertRaises(OSError): paths.write("/no/such")
        self.assertRaises(TypeError, lambda: (paths.write(path("c")), 1 + ""))
        threading.Thread(target=paths.write, args=(path("d"),)).start()
        with ThreadPoolExecutor() as threads:
            threads.submit(paths.write, path("e"))
        asyncio.run(asyncio.to_thread(paths.write, path("f")))
        def inner(): open(path("g"), "w").close()
        inner()
        self.addCleanup(paths.write, path("h"))
    async def work(self): paths.write(path("i"))
    def test_2(self):
        os.unlink(path("setup"))
        asyncio.run(self.work())
""")
        line = "paths.py:3"
        at = {name: f"test_it.py:{FIRST + n}" for name, n in {
            "class": 2, "a": 5, "b": 6, "c": 8, "d": 9, "e": 11, "f": 12, "i": 19}.items()}
        self.assertEqual({name: found[name] for name in at},
                         {name: (line, caller) for name, caller in at.items()})
        self.assertEqual(found["g"], (f"test_it.py:{FIRST + 13}", ""))
        self.assertEqual(found["h"], (line, ""))
        self.assertIn(f"paths.py:3 in write  open, called from {at['a']}\n", self.outcome.err)

    def test_where_to_begin_counts_every_caller_of_a_line(self) -> None:
        found = self.places(paths=PATHS + "def other(path): os.mkdir(path)\nimport os\n",
                            test_it=HEAD + """\
    def test_1(self):
        for i in range(4): paths.write(path(f"a{i}"))
        for i in range(3): paths.write(path(f"b{i}")), paths.other(path(f"c{i}"))
""")
        self.assertEqual(len(found), 10)
        start = self.outcome.err[self.outcome.err.index("Where to begin:"):]
        self.assertEqual(
            re.findall(r"^Where to begin: (.+), .+\n  (\S+) in write  (.+)$", start, re.M),
            [("7 of 10 leaks", "paths.py:3", "open")],
        )

    def test_example_of_a_doctest_is_named_at_its_place(self) -> None:
        self.write("words.py", """
            import tempfile
            def word():
                '''
                >>> path = tempfile.mkdtemp()
                '''
            """)
        self.write("test_it.py", """
            import doctest, words
            def load_tests(loader, tests, pattern): return doctest.DocTestSuite(words)
            """)
        self.assertIn("words.py:5 in <module>  tempfile.mkdtemp", self.tidytest("test_it").err)


if __name__ == "__main__":
    unittest.main()
