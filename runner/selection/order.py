"""Order and repeat tests: functions on flat lists of tests.

Tests of a class, and classes of a module, stay together, so that each fixture is set up once.
"""

from __future__ import annotations

import copy
import functools
import time
import unittest
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..unittest_api import test_id

_CONTEXT = "_asyncioTestContext"  # the context variables of an asynchronous test

Test = Any  # a TestCase, or any other callable that takes a result


def flatten(test: Test) -> list[Test]:
    """Return the tests of a suite in order.

    A suite that runs its tests its own way is one test here.
    """
    found: list[Test] = []
    waiting = [iter([test])]
    while waiting:
        item = next(waiting[-1], waiting)
        if item is waiting:
            waiting.pop()
        elif _is_plain_suite(item):
            waiting.append(iter(item))
        elif item is not None:
            found.append(item)
    return found


def shuffled(tests: Iterable[Test], seed: int) -> list[Test]:
    """Return the tests in an order that depends only on the seed and on their names.

    So two tests have the same order on every Python and machine, and whichever other tests run.
    """
    from hashlib import blake2b

    key = str(seed).encode()
    key = key if len(key) <= blake2b.MAX_KEY_SIZE else blake2b(key).digest()

    def rank(name: str) -> bytes:
        return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16, key=key).digest()

    modules: dict[str, dict[type, list[Test]]] = {}
    for test in tests:
        modules.setdefault(type(test).__module__, {}).setdefault(type(test), []).append(test)
    return [
        test
        for module in sorted(modules, key=rank)
        for kind in sorted(modules[module], key=lambda kind: rank(kind.__qualname__))
        for test in sorted(modules[module][kind], key=lambda test: rank(test_id(test)))
    ]


def reversed_order(tests: Iterable[Test]) -> list[Test]:
    """Return the tests in reverse order."""
    return list(tests)[::-1]


def arranged(tests: Iterable[Test], seed: int | None, reverse: bool) -> list[Test]:
    """Return the tests in random order if there is a seed, or else perhaps in reverse order."""
    if seed is not None:
        return shuffled(tests, seed)
    return reversed_order(tests) if reverse else list(tests)


def repeated(tests: Iterable[Test], times: int) -> list[Test]:
    """Return each test several times in a row, each time as another object."""
    return [test if turn == 0 else fresh(test) for test in tests for turn in range(times)]


def fresh(test: Test) -> Test:
    """Return another object of a test that has not run."""
    if isinstance(test, unittest.TestCase):
        created = _created(test)
        return created if created is not None else _copied(test)
    again = copy.copy(test)
    if isinstance(again, unittest.BaseTestSuite):
        again._tests = [fresh(inner) for inner in again._tests]  # a suite drops tests that have run
    return again


def _created(test: Test) -> Test | None:
    """Create a test as the loader does, so that it does not share what its `__init__` creates.

    Attributes that were set on the test later are copied. None if the class takes more than the
    name of a method, or raises.
    """
    kind: Any = type(test)
    method = test._testMethodName
    try:
        if not _takes_only_a_name(kind):
            return None
        again, other = kind(method), kind(method)
        own = vars(again)
        for name, value in vars(test).items():
            # An attribute that differs each time (a lock, a path) was not set later.
            if name not in own or (own[name] == vars(other)[name] != value and name != _CONTEXT):
                own[name] = _own(value)
    except Exception:  # a user's `__init__` or `__eq__` may raise anything
        return None
    return again


@functools.cache
def _takes_only_a_name(kind: type) -> bool:
    from inspect import signature

    given = signature(kind).parameters.values()
    return sum(one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in given) <= 1


def _copied(test: Test) -> Test:
    """Copy a test and the plain containers in its attributes.

    The copy goes no deeper: a copy of a connection would be another connection.
    """
    again = copy.copy(test)
    vars(again).update({name: _own(value) for name, value in vars(test).items()})
    if _CONTEXT in vars(again):
        import contextvars

        vars(again)[_CONTEXT] = contextvars.copy_context()
    return again


def _own(value: object) -> object:
    return copy.copy(value) if isinstance(value, list | dict | set | bytearray) else value


class Rounds(unittest.TestSuite):
    """Runs its tests round after round, until the result says stop (`--until-leak`).

    Each round sets up and tears down the class and module fixtures. A result that has `round_ends`
    gets a call after each round.

    Args:
        tests: the tests of a round.
        limit: the number of rounds; None is without limit.
        report: called with the number of the round that ended and the number of its tests, about
            once a second where rounds are short.
    """

    def __init__(
        self, tests: Sequence[Test], limit: int | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        super().__init__(tests)
        self.limit = limit
        self._report = report

    def run(self, result: unittest.TestResult, debug: bool = False) -> unittest.TestResult:
        """Run the rounds."""
        tests = list(self)

        def run_round() -> None:
            # Otherwise the suite would not set up the fixtures of the previous test again.
            result._testRunEntered = False  # type: ignore[attr-defined]
            result._previousTestClass = None  # type: ignore[attr-defined]
            unittest.TestSuite(map(fresh, tests)).run(result, debug)

        self.repeat(result, run_round)
        return result

    def repeat(self, result: unittest.TestResult, run_round: Callable[[], object]) -> None:
        """Call a function for each round until the result says stop, or the limit is reached."""
        turn, reported = 0, 0.0
        tests = list(self)
        round_ends = getattr(result, "round_ends", None)
        while tests and turn != self.limit and not result.shouldStop:
            run_round()
            turn += 1
            if round_ends is not None:
                round_ends()
            now = time.monotonic()
            if self._report is not None and not result.shouldStop and now - reported >= 1:
                reported = now
                if getattr(result, "dots", False):
                    result.stream.writeln()  # type: ignore[attr-defined]
                self._report(turn, len(tests))


def prefixes(id: str) -> list[str]:
    """Return the ids of the packages, module and class of an id, outermost first, and the id."""
    parts = id.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _is_plain_suite(test: Test) -> bool:
    if not isinstance(test, unittest.BaseTestSuite):
        return False
    kind = type(test)
    return kind.__call__ is unittest.BaseTestSuite.__call__ and kind.run in (
        unittest.BaseTestSuite.run,
        unittest.TestSuite.run,
    )
