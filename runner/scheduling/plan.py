"""Cut a suite into units, the parts of it that one worker runs in one go."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from unittest import BaseTestSuite, TestCase, util

from .. import marks
from ..marks import ResourceUse
from ..selection.order import Test
from ..unittest_api import is_import_failure, test_id

_FIXTURES = ("setUpModule", "tearDownModule")
_CLASS_FIXTURES = ("setUpClass", "tearDownClass")
_STOCK = tuple(vars(TestCase)[name].__func__ for name in _CLASS_FIXTURES)


@dataclass(frozen=True, slots=True)
class Unit:
    """Tests that follow each other in the suite and run in one worker.

    Attributes:
        number: its place among the units.
        key: the name of its class, module or only test, as durations are remembered by it.
        tests: the places of its tests in the flat suite.
        resources: what its tests use.
        serial: whether it runs alone, after all others.
    """

    number: int
    key: str
    tests: range
    resources: frozenset[ResourceUse] = frozenset()
    serial: bool = False


def units_of(tests: Sequence[Test], split: str = "classes") -> list[Unit]:
    """Cut a flat suite into units.

    A unit is a class, or a module that has fixtures of its own, so that each fixture is set up as
    often as in a serial run. A suite that runs its tests its own way is one unit. Tests that are
    marked differently are units apart, where their class and module have no fixtures.

    Args:
        tests: the tests in the order of the serial run (see `order.flatten`).
        split: `tests` makes a unit of each test whose class and module have no fixtures.
    """
    units: list[Unit] = []
    first = 0
    for key, own in _cut(tests, split == "tests"):
        resources, serial = _needs(own)
        tests_of = range(first, first + len(own))
        units.append(Unit(len(units), key, tests_of, resources, serial))
        first += len(own)
    return units


def hash_of(tests: Iterable[Test]) -> str:
    """Return a word that differs where the ids of the tests or their order differ."""
    from hashlib import blake2b  # only workers that import the tests again need it

    digest = blake2b(digest_size=16)
    for test in tests:
        digest.update(test_id(test).encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def _cut(tests: Sequence[Test], split: bool) -> Iterator[tuple[str, list[Test]]]:
    """Yield the key and the tests of each unit."""
    homes: dict[type, str] = {}  # each looked up once a class

    def home(test: Test) -> str:
        kind = type(test)
        if not issubclass(kind, TestCase):
            return _module_of_suite(test)
        if kind not in homes:
            homes[kind] = module_with_fixtures(kind.__module__)
        return homes[kind]

    for module, group in groupby(tests, key=home):
        if module:
            yield module, list(group)
            continue
        for kind, members in groupby(group, key=type):
            yield from _cut_class(kind, list(members), split)


def _cut_class(kind: type, tests: list[Test], split: bool) -> Iterator[tuple[str, list[Test]]]:
    if not issubclass(kind, TestCase):
        yield from ((test_id(test), [test]) for test in tests)
    elif not (split or marks.keeps_apart()) or has_class_fixtures(kind):
        yield test_id(tests[0]) if is_import_failure(tests[0]) else util.strclass(kind), tests
    elif split:
        for id, group in groupby(tests, key=test_id):  # `--repeat` has several with one id
            yield id, list(group)
    else:
        for _, group in groupby(tests, key=lambda test: _needs([test])):
            yield util.strclass(kind), list(group)


def _needs(tests: Sequence[Test]) -> tuple[frozenset[ResourceUse], bool]:
    if not marks.keeps_apart():
        return frozenset(), False
    marked = [*tests, *(inner for test in tests for inner in _inner(test))]
    uses = frozenset().union(*map(marks.resources_of, marked))
    return uses, any(map(marks.is_serial, marked))


def module_with_fixtures(module: str) -> str:
    """Return the name of a module if it has fixtures of its own; else an empty text."""
    found = sys.modules.get(module)
    return module if any(hasattr(found, fixture) for fixture in _FIXTURES) else ""


def _module_of_suite(suite: Test) -> str:
    """Return the module with fixtures that all tests of a suite are from, if there is one."""
    homes = {module_with_fixtures(type(test).__module__) for test in _inner(suite)}
    return homes.pop() if len(homes) == 1 else ""


def _inner(suite: Test) -> Iterator[Test]:
    # Not by iterating: that would use up a suite that creates its tests as it goes.
    for test in getattr(suite, "_tests", ()):
        if isinstance(test, BaseTestSuite):
            yield from _inner(test)
        else:
            yield test


def has_class_fixtures(kind: type) -> bool:
    """Return whether a class has `setUpClass` or `tearDownClass` of its own."""
    functions = (getattr(getattr(kind, name, None), "__func__", None) for name in _CLASS_FIXTURES)
    return any(own is not stock for own, stock in zip(functions, _STOCK, strict=True))
