"""Contexts: nesting, threads, tasks and forked children each have their own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import unittest
from pathlib import Path
from typing import Any

import tempfiles
from tempfiles import InvalidNameError, UnknownContextError, context, current_context
from tests.support.isolation import IsolatedTestCase

open_contexts = tempfiles.contexts
ROOT = Path(__file__).parents[3]


def run_thread(target: Any) -> None:
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()


def work_in_child(base: str, names: Any) -> None:
    """What a multiprocessing child does: make files in and outside of a context, and end."""
    tempfiles.set_temp_dir(base)
    tempfiles.create_with_content("outside", "child")
    with context("child"):
        tempfiles.create_with_content("inside", "child")
    names.put(sorted(path.suffix for path in Path(base).iterdir()))


class RunTests(unittest.TestCase):
    def test_second_run_is_refused_and_changes_nothing(self) -> None:
        code = """
            import tempfile, tempfiles
            before, settings = tempfile.gettempdir(), tempfiles.RunSettings()
            first, other = tempfiles.Run(settings), tempfiles.Run(settings)
            first.open()
            for refused in (other.open, lambda: tempfiles.Run(settings)):
                try:
                    refused()
                except tempfiles.OwnershipError as error:
                    print(error.strerror)
                other.abandon()
            print(tempfile.gettempdir().startswith(first.root.path))
            first.finish()
            print(tempfile.gettempdir() == before)
            again = tempfiles.Run(tempfiles.RunSettings())
            again.open()
            again.finish()
            print(tempfile.gettempdir() == before)
        """
        words = [sys.executable, "-c", textwrap.dedent(code)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        refusal = "a run is open in this process: finish it first"
        self.assertEqual(done.stdout.splitlines(), [refusal, refusal, "True", "True", "True"])
        self.assertEqual(done.stderr, "")

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_forked_child_does_not_end_the_run_of_its_parent(self) -> None:
        code = """
            import os, sys, tempfiles
            run = tempfiles.Run(tempfiles.RunSettings())
            run.open()
            for end in (run.finish, run.abandon):
                pid = os.fork()
                if pid == 0:
                    try:
                        end()
                    except tempfiles.OwnershipError:
                        os._exit(7)
                    os._exit(0)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                print(code, os.path.isdir(run.root.path))
            run.finish()
            print(os.path.exists(run.root.path))
        """
        words = [sys.executable, "-c", textwrap.dedent(code)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.stdout.split("\n")[:3], ["7 True", "7 True", "False"], done.stderr)


class NestingTests(IsolatedTestCase):
    def test_run_is_current_outside_of_contexts(self) -> None:
        code = "import tempfiles; print(tempfiles.current_context(), tempfiles.contexts())"
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        self.assertEqual((done.stdout, done.stderr), ("run ('run',)\n", ""))
        self.assertEqual(open_contexts()[0], "run")

    def test_nested_contexts_remove_their_own_paths(self) -> None:
        with context("A") as name:
            self.assertEqual((name, current_context()), ("A", "A"))
            first = tempfiles.create_with_content("a")
            with context("B"):
                self.assertEqual(open_contexts()[-2:], ("A", "B"))
                second = tempfiles.create_with_content("b")
                self.assertEqual(tempfiles.get_context_for_file(second), "B")
            self.assertTrue(first.exists())
            self.assertFalse(second.exists())
            self.assertEqual(current_context(), "A")
        self.assertFalse(first.exists())
        self.assertNotIn("A", open_contexts())

    def test_exception_of_the_block_is_raised(self) -> None:
        outside = current_context()
        with self.assertRaisesRegex(KeyError, "mine"), context("A"):
            path = tempfiles.create_with_content("a")
            raise KeyError("mine")
        self.assertFalse(path.exists())
        self.assertEqual(current_context(), outside)

    def test_closing_out_of_order_leaves_an_open_one_current(self) -> None:
        outside = current_context()
        first, second = context("A"), context("B")
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        self.assertEqual(current_context(), "B")
        second.__exit__(None, None, None)
        self.assertEqual(current_context(), outside)

    def test_name_must_be_text(self) -> None:
        for bad in ("", None, 3):
            with self.subTest(bad), self.assertRaises(InvalidNameError):
                context(bad)  # type: ignore[arg-type]

    def test_unknown_id_is_refused(self) -> None:
        with self.assertRaises(UnknownContextError) as caught:
            tempfiles.cleanup_context("nobody")
        self.assertIsInstance(caught.exception, ValueError)


class ThreadTests(IsolatedTestCase):
    def test_thread_belongs_to_the_context_that_started_it(self) -> None:
        seen: list[str] = []
        with context("A"):
            run_thread(lambda: seen.append(current_context()))
            run_thread(lambda: run_thread(lambda: seen.append(current_context())))
        self.assertEqual(seen, ["A", "A"])

    def test_threads_with_equal_context_names_stay_apart(self) -> None:
        barrier = threading.Barrier(2, timeout=10)
        problems: list[str] = []

        def work(number: int) -> None:
            with context("same"):
                made: list[Path] = []
                run_thread(lambda: made.append(tempfiles.create_with_content(str(number))))
                barrier.wait()
                if number == 0:
                    tempfiles.cleanup_context("same")
                barrier.wait()
                if made[0].exists() != (number == 1):
                    problems.append(f"thread {number}")
                if current_context() != "same":
                    problems.append(current_context())

        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertEqual(self.left(), [])

    def test_main_thread_is_not_in_the_context_of_a_thread(self) -> None:
        outside = current_context()
        entered, done = threading.Event(), threading.Event()

        def work() -> None:
            with context("A"):
                entered.set()
                done.wait(10)

        thread = threading.Thread(target=work)
        thread.start()
        entered.wait(10)
        self.assertEqual(current_context(), outside)
        path = tempfiles.create_with_content("main")
        done.set()
        thread.join()
        self.assertTrue(path.exists())

    def test_many_threads_open_and_close_at_once(self) -> None:
        def work(number: int) -> int:
            with context(f"c{number % 3}"):
                paths = [tempfiles.create_with_content("x") for _ in range(5)]
                inner = sum(path.exists() for path in paths)
            return inner - sum(path.exists() for path in paths)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(set(pool.map(work, range(80))), {5})
        self.assertEqual(self.left(), [])


class TaskTests(IsolatedTestCase):
    def test_gathered_tasks_have_their_own_contexts(self) -> None:
        async def work(name: str) -> None:
            with context(name):
                path = tempfiles.create_with_content(name)
                for _ in range(5):
                    await asyncio.sleep(0)
                    self.assertEqual(current_context(), name)
                child = await asyncio.create_task(asyncio.to_thread(current_context))
                self.assertEqual(child, name)
                self.assertTrue(path.exists())
            self.assertFalse(path.exists())

        outside = current_context()

        async def main() -> None:
            tasks = asyncio.gather(*(work(f"task{number}") for number in range(10)))
            await asyncio.sleep(0)
            self.assertEqual(current_context(), outside)
            await tasks

        asyncio.run(main())
        self.assertEqual(self.left(), [])


@unittest.skipUnless(hasattr(os, "fork"), "needs fork")
class ForkTests(IsolatedTestCase):
    def in_child(self, work: Any) -> None:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work()
                code = 0
            finally:
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_child_removes_its_own_paths_only(self) -> None:
        with context("A"):
            mine, directory = tempfiles.create_with_content("x"), tempfiles.create_temp_directory()
            inner = tempfiles.register_file(directory / "inner")
            inner.touch()

            def work() -> None:
                own = tempfiles.create_with_content("child")
                tempfiles.register_file(mine)
                tempfiles.register_directory(directory.parent)
                tempfiles.cleanup_context("A")
                tempfiles.cleanup_all()
                assert not own.exists()

            self.in_child(work)
            self.assertTrue(mine.exists() and inner.exists())
            self.assertEqual(tempfiles.get_context_for_file(mine), "A")
        self.assertEqual(self.left(), [])

    def test_child_that_ends_the_block_of_its_parent(self) -> None:
        try:
            with context("A"):
                mine = tempfiles.create_with_content("x")
                child = os.fork()
                own = tempfiles.create_with_content("own")
                if child:
                    self.assertEqual(os.waitpid(child, 0)[1], 0)
                    self.assertTrue(mine.exists())
        finally:
            if child == 0:
                os._exit(int(own.exists() or not mine.exists()))
        self.assertEqual(self.left(), [])

    def test_multiprocessing_child_cleans_up_at_its_end(self) -> None:
        mine = tempfiles.create_with_content("x", "parent")
        methods = [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()]
        for method in methods:
            with self.subTest(method):
                launcher: Any = multiprocessing.get_context(method)
                names = launcher.SimpleQueue()
                process = launcher.Process(target=work_in_child, args=(str(self.base), names))
                process.start()
                seen = names.get()
                process.join()
                names.close()
                self.assertEqual(process.exitcode, 0)
                self.assertEqual(seen, [".child", ".parent"])
                self.assertEqual(self.left(), [mine.name])


class ExitTests(IsolatedTestCase):
    def run_python(self, code: str) -> list[str]:
        program = f"import tempfiles, os, sys\ntempfiles.set_temp_dir({str(self.base)!r})\n{code}"
        subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
        return self.left()

    def test_registered_paths_are_removed_at_exit(self) -> None:
        code = "tempfiles.create_with_content('x'); tempfiles.create_nested_directory('a/b')"
        self.assertEqual(self.run_python(code), [])

    def test_settings_can_prevent_removal_at_exit(self) -> None:
        for setting in ("cleanup_on_exit=False", "cleanup_policy='never'"):
            with self.subTest(setting):
                left = self.run_python(
                    f"tempfiles.configure({setting}); tempfiles.create_with_content('x')"
                )
                self.assertEqual(len(left), 1)
                (self.base / left[0]).unlink()

    def test_policy_on_exit_defers_removal_to_the_exit(self) -> None:
        left = self.run_python(
            "tempfiles.configure(cleanup_policy='on-exit')\n"
            "with tempfiles.context('A'):\n    p = tempfiles.create_with_content('x')\n"
            "assert p.exists() and 'A' in tempfiles.contexts()"
        )
        self.assertEqual(left, [])

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_forked_child_that_exits_keeps_files_of_its_parent(self) -> None:
        left = self.run_python(
            "p = tempfiles.create_with_content('x')\n"
            "if os.fork() == 0:\n    tempfiles.create_with_content('y')\n    sys.exit()\n"
            "os.wait()\n"
            "assert os.listdir(p.parent) == [p.name], os.listdir(p.parent)"
        )
        self.assertEqual(left, [])
