"""Plain functions as tests: what is found, under which id, with which fixtures."""

from __future__ import annotations

import io
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any

from runner.errors import UsageError
from runner.execution import functions  # a TestCase imported by name would be loaded as a test
from runner.execution.functions import FunctionLoader
from runner.selection.order import flatten, repeated


class ModuleTestCase(unittest.TestCase):
    """A directory on the import path; modules made in it are forgotten after the test."""

    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        before = set(sys.modules)
        sys.path.insert(0, str(self.place))
        self.addCleanup(sys.path.remove, str(self.place))
        self.addCleanup(lambda: [sys.modules.pop(name) for name in set(sys.modules) - before])
        self.loader = FunctionLoader()

    def module(self, name: str, source: str) -> ModuleType:
        path = self.place / (name.replace(".", "/") + ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text("LOG = []\n" + textwrap.dedent(source))
        __import__(name)
        return sys.modules[name]

    def ids(self, suite: Any) -> list[str]:
        return [test.id() for test in flatten(suite)]

    def run_module(self, module: ModuleType) -> unittest.TestResult:
        result = unittest.TestResult()
        self.loader.loadTestsFromModule(module)(result)
        return result


class LoaderTests(ModuleTestCase):
    def test_functions_follow_the_cases_sorted_by_name(self) -> None:
        (self.place / "pkg").mkdir()
        (self.place / "pkg/__init__.py").touch()
        module = self.module(
            "pkg.test_mod",
            """
            import unittest
            def test_b(): pass
            def test_a(): pass
            def helper_test_c(): pass
            def testing(): pass
            test_value = 3
            class Case(unittest.TestCase):
                def test_method(self): pass
            """,
        )
        found = ["pkg.test_mod.Case.test_method", "pkg.test_mod.test_a", "pkg.test_mod.test_b"]
        self.assertEqual(self.ids(self.loader.loadTestsFromModule(module)), found)
        self.assertEqual(self.ids(self.loader.loadTestsFromName("pkg.test_mod")), found)
        self.assertEqual(
            self.ids(self.loader.discover(str(self.place / "pkg"), top_level_dir=str(self.place))),
            found,
        )

    def test_an_imported_test_function_is_not_loaded(self) -> None:
        self.module(
            "mod_a", "def test_a(): pass\ndef make(): \n    def inner(): pass\n    return inner"
        )
        module = self.module(
            "mod_b",
            "from mod_a import *\nfrom mod_a import test_a as test_renamed\ntest_made = make()",
        )
        self.assertEqual(self.ids(self.loader.loadTestsFromModule(module)), ["mod_b.test_made"])

    def test_a_dotted_name_of_a_function_is_found_and_not_called(self) -> None:
        module = self.module("mod_c", "def test_a(): LOG.append('ran')\ndef test_b(): pass")
        suite = self.loader.loadTestsFromNames(["mod_c.test_a"])
        self.assertEqual((self.ids(suite), module.LOG), (["mod_c.test_a"], []))
        self.assertEqual(
            self.ids(self.loader.loadTestsFromName("test_b", module)), ["mod_c.test_b"]
        )

    def test_other_names_are_loaded_as_by_unittest(self) -> None:
        self.module(
            "mod_d", "import unittest\nclass C(unittest.TestCase):\n  def test_x(self): pass"
        )
        self.assertEqual(
            self.ids(self.loader.loadTestsFromName("mod_d.C.test_x")), ["mod_d.C.test_x"]
        )
        for name in ("test_missing", "no_such.test_x", "mod_d.test_x"):
            stock = self.ids(unittest.TestLoader().loadTestsFromName(name))
            self.assertEqual(self.ids(self.loader.loadTestsFromName(name)), stock)

    def test_patterns_select_functions(self) -> None:
        module = self.module("mod_e", "def test_one(): pass\ndef test_two(): pass")
        self.loader.testNamePatterns = ["*two*"]
        self.assertEqual(self.ids(self.loader.loadTestsFromModule(module)), ["mod_e.test_two"])
        self.loader.testNamePatterns = ["mod_e.*"]
        self.assertEqual(len(self.ids(self.loader.loadTestsFromModule(module))), 2)

    def test_functions_of_a_module_with_load_tests_are_not_loaded(self) -> None:
        module = self.module(
            "mod_f", "def test_a(): pass\ndef load_tests(loader, tests, pattern): return tests"
        )
        self.assertEqual(self.ids(self.loader.loadTestsFromModule(module)), [])

    def test_a_generator_is_refused_with_its_place(self) -> None:
        for number, source in enumerate(
            ("def test_g():\n    yield", "async def test_g():\n    yield")
        ):
            module = self.module(f"mod_g{number}", source)
            with self.assertRaises(UsageError) as caught:
                self.loader.loadTestsFromModule(module)
            message = str(caught.exception)
            self.assertEqual(len(message.splitlines()), 1)
            self.assertIn(
                f"mod_g{number}.test_g ({self.place / f'mod_g{number}.py'}:2) is a gen", message
            )


    def test_a_function_with_arguments_is_refused_with_its_place(self) -> None:
        for number, (source, words) in enumerate((
            ("def test_p(x): pass\ntest_p.paramList = (1, 2)", "has parameters (paramList), which"),
            ("def test_p(): pass\ntest_p.paramList = ()", "has parameters (paramList), which"),
            ("def test_p(a, b=1, *, c, **d): pass", "needs a, c, which --functions does not give"),
            ("async def test_p(a): pass", "needs a, which"),
        )):
            name = f"mod_p{number}"
            module = self.module(name, source)
            for load in (
                lambda: self.loader.loadTestsFromModule(module),  # noqa: B023
                lambda: self.loader.loadTestsFromName(f"{name}.test_p"),  # noqa: B023
            ):
                with self.subTest(source), self.assertRaises(UsageError) as caught:
                    load()
                message = str(caught.exception)
                self.assertEqual(len(message.splitlines()), 1)
                place = self.place / f"{name}.py"
                self.assertTrue(message.startswith(f"{name}.test_p ({place}:2) {words}"), message)

    def test_defaults_patches_and_skips_are_not_refused(self) -> None:
        module = self.module(
            "mod_q",
            """
            import os, unittest
            from unittest import mock
            def test_default(a=1, *rest, **more): assert a == 1
            @mock.patch("os.getcwd", return_value="here")
            def test_patched(getcwd): assert os.getcwd() == "here"
            @unittest.skip("not now")
            def test_skipped(a): pass
            test_skipped.paramList = (1, 2)
            def test_support(a): pass
            test_support.__test__ = False
            """,
        )
        result = self.run_module(module)
        self.assertEqual((result.testsRun, len(result.skipped)), (3, 1))
        self.assertTrue(result.wasSuccessful())


class FunctionTests(ModuleTestCase):
    def test_fixtures_of_module_and_function_run_around_it(self) -> None:
        module = self.module(
            "mod_h",
            """
            def setup_module(): LOG.append("setup module")
            def teardown_module(module): LOG.append(f"teardown {module.__name__}")
            def test_a(): LOG.append("a")
            test_a.setup = lambda: LOG.append("setup a")
            test_a.teardown = lambda: LOG.append("teardown a")
            def test_b(): LOG.append("b")
            """,
        )
        self.assertTrue(self.run_module(module).wasSuccessful())
        log = ["setup module", "setup a", "a", "teardown a", "b", "teardown mod_h"]
        self.assertEqual(module.LOG, log)

    def test_fixtures_of_functions_have_the_names_of_nose2(self) -> None:
        module = self.module(
            "mod_r",
            """
            def note(word): return lambda: LOG.append(word)
            def test_a(): LOG.append("a")
            test_a.setUp, test_a.tearDown = note("set up"), note("torn down")
            test_a.setup = test_a.teardown = test_a.setUpFunc = note("never")
            def test_b(): LOG.append("b")
            test_b.setUpFunc, test_b.tearDownFunc = note("set up"), note("torn down")
            """,
        )
        self.run_module(module)
        self.assertEqual(module.LOG, ["set up", "a", "torn down", "set up", "b", "torn down"])

    def test_module_fixtures_run_for_its_cases_too(self) -> None:
        source = """
            import unittest
            def setup_module(): LOG.append("set up")
            def teardown_module(): LOG.append("torn down")
            class C(unittest.TestCase):
                def test_m(self): LOG.append("m")
            def make(): return C("test_m")
            suite = unittest.TestSuite([C("test_m")])
        """
        names = ("", ".C", ".C.test_m", ".make", ".suite", ".load", ".alias", ".alias.test_m")
        for number, name in enumerate(names):
            home, more = f"mod_s{number}", ""
            if name == ".load":
                more = "def load_tests(*given): return unittest.TestSuite([make()])\n"
            module = self.module(home, textwrap.dedent(source) + more)
            if name.startswith(".alias"):
                self.module(f"user{number}", f"from {home} import C as alias")
                home = f"user{number}"
            result = unittest.TestResult()
            self.loader.loadTestsFromName(home + name.removesuffix(".load"))(result)
            with self.subTest(name):
                self.assertEqual(module.LOG, ["set up", "m", "torn down"])

    def test_a_lazy_suite_is_not_used_up(self) -> None:
        module = self.module(
            "mod_t",
            """
            import unittest
            class C(unittest.TestCase):
                def test_m(self): pass
            class Once(unittest.TestSuite):
                def __init__(self): self.made = iter([C("test_m")])
                def __iter__(self): return self.made
            def load_tests(loader, tests, pattern): return Once()
            """,
        )
        self.assertEqual(len(list(self.loader.loadTestsFromModule(module))), 1)

    def test_fixture_names_of_unittest_come_first(self) -> None:
        module = self.module(
            "mod_i",
            "def setUpModule(): LOG.append(1)\ndef setup_module(): LOG.append(2)\ndef test_a(): 1",
        )
        self.run_module(module)
        self.assertEqual(module.LOG, [1])

    def test_teardown_runs_after_a_failure_not_a_broken_setup(self) -> None:
        module = self.module(
            "mod_j",
            """
            def test_a(): assert False
            test_a.teardown = lambda: LOG.append("a")
            def test_b(): LOG.append("ran")
            test_b.setup = lambda: 1 / 0
            test_b.teardown = lambda: LOG.append("b")
            """,
        )
        result = self.run_module(module)
        self.assertEqual((len(result.failures), len(result.errors)), (1, 1))
        self.assertEqual(module.LOG, ["a"])

    def test_decorators_of_unittest_work(self) -> None:
        module = self.module(
            "mod_k",
            """
            import unittest
            @unittest.skip("not now")
            def test_a(): LOG.append("a")
            test_a.setup = lambda: LOG.append("setup")
            @unittest.expectedFailure
            def test_b(): assert False
            @unittest.skipIf(False, "never")
            def test_c(): LOG.append("c")
            def test_d(): raise unittest.SkipTest("inside")
            """,
        )
        result = self.run_module(module)
        self.assertEqual([why for _, why in result.skipped], ["not now", "inside"])
        self.assertEqual((len(result.expectedFailures), result.failures), (1, []))
        self.assertEqual(module.LOG, ["c"])

    def test_a_coroutine_function_is_awaited(self) -> None:
        module = self.module(
            "mod_l",
            """
            import asyncio
            async def test_a():
                await asyncio.sleep(0)
                LOG.append("a")
            async def test_b():
                assert False
            """,
        )
        result = self.run_module(module)
        self.assertEqual((module.LOG, len(result.failures)), (["a"], 1))

    def test_a_function_that_returns_a_generator_fails(self) -> None:
        module = self.module("mod_m", "def test_a(): return (1 / 0 for _ in range(1))")
        self.assertIn("returned a generator", self.run_module(module).errors[0][1])

    def test_a_failure_is_printed_as_by_unittest(self) -> None:
        module = self.module("mod_n", 'def test_a():\n    """What it holds."""\n    assert 1 == 2')
        stream = io.StringIO()
        unittest.TextTestRunner(stream, verbosity=2).run(self.loader.loadTestsFromModule(module))
        text = stream.getvalue()
        self.assertIn("test_a (mod_n.test_a)\nWhat it holds. ... FAIL", text)
        self.assertNotIn("functions.py", text)

    def test_functions_are_distinct_and_can_be_repeated(self) -> None:
        module = self.module("mod_o", "def test_a(): LOG.append(1)\ndef test_b(): pass")
        tests = flatten(self.loader.loadTestsFromModule(module))
        self.assertNotEqual(*tests)
        self.assertEqual(tests[0], functions.FunctionCase(module.test_a, "test_a", "mod_o"))
        result = unittest.TestResult()
        unittest.TestSuite(repeated(tests, 3))(result)
        self.assertEqual((result.testsRun, module.LOG), (6, [1, 1, 1]))


if __name__ == "__main__":
    unittest.main()
