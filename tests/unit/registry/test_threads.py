"""Threads and thread pools: which context their work belongs to, and where it was submitted."""

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
from tempfiles.registry import threads
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


class _Work:
    def fail(self) -> None:
        raise ValueError("as it should")


class PoolRunTests(ProjectTestCase):
    def test_leak_in_shared_pool_is_the_submitting_tests(self) -> None:
        self.write("test_it.py", SHARED)
        outcome = self.tidytest("-v", "--leaks", "fail")
        self.assertEqual(outcome.code, 1)
        self.assertRegex(outcome.err, r"test_1 \(test_it.T.test_1\) ... ok")
        self.assertRegex(outcome.err, r"test_2 \(test_it.T.test_2\) ... LEAK")
        self.assertRegex(outcome.err, r"test_3 \(test_it.T.test_3\) ... LEAK")
        self.assertIn("in subtest [part]", outcome.err)

    def test_pools_are_wrapped_at_the_first_thread(self) -> None:
        self.write("test_it.py", """
            import unittest
            from concurrent.futures import ThreadPoolExecutor
            from concurrent.futures.thread import _WorkItem

            RUN = _WorkItem.run

            class T(unittest.TestCase):
                def test_it(self):
                    self.assertIs(_WorkItem.run, RUN)
                    with ThreadPoolExecutor() as pool:
                        pool.submit(int).result()
                    self.assertIsNot(_WorkItem.run, RUN)
        """)
        self.assertEqual(self.tidytest("-q").code, 0)


class SubmittedWorkTests(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(context("of the worker's start"))
        self.pool = self.enterContext(ThreadPoolExecutor(1))
        self.pool.submit(int).result()

    def test_work_belongs_to_the_submitting_context(self) -> None:
        with context("A"):
            self.assertEqual(self.pool.submit(current_context).result(), "A")
            several = list(self.pool.map(lambda _: current_context(), range(3)))
        self.assertEqual(several, ["A"] * 3)
        self.assertEqual(self.pool.submit(current_context).result(), "of the worker's start")

    def test_context_that_a_worker_entered_stays_current(self) -> None:
        opened = ExitStack()
        with ThreadPoolExecutor(1, initializer=opened.enter_context,
                                initargs=(context("W"),)) as pool:  # fmt: skip
            pool.submit(int).result()
            with context("A"):
                self.assertEqual(pool.submit(current_context).result(), "W")
            pool.submit(opened.close).result()

    def test_traceback_shows_no_frame_of_the_wrapper(self) -> None:
        with self.assertRaises(ValueError) as caught:
            self.pool.submit(_Work().fail).result()
        shown = "".join(traceback.format_exception(caught.exception))
        self.assertNotIn(threads.__file__, shown)

    def test_failed_work_is_not_kept_alive(self) -> None:
        self.enterContext(_no_collection())
        big = _Work()
        gone = weakref.ref(big)
        future = self.pool.submit(big.fail)
        self.assertIsInstance(future.exception(), ValueError)
        del big, future
        self.pool.submit(int).result()  # the worker has let go of the work before
        self.assertIsNone(gone())

    def test_pool_of_an_unknown_python_is_left_alone(self) -> None:
        class Other:
            __slots__ = ("task",)

            def __init__(self, future: object, task: Any) -> None:
                self.task = task

            def run(self, prepared: str) -> None:
                self.task(prepared)

        done: list[str] = []
        pools = types.ModuleType("pools")
        threads.audit_submissions(pools, self.fail)  # has no such class
        pools._WorkItem = Other  # type: ignore[attr-defined]
        threads.audit_submissions(pools, self.fail)
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
