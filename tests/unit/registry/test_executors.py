"""Work that is submitted to a pool of threads: whose it is, and where it was submitted."""

from __future__ import annotations

import gc
import traceback
import types
import unittest
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from tempfiles import context, current_context
from tempfiles.registry import executors
from tests.support.projects import ProjectTestCase

SHARED = """
    import tempfile, unittest
    from concurrent.futures import ThreadPoolExecutor

    POOL = ThreadPoolExecutor(1)
    BUSY = ThreadPoolExecutor(1)
    BUSY.submit(int).result()

    class T(unittest.TestCase):
        def test_1(self):
            POOL.submit(int).result()

        def test_2(self):
            POOL.submit(tempfile.mkdtemp, prefix="pool-").result()

        def test_3(self):
            with self.subTest("part"):
                BUSY.submit(lambda: tempfile.mkdtemp(prefix="busy-")).result()
"""


class _Big:
    def fail(self) -> None:
        raise ValueError("as it should")


class Runs(ProjectTestCase):
    def test_a_leak_of_a_shared_pool_is_of_the_test_that_submitted(self) -> None:
        self.write("test_it.py", SHARED)
        outcome = self.tidytest("-v", "--leaks", "fail")
        self.assertEqual(outcome.code, 1)
        self.assertRegex(outcome.err, r"test_1 \(test_it.T.test_1\) ... ok")
        self.assertRegex(outcome.err, r"test_2 \(test_it.T.test_2\) ... FAIL")
        self.assertRegex(outcome.err, r"test_3 \(test_it.T.test_3\) ... FAIL")
        self.assertIn("in subtest [part]", outcome.err)

    def test_without_a_thread_nothing_is_imported_for_pools(self) -> None:
        self.write("test_it.py", """
            import sys, unittest
            from concurrent.futures import ThreadPoolExecutor

            class T(unittest.TestCase):
                def test_it(self):
                    self.assertNotIn("tempfiles.registry.executors", sys.modules)
                    with ThreadPoolExecutor() as pool:
                        pool.submit(int).result()
                    self.assertIn("tempfiles.registry.executors", sys.modules)
        """)
        self.assertEqual(self.tidytest("-q").code, 0)


class Work(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(context("of the worker's start"))
        self.pool = self.enterContext(ThreadPoolExecutor(1))
        self.pool.submit(int).result()

    def test_it_belongs_to_the_context_that_submits_and_only_while_it_is_done(self) -> None:
        with context("A"):
            self.assertEqual(self.pool.submit(current_context).result(), "A")
            several = list(self.pool.map(lambda _: current_context(), range(3)))
        self.assertEqual(several, ["A"] * 3)
        self.assertEqual(self.pool.submit(current_context).result(), "of the worker's start")

    def test_what_a_worker_has_entered_for_itself_stays_its_context(self) -> None:
        opened = ExitStack()
        with ThreadPoolExecutor(1, initializer=opened.enter_context,
                                initargs=(context("W"),)) as pool:  # fmt: skip
            pool.submit(int).result()
            with context("A"):
                self.assertEqual(pool.submit(current_context).result(), "W")
            pool.submit(opened.close).result()

    def test_nothing_of_this_is_in_a_traceback(self) -> None:
        with self.assertRaises(ValueError) as caught:
            self.pool.submit(_Big().fail).result()
        shown = "".join(traceback.format_exception(caught.exception))
        self.assertNotIn(executors.__file__, shown)

    def test_work_that_failed_is_not_kept(self) -> None:
        self.enterContext(_no_collection())
        big = _Big()
        gone = weakref.ref(big)
        future = self.pool.submit(big.fail)
        self.assertIsInstance(future.exception(), ValueError)
        del big, future
        self.pool.submit(int).result()  # the worker has let go of the work before
        self.assertIsNone(gone())

    def test_a_pool_of_another_python(self) -> None:
        class Other:
            __slots__ = ("task",)

            def __init__(self, future: object, task: Any) -> None:
                self.task = task

            def run(self, prepared: str) -> None:
                self.task(prepared)

        done: list[str] = []
        pools = types.ModuleType("pools")
        executors.follow(pools, self.fail)  # has no such class
        pools._WorkItem = Other  # type: ignore[attr-defined]
        executors.follow(pools, self.fail)
        with self.assertNoLogs("tempfiles"):  # though there is no place to keep the start
            item = Other(None, task=done.append)
        item.run("prepared")
        self.assertEqual(done, ["prepared"])


def _no_collection() -> ExitStack:
    gc.collect()
    gc.disable()
    stack = ExitStack()
    stack.callback(gc.enable)
    return stack


if __name__ == "__main__":
    unittest.main()
