"""Plugins of pytest that run tests in their own way: event loops, reruns, limits of time."""

from __future__ import annotations

import unittest
from importlib.metadata import version

from tests.hosts.sessions import PytestTestCase, has, major_version


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

    def test_items_of_other_plugins_may_have_no_names_of_fixtures(self) -> None:
        from runner.integrations.pytest.anyio import uses_anyio

        self.assertFalse(uses_anyio(object()))


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
    has("pytest_rerunfailures") and has("xdist"),
    "pytest-rerunfailures or pytest-xdist is not installed: pip install 'tidytest[hosts]'",
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
        for workers in (["-n0"], ["-n1"]):
            with self.subTest(workers):
                outcome = self.pytest("--leaks", "fail", "--reruns", "2", *workers, code=1)
                self.assertIn("1 passed, 4 rerun, 1 leaked", outcome.out)
                self.assertEqual(outcome.out.count("LEAK: test_a.py::test_b"), 3)
                self.assertIn("1 failed for leaks only", outcome.out)
                self.assertEqual(self.document["summary"]["tests"], 2)
                contexts = [leak["context"] for leak in self.document["leaks"]]
                self.assertEqual(contexts, ["test_a.py::test_a"] * 2 + ["test_a.py::test_b"] * 3)


@unittest.skipUnless(
    has("flaky") and has("pytest_timeout"),
    "flaky or pytest-timeout is not installed: pip install 'tidytest[hosts]'",
)
class FlakyAndTimeoutTests(PytestTestCase):
    plugins = ("flaky", "timeout")

    def test_each_run_of_a_test_owns_what_it_leaves(self) -> None:
        self.write("test_a.py", """\
            import tempfile, time, flaky, pytest
            number = 0
            @flaky.flaky(max_runs=3)
            def test_flaky():
                global number
                number += 1
                if number < 3:
                    tempfile.mkdtemp(prefix=f"run{number}-")
                    assert number == 3
            @pytest.mark.timeout(0.2)
            def test_slow():
                tempfile.mkdtemp(prefix="slow-")
                time.sleep(60)
            def test_clean(): pass
            """)
        outcome = self.pytest("--leaks", "fail", code=1)
        self.assertIn("1 failed, 2 passed", outcome.out)
        self.assertIn("FAILED test_a.py::test_slow - Failed: Timeout", outcome.out)
        self.assertEqual(self.leaks, {
            "run1": ("test", "test_a.py::test_flaky", "test_a.py:8"),
            "run2": ("test", "test_a.py::test_flaky", "test_a.py:8"),
            "slow": ("test", "test_a.py::test_slow", "test_a.py:12"),
        })


@unittest.skipUnless(has("pytest_forked"), "pytest-forked is not installed")
@unittest.skipIf(major_version("pytest") >= 9, "pytest-forked does not run tests with pytest 9")
class ForkedTests(PytestTestCase):
    plugins = ("pytest_forked",)

    def test_a_child_reports_to_the_test_that_it_runs(self) -> None:
        self.write("test_a.py", """\
            import tempfile
            def test_leak(): tempfile.mkdtemp(prefix="forked-")
            def test_clean(): pass
            """)
        outcome = self.pytest("--forked", "--leaks", "fail", code=1)
        self.assertIn("2 passed", outcome.out)
        self.assertEqual(set(self.leaks), {"forked"})
        self.assertEqual(self.leaks["forked"][1], "test_a.py::test_leak")


@unittest.skipUnless(
    has("pytest_django"), "pytest-django is not installed: pip install 'tidytest[hosts]'"
)
class DjangoTests(PytestTestCase):
    plugins = ("django",)

    def test_tests_with_a_database_own_their_files(self) -> None:
        self.write("settings.py", """\
            SECRET_KEY = "x"
            DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3",
                                     "TEST": {"NAME": "test.sqlite3"}}}
            """)
        self.write("test_a.py", """\
            import tempfile, pytest
            from django.test import TestCase
            class Case(TestCase):
                @classmethod
                def setUpTestData(cls): tempfile.mkdtemp(prefix="data-")
                def test_a(self): tempfile.mkdtemp(prefix="case-")
            @pytest.mark.django_db
            def test_b(settings):
                settings.MEDIA_ROOT = tempfile.mkdtemp(prefix="media-")
            """)
        self.pytest(DJANGO_SETTINGS_MODULE="settings", code=0)
        self.assertEqual(self.leaks, {
            "data": ("class", "test_a.py::Case", "test_a.py:5"),
            "case": ("test", "test_a.py::Case::test_a", "test_a.py:6"),
            "media": ("test", "test_a.py::test_b", "test_a.py:9"),
        })


if __name__ == "__main__":
    unittest.main()
