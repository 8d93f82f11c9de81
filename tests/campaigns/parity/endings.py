"""Suites with every kind of end that a test or a fixture can have."""

from __future__ import annotations

SOURCES = {
    "test_ends.py": """
        import unittest
        class Ends(unittest.TestCase):
            def test_pass(self):
                "A description in a docstring."
            def test_fail(self):
                value = [1, 2]
                self.assertEqual(value, [1, 3], "not the same")
            def test_error(self):
                {}["missing"]
            def test_skip(self):
                self.skipTest("no reason")
            @unittest.skip("decorated")
            def test_skip_decorated(self):
                pass
            @unittest.expectedFailure
            def test_expected_failure(self):
                self.fail("as expected")
            @unittest.expectedFailure
            def test_unexpected_success(self):
                pass
            def test_chain(self):
                try:
                    int("x")
                except ValueError as error:
                    raise RuntimeError("second") from error
            def test_group(self):
                raise ExceptionGroup("several", [ValueError(1), KeyError("k")])
    """,
    "test_good.py": """
        import unittest
        class Good(unittest.TestCase):
            def test_one(self):
                pass
            def test_two(self):
                pass
        class Other(unittest.TestCase):
            def test_three(self):
                pass
    """,
    "test_subtests.py": """
        import unittest
        class Subtests(unittest.TestCase):
            def test_some_fail(self):
                for n in range(4):
                    with self.subTest(n=n):
                        self.assertNotEqual(n % 2, 1)
            def test_error_and_skip(self):
                with self.subTest("named", key="a"):
                    raise ValueError("inside")
                with self.subTest("skipped"):
                    self.skipTest("this one")
            def test_nested(self):
                with self.subTest(outer=1), self.subTest(inner=2):
                    self.fail("deep")
                self.fail("and after")
    """,
    "test_setup.py": """
        import unittest
        class SetUpFails(unittest.TestCase):
            def setUp(self):
                self.addCleanup(print, "cleaned")
                raise OSError("setUp")
            def test_never(self):
                pass
        class TearDownFails(unittest.TestCase):
            def tearDown(self):
                raise OSError("tearDown")
            def test_pass(self):
                pass
            def test_fail(self):
                self.fail("first")
        class CleanupFails(unittest.TestCase):
            def test_two(self):
                self.addCleanup(self.fail, "one")
                self.addCleanup({}.pop, "two")
            def test_early(self):
                self.addCleanup(print, "early")
                self.doCleanups()
        class SetUpSkips(unittest.TestCase):
            def setUp(self):
                raise unittest.SkipTest("in setUp")
            def test_never(self):
                pass
    """,
    "test_classes.py": """
        import unittest
        class ClassFails(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.addClassCleanup(print, "class cleanup")
                raise OSError("setUpClass")
            def test_never(self):
                pass
        class ClassSkips(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise unittest.SkipTest("in setUpClass")
            def test_never(self):
                pass
        class EndFails(unittest.TestCase):
            @classmethod
            def tearDownClass(cls):
                raise OSError("tearDownClass")
            def test_pass(self):
                pass
        class CleanupFails(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.addClassCleanup({}.pop, "class cleanup")
            def test_pass(self):
                pass
        @unittest.skip("whole class")
        class Skipped(unittest.TestCase):
            def test_never(self):
                pass
    """,
    "test_module_fails.py": """
        import unittest
        def setUpModule():
            unittest.addModuleCleanup(print, "module cleanup")
            raise OSError("setUpModule")
        class Never(unittest.TestCase):
            def test_never(self):
                pass
    """,
    "test_module_end.py": """
        import unittest
        def setUpModule():
            unittest.addModuleCleanup({}.pop, "module cleanup")
        def tearDownModule():
            raise OSError("tearDownModule")
        class Pass(unittest.TestCase):
            def test_pass(self):
                pass
    """,
    "test_module_skips.py": """
        import unittest
        def setUpModule():
            raise unittest.SkipTest("in setUpModule")
        class Never(unittest.TestCase):
            def test_never(self):
                pass
    """,
    "test_import_skips.py": """
        import unittest
        raise unittest.SkipTest("at import")
    """,
    "test_import_fails.py": "import no_such_module_anywhere",
    "test_syntax.py": "def broken(:",
    "test_exit.py": """
        import sys, unittest
        class Exits(unittest.TestCase):
            def test_exit(self):
                sys.exit(3)
            def test_after(self):
                pass
    """,
    "test_interrupt.py": """
        import unittest
        class Interrupted(unittest.TestCase):
            @classmethod
            def tearDownClass(cls):
                print("tearDownClass")
            def test_1(self):
                pass
            def test_2(self):
                raise KeyboardInterrupt
            def test_3(self):
                pass
    """,
    "test_signal.py": """
        import os, signal, unittest
        class Signalled(unittest.TestCase):
            def test_1(self):
                os.kill(os.getpid(), signal.SIGINT)
            def test_2(self):
                pass
    """,
    "test_loads.py": """
        import unittest
        class Picked(unittest.TestCase):
            def test_no(self):
                self.fail()
            def check_yes(self):
                pass
        def load_tests(loader, tests, pattern):
            return unittest.TestSuite([Picked("check_yes"), unittest.FunctionTestCase(print)])
    """,
    "test_loads_badly.py": """
        def load_tests(loader, tests, pattern):
            raise ValueError("load_tests")
    """,
    "test_async.py": """
        import asyncio, unittest
        class Async(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self):
                self.addAsyncCleanup(asyncio.sleep, 0)
            async def test_pass(self):
                await asyncio.sleep(0)
            async def test_fail(self):
                self.fail("async")
            async def test_error(self):
                raise OSError("async")
            async def test_subtest(self):
                with self.subTest(n=1):
                    self.fail("sub")
            async def test_skip(self):
                self.skipTest("async")
    """,
    "test_output.py": """
        import sys, unittest
        class Output(unittest.TestCase):
            def test_quiet(self):
                print("out")
                print("err", file=sys.stderr)
            def test_told(self):
                print("out")
                print("err", file=sys.stderr)
                self.fail("see above")
    """,
    "test_warns.py": """
        import unittest, warnings
        class Warns(unittest.TestCase):
            def test_returns(self):
                return 1
            def test_deprecated(self):
                self.assertEquals if hasattr(self, "assertEquals") else None
                warnings.warn("old", DeprecationWarning)
            def test_unclosed(self):
                open(__file__)
    """,
    "test_twice.py": """
        import unittest
        from test_good import Good
    """,
    "test_nested.py": """
        import io, unittest
        class Nested(unittest.TestCase):
            def test_runs_a_suite(self):
                class Inner(unittest.TestCase):
                    def test_inner(self):
                        self.fail("inner")
                suite = unittest.defaultTestLoader.loadTestsFromTestCase(Inner)
                stream = io.StringIO()
                result = unittest.TextTestRunner(stream, verbosity=2).run(suite)
                self.assertEqual(len(result.failures), 1)
                print(stream.getvalue().splitlines()[0])
    """,
    "test_runs.py": """
        import unittest
        class Retries(unittest.TestCase):
            tries = 0
            def run(self, result=None):
                super().run(unittest.TestResult())
                return super().run(result)
            def test_second_try(self):
                type(self).tries += 1
                self.assertEqual(self.tries, 2)
        class WithoutSuper(unittest.TestCase):
            def run(self, result):
                result.startTest(self)
                result.addSuccess(self)
                result.stopTest(self)
            def test_its_own_way(self):
                pass
    """,
    "test_prints_at_end.py": """
        import atexit, unittest
        atexit.register(print, "at exit")
        class Ends(unittest.TestCase):
            def test_pass(self):
                pass
    """,
    "test_slow.py": """
        import time, unittest
        class Slow(unittest.TestCase):
            def test_one(self):
                time.sleep(0.02)
            def test_two(self):
                time.sleep(0.02)
            def test_quick(self):
                pass
    """,
    "test_empty.py": "",
    "test_leaks.py": """
        import os, tempfile, unittest
        class Leaks(unittest.TestCase):
            def test_file(self):
                fd, self.path = tempfile.mkstemp()
                os.close(fd)
            def test_directory(self):
                os.mkdir(os.path.join(tempfile.mkdtemp(), "below"))
            def test_fails_too(self):
                tempfile.mkdtemp()
                self.fail("and leaks")
            def test_none(self):
                with tempfile.TemporaryDirectory():
                    pass
    """,
    "tree/__init__.py": "",
    "tree/check_it.py": """
        import unittest
        class Check(unittest.TestCase):
            def test_in_tree(self):
                pass
            def test_fails(self):
                self.fail("in tree")
    """,
    "tree/sub/__init__.py": "",
    "tree/sub/test_deep.py": """
        import unittest
        class Deep(unittest.TestCase):
            def test_deep(self):
                pass
    """,
}
