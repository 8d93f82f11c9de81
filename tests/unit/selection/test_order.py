"""The order in which tests run, and running them again."""

from __future__ import annotations

import contextvars
import io
import itertools
import threading
import types
import unittest
from typing import Any

from runner.selection.order import Rounds, flatten, fresh, repeated, reversed_order, shuffled
from runner.unittest_api import test_id

LOG: list[Any] = []
FIRSTS = ["m2.C2.test_1", "m3.C0.test_0", "m1.C1.test_2"]  # of the seeds 0, 1 and -1


def make_class(module: str, name: str, methods: int) -> type[unittest.TestCase]:
    def test(self: unittest.TestCase) -> None:
        LOG.append(self.id())

    def setUpClass(cls: type) -> None:
        LOG.append(f"set up {cls.__module__}.{cls.__qualname__}")

    body: dict[str, Any] = {f"test_{number}": test for number in range(methods)}
    body |= {"__module__": module, "__qualname__": name, "setUpClass": classmethod(setUpClass)}
    return type(name, (unittest.TestCase,), body)


def make_tests() -> list[unittest.TestCase]:
    loader = unittest.TestLoader()
    classes = [make_class(f"m{m}", f"C{c}", 4) for m in range(4) for c in range(3)]
    suite: Any = unittest.TestSuite(map(loader.loadTestsFromTestCase, classes))
    return [test for inner in suite for test in inner]


def ids(tests: list[Any]) -> list[str]:
    return [test_id(test) for test in tests]


def run(suite: Any) -> unittest.TestResult:
    result = unittest.TestResult()
    suite(result)
    return result


class FlattenTests(unittest.TestCase):
    def test_the_tests_of_nested_suites_come_in_order(self) -> None:
        tests = make_tests()
        nested = unittest.TestSuite(
            [
                unittest.TestSuite(tests[:2]),
                tests[2],
                unittest.TestSuite([unittest.TestSuite(tests[3:])]),
            ]
        )
        self.assertEqual(ids(flatten(nested)), ids(tests))
        self.assertEqual(flatten(unittest.TestSuite()), [])

    def test_depth_has_no_limit(self) -> None:
        suite = unittest.TestSuite(make_tests()[:1])
        for _ in range(5000):
            suite = unittest.TestSuite([suite])
        self.assertEqual(len(flatten(suite)), 1)

    def test_a_suite_with_its_own_run_stays_whole(self) -> None:
        class Own(unittest.TestSuite):
            def run(self, result: Any, debug: bool = False) -> Any:
                return super().run(result, debug)

        own = Own(make_tests()[:3])
        self.assertEqual(flatten(unittest.TestSuite([own])), [own])


class OrderTests(unittest.TestCase):
    def test_a_seed_gives_one_order_and_another_seed_another(self) -> None:
        tests = make_tests()
        self.assertEqual(ids(shuffled(tests, 1)), ids(shuffled(tests[::-1], 1)))
        self.assertNotEqual(ids(shuffled(tests, 1)), ids(shuffled(tests, 2)))
        self.assertCountEqual(ids(shuffled(tests, 1)), ids(tests))

    def test_the_order_is_the_same_on_every_python(self) -> None:
        firsts = [ids(shuffled(make_tests(), seed))[0] for seed in (0, 1, -1)]
        self.assertEqual(firsts, FIRSTS)

    def test_a_subset_keeps_the_order_of_the_whole(self) -> None:
        tests = make_tests()
        whole = ids(shuffled(tests, 7))
        for step in (2, 3, 5):
            part = tests[::step]
            self.assertEqual(ids(shuffled(part, 7)), [one for one in whole if one in ids(part)])

    def test_classes_and_modules_stay_together(self) -> None:
        for seed in range(5):
            LOG.clear()
            run(unittest.TestSuite(shuffled(make_tests(), seed)))
            self.assertEqual(len([line for line in LOG if line.startswith("set up")]), 12)
            modules = [key for key, _ in itertools.groupby(one.split()[-1][:2] for one in LOG)]
            self.assertEqual(sorted(modules), ["m0", "m1", "m2", "m3"])

    def test_two_classes_of_one_name_are_not_mixed(self) -> None:
        loader = unittest.TestLoader()
        twins = [make_class("m", "C", 6), make_class("m", "C", 6)]
        tests = [test for one in twins for test in loader.loadTestsFromTestCase(one)]
        kinds = [kind for kind, _ in itertools.groupby(shuffled(tests, 3), type)]
        self.assertEqual(len(kinds), 2)

    def test_every_level_is_shuffled(self) -> None:
        orders = [ids(shuffled(make_tests(), seed)) for seed in range(20)]
        self.assertGreater(len({order[0][:2] for order in orders}), 1)  # modules
        for prefix in ("m0.", "m0.C0."):
            inner = {tuple(one for one in order if one.startswith(prefix)) for order in orders}
            self.assertGreater(len(inner), 10)

    def test_reversing_twice_changes_nothing(self) -> None:
        tests = make_tests()
        self.assertEqual(reversed_order(tests), tests[::-1])
        self.assertEqual(reversed_order(reversed_order(tests)), tests)


