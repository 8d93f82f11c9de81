"""Units: which tests run in one worker in one go."""

from __future__ import annotations

import sys
import tracemalloc
import types
import unittest
from typing import Any
from unittest import mock

import runner
from runner import marks
from runner.scheduling.plan import Unit, hash_of, units_of


def new_class(name: str, module: str, methods: str = "test_a test_b", **more: Any) -> Any:
    """Return a class with tests that do nothing."""
    functions = {method: lambda self: None for method in methods.split()}
    return type(name, (unittest.TestCase,), {**functions, **more, "__module__": module})


def tests_of(*classes: Any) -> list[Any]:
    load = unittest.defaultTestLoader.loadTestsFromTestCase
    return [test for kind in classes for test in load(kind)]


def short(units: list[Unit]) -> list[tuple[str, int, int]]:
    return [(unit.key, unit.tests.start, unit.tests.stop) for unit in units]


class Whole(unittest.TestSuite):
    def run(self, result: Any, debug: bool = False) -> Any:
        return super().run(result, debug)


class UnitTests(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(mock.patch.dict(sys.modules))
        self.enterContext(mock.patch.object(marks, "_used", set()))
        for name in ("plain", "fixed"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["fixed"].setUpModule = lambda: None  # type: ignore[attr-defined]
        self.a, self.b = new_class("A", "plain"), new_class("B", "plain")
        self.c, self.d = new_class("C", "fixed"), new_class("D", "fixed")

    def test_unit_is_a_class_or_a_module_with_fixtures(self) -> None:
        found = units_of(tests_of(self.a, self.b, self.c, self.d))
        self.assertEqual(
            short(found), [("plain.A", 0, 2), ("plain.B", 2, 4), ("fixed", 4, 8)]
        )
        self.assertEqual([unit.number for unit in found], [0, 1, 2])

    def test_module_with_tear_down_only_stays_whole(self) -> None:
        sys.modules["plain"].tearDownModule = lambda: None  # type: ignore[attr-defined]
        found = units_of(tests_of(self.a, self.b), "tests")
        self.assertEqual(short(found), [("plain", 0, 4)])

    def test_class_that_comes_twice_is_two_units(self) -> None:
        found = units_of(tests_of(self.a, self.b, self.a))
        self.assertEqual([unit.key for unit in found], ["plain.A", "plain.B", "plain.A"])

    def test_split_leaves_classes_with_fixtures_whole(self) -> None:
        inherits = type("E", (new_class("Base", "x", setUpClass=classmethod(print)),), {
            "__module__": "plain"})  # fmt: skip
        found = units_of([*tests_of(self.a), *tests_of(inherits), *tests_of(self.c)], "tests")
        self.assertEqual(short(found), [
            ("plain.A.test_a", 0, 1), ("plain.A.test_b", 1, 2), ("plain.E", 2, 4), ("fixed", 4, 6),
        ])  # fmt: skip

    def test_split_keeps_the_repetitions_of_a_test_together(self) -> None:
        found = units_of([self.a("test_a"), self.a("test_a"), self.a("test_b")], "tests")
        self.assertEqual(short(found), [("plain.A.test_a", 0, 2), ("plain.A.test_b", 2, 3)])

    def test_suite_that_runs_its_tests_itself_is_one_unit(self) -> None:
        of_fixed = Whole([self.c("test_a"), unittest.TestSuite([self.c("test_b")])])
        suites: list[Any] = [Whole(tests_of(self.a)), Whole(tests_of(self.b))]
        found = units_of([*suites, of_fixed, *tests_of(self.d)])
        self.assertEqual([(u.tests.start, u.tests.stop) for u in found], [(0, 1), (1, 2), (2, 5)])

    def test_modules_that_cannot_be_imported_are_named(self) -> None:
        loader = unittest.TestLoader()
        failed: list[Any] = list(loader.loadTestsFromName("no_such_module_anywhere"))
        found = units_of([*failed, *tests_of(self.a)])
        name = "unittest.loader._FailedTest.no_such_module_anywhere"
        self.assertEqual([unit.key for unit in found], [name, "plain.A"])

    def test_marked_test_is_a_unit_of_its_own(self) -> None:
        runner.serial(self.b.test_b)
        found = units_of(tests_of(self.a, self.b))
        self.assertEqual(short(found),
                         [("plain.A", 0, 2), ("plain.B", 2, 3), ("plain.B", 3, 4)])  # fmt: skip
        self.assertEqual([unit.serial for unit in found], [False, False, True])

    def test_mark_counts_for_the_whole_module_with_fixtures(self) -> None:
        runner.resource("db", exclusive=True)(self.d.test_a)
        runner.serial(self.d)
        [unit] = units_of(tests_of(self.c, self.d), "tests")
        self.assertTrue(unit.serial)
        self.assertEqual(unit.resources, {marks.ResourceUse("db", exclusive=True)})

    def test_marks_in_a_suite_of_its_own_count(self) -> None:
        runner.serial(self.a)
        suites: list[Any] = [Whole([unittest.TestSuite(tests_of(self.a))])]
        [unit] = units_of(suites)
        self.assertTrue(unit.serial)


class HashTests(unittest.TestCase):
    def test_hash_depends_on_ids_and_their_order(self) -> None:
        kind = new_class("A", "plain")
        tests = tests_of(kind)
        self.assertEqual(hash_of(tests), hash_of(tests_of(kind)))
        self.assertNotEqual(hash_of(tests), hash_of(tests[::-1]))
        self.assertNotEqual(hash_of(tests), hash_of(tests[:1]))

    def test_hash_adds_no_memory_to_a_test(self) -> None:
        kind = new_class("A", "plain")
        tests = [kind("test_a") for _ in range(1000)]
        hash_of(tests[:1])
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        hash_of(tests)
        self.assertLess(tracemalloc.get_traced_memory()[0] - before, 16 * len(tests))


if __name__ == "__main__":
    unittest.main()
