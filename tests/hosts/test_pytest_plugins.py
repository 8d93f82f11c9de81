"""Plugins of pytest that run tests in their own way: event loops, reruns, limits of time."""

from __future__ import annotations

import unittest
from importlib.metadata import version

from tests.hosts.sessions import PytestTestCase, has


@unittest.skipUnless(has("anyio"), "anyio is not installed: pip install 'tidytest[hosts]'")
class AnyioTests(PytestTestCase):
    plugins = ("anyio",)

    def test_tests_and_fixtures_in_the_shared_loop_own_their_files(self) -> None:
        self.write("test_a.py", """\
            import asyncio, tempfile, pytest
            @pytest.fixture(scope="module")
            def anyio_backend(): return "asyncio"
            @pytest.fixture(scope="module")
            async def module(anyio_backend): yield tempfile.mkdtemp(prefix="module-")
            @pytest.fixture
            async def function(anyio_backend): yield tempfile.mkdtemp(prefix="function-")
            @pytest.mark.anyio
            async def test_one(module): tempfile.mkdtemp(prefix="one-")
            @pytest.mark.anyio
            async def test_two(module, function):
                await asyncio.to_thread(tempfile.mkdtemp, prefix="thread-")
                await asyncio.create_task(task())
            async def task(): tempfile.mkdtemp(prefix="task-")
            """)
        self.pytest(code=0)
        self.assertEqual(self.leaks, {
            "module": ("module", "test_a.py", "test_a.py:5"),
            "one": ("test", "test_a.py::test_one", "test_a.py:9"),
            "function": ("test", "test_a.py::test_two", "test_a.py:7"),
            "thread": ("test", "test_a.py::test_two", "test_a.py:12"),
            "task": ("test", "test_a.py::test_two", "test_a.py:14"),
        })


@unittest.skipUnless(
    has("pytest_asyncio"), "pytest-asyncio is not installed: pip install 'tidytest[hosts]'"
)
class AsyncioTests(PytestTestCase):
    plugins = ("asyncio",)

    def test_loops_of_a_function_and_of_a_module(self) -> None:
        self.write("pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        self.write("test_a.py", self.in_its_words("""\
            import asyncio, tempfile, pytest, pytest_asyncio
            @pytest_asyncio.fixture(loop_scope="module", scope="module")
            async def module(): yield tempfile.mkdtemp(prefix="module-")
            @pytest_asyncio.fixture
            async def function(): yield tempfile.mkdtemp(prefix="function-")
            @pytest.mark.asyncio(loop_scope="module")
            async def test_one(module): tempfile.mkdtemp(prefix="one-")
            @pytest.mark.asyncio
            async def test_two(function): tempfile.mkdtemp(prefix="two-")
            """))
        self.pytest(code=0)
        self.assertEqual(self.leaks, {
            "module": ("module", "test_a.py", "test_a.py:3"),
            "one": ("test", "test_a.py::test_one", "test_a.py:7"),
            "function": ("test", "test_a.py::test_two", "test_a.py:5"),
            "two": ("test", "test_a.py::test_two", "test_a.py:9"),
        })

    @staticmethod
    def in_its_words(source: str) -> str:
        if not version("pytest-asyncio").startswith("0.23."):
            return source
        return source.replace('loop_scope="module", scope', "scope").replace("loop_scope", "scope")


@unittest.skipUnless(
    has("pytest_rerunfailures"),
    "pytest-rerunfailures is not installed: pip install 'tidytest[hosts]'",
)
class RerunTests(PytestTestCase):
    plugins = ("rerunfailures",)

    def test_a_leak_is_a_failure_that_is_rerun(self) -> None:
        self.write("test_a.py", """\
            import tempfile
            number = 0
            def test_a():
                global number
                number += 1
                if number < 3:
                    tempfile.mkdtemp(prefix=f"run{number}-")
            def test_b(): tempfile.mkdtemp(prefix="always-")
            """)
        outcome = self.pytest("--leaks", "fail", "--reruns", "2", code=1)
        self.assertIn("1 failed, 1 passed, 4 rerun", outcome.out)
        self.assertIn("FAILED test_a.py::test_b", outcome.out)
        contexts = [leak["context"] for leak in self.document["leaks"]]
        self.assertEqual(contexts, ["test_a.py::test_a"] * 2 + ["test_a.py::test_b"] * 3)


if __name__ == "__main__":
    unittest.main()