class RepeatTests(unittest.TestCase):
    def test_repeats_run_in_a_row_with_one_class_setup(self) -> None:
        LOG.clear()
        tests = list(unittest.TestLoader().loadTestsFromTestCase(make_class("m", "C", 2)))
        result = run(unittest.TestSuite(repeated(tests, 3)))
        self.assertEqual(result.testsRun, 6)
        self.assertEqual(LOG, ["set up m.C", *["m.C.test_0"] * 3, *["m.C.test_1"] * 3])

    def test_a_repeat_shares_no_attributes(self) -> None:
        class Case(unittest.TestCase):
            def test(self) -> None:
                self.assertFalse(hasattr(self, "mark"))
                self.mark = True

        self.assertTrue(run(unittest.TestSuite(repeated([Case("test")], 3))).wasSuccessful())

    def test_init_runs_for_each_repeat(self) -> None:
        class Case(unittest.TestCase):
            def __init__(self, *given: Any, **more: Any) -> None:
                super().__init__(*given, **more)
                self.items: dict[str, list[int]] = {"a": []}
                self.lock = threading.Lock()
                self.handlers = {"x": self.add}
                self.addCleanup(LOG.append, self.items)

            def add(self) -> int:
                self.items["a"].append(1)
                return len(self.items["a"])

            def test(self) -> None:
                self.assertEqual(self.handlers["x"](), 1)
                self.assertTrue(self.lock.acquire(blocking=False))

        LOG.clear()
        result = run(unittest.TestSuite(repeated([Case("test")], 3)))
        self.assertEqual((result.testsRun, result.failures, result.errors), (3, [], []))
        self.assertEqual(LOG, [{"a": [1]}] * 3)

    def test_attributes_set_later_are_copied_to_repeats(self) -> None:
        given = object()

        class Case(unittest.TestCase):
            given: object
            sizes: list[int]
            url = "none"

            def __init__(self, name: str) -> None:
                super().__init__(name)
                self.port = 80

            def test(self) -> None:
                self.assertIs(self.given, given)
                self.assertEqual((self.url, self.port), ("here", 8080))
                self.sizes.append(1)
                self.assertEqual(self.sizes, [0, 1])

        test: Any = Case("test")
        test.given, test.url, test.port, test.sizes = given, "here", 8080, [0]
        result = run(unittest.TestSuite(repeated([test], 3)))
        self.assertEqual((result.testsRun, result.failures, result.errors), (3, [], []))

    def test_a_test_with_other_arguments_is_copied(self) -> None:
        class Base(unittest.TestCase):
            items: list[int]

            def test(self) -> None:
                self.items.append(1)
                self.assertEqual(self.items, [1])

        class Given(Base):
            def __init__(self, name: str, given: object = None) -> None:
                super().__init__(name)
                self.given, self.items = given, []

        class Once(Base):
            made = iter([1])

            def __init__(self, name: str) -> None:
                super().__init__(name)
                self.given, self.items = next(self.made), []

        for test in Given("test", run), Once("test"):
            with self.subTest(type(test)):
                tests: list[Any] = repeated([test], 3)
                result = run(unittest.TestSuite(tests))
                self.assertEqual((result.testsRun, result.failures, result.errors), (3, [], []))
                self.assertEqual({one.given for one in tests}, {test.given})

    def test_an_asynchronous_test_gets_its_own_context_variables(self) -> None:
        variable = contextvars.ContextVar("variable", default=0)

        class Case(unittest.IsolatedAsyncioTestCase):
            async def test(self) -> None:
                self.assertEqual(variable.get(), 0)
                variable.set(1)

        class Given(Case):
            def __init__(self, name: str, given: int) -> None:
                super().__init__(name)

        elsewhere = contextvars.copy_context()
        elsewhere.run(contextvars.ContextVar[int]("another").set, 1)
        for test in Case("test"), Given("test", 1), elsewhere.run(Case, "test"):
            result = run(unittest.TestSuite([fresh(test), fresh(test), fresh(test)]))
            self.assertEqual((result.testsRun, result.errors, result.failures), (3, [], []))

    def test_a_fresh_test_shares_no_cleanups(self) -> None:
        test = unittest.FunctionTestCase(lambda: None)
        fresh(test).addCleanup(LOG.append, "no")
        LOG.clear()
        test.doCleanups()
        self.assertEqual(LOG, [])

    def test_rounds_run_everything_with_its_fixtures_again(self) -> None:
        LOG.clear()
        tests = list(unittest.TestLoader().loadTestsFromTestCase(make_class("m", "C", 2)))
        result = run(Rounds(tests, 2))
        self.assertEqual(LOG, ["set up m.C", "m.C.test_0", "m.C.test_1"] * 2)
        self.assertEqual(result.testsRun, 4)

    def test_rounds_without_limit_stop_with_the_result(self) -> None:
        rounds = iter(range(5))

        class Case(unittest.TestCase):
            def run(self, result: Any = None) -> Any:
                if next(rounds) == 4:
                    result.stop()
                return super().run(result)

            def test(self) -> None:
                pass

        stream = io.StringIO()
        result = unittest.TextTestRunner(stream).run(Rounds([Case("test")]))
        self.assertEqual(result.testsRun, 5)
        self.assertIn("Ran 5 tests", stream.getvalue())

    def test_rounds_of_nothing_end(self) -> None:
        self.assertEqual(run(Rounds([])).testsRun, 0)


class IdTests(unittest.TestCase):
    def test_a_test_without_id_gets_that_of_its_class(self) -> None:
        self.assertEqual(test_id(types.SimpleNamespace()), "types.SimpleNamespace")


if __name__ == "__main__":
    unittest.main()
