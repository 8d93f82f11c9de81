"""The order of tests, and how often each runs: pure functions on flat lists of tests.

Tests of a class, and classes of a module, stay side by side, so that each fixture is set up once.
"""

from __future__ import annotations

import copy
import functools
import time
import unittest
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..unittest_api import test_id

_CONTEXT = "_asyncioTestContext"  # of an asynchronous test: its context variables

Test = Any  # a TestCase, or whatever else a suite may hold: something that is called with a result


def flatten(test: Test) -> list[Test]:
    """Return the tests of a suite in order.

    A suite that runs its tests in a way of its own is one test here.
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
    """Return the tests in an order that depends on the seed and on names only.

    So of any two tests the same comes first, whichever others run, on every Python and machine.
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
    """Return the tests, last first."""
    return list(tests)[::-1]


def repeated(tests: Iterable[Test], times: int) -> list[Test]:
    """Return each test the given number of times in a row, each an object of its own."""
    return [test if turn == 0 else fresh(test) for test in tests for turn in range(times)]


def fresh(test: Test) -> Test:
    """Return another object of a test that has not run, to be run by itself."""
    if isinstance(test, unittest.TestCase):
        anew = _made_anew(test)
        return anew if anew is not None else _copied(test)
    again = copy.copy(test)
    if isinstance(again, unittest.BaseTestSuite):
        again._tests = [fresh(inner) for inner in again._tests]  # a suite lets go of what has run
    return again


def _made_anew(test: Test) -> Test | None:
    """Make a test as the loader does, so that what its `__init__` makes is its own.

    What was set on the test since is set here too. None if its class is not made by the name of
    a method, or fails.
    """
    kind: Any = type(test)
    method = test._testMethodName
    try:
        if not _takes_only_a_name(kind):
            return None
        again, other = kind(method), kind(method)
        own = vars(again)
        for name, value in vars(test).items():
            # What differs each time that it is made (a lock, a path) tells nothing.
            if name not in own or (own[name] == vars(other)[name] != value and name != _CONTEXT):
                own[name] = _own(value)
    except Exception:  # whatever a user's `__init__` or `__eq__` may raise
        return None
    return again


@functools.cache
def _takes_only_a_name(kind: type) -> bool:
    from inspect import signature

    given = signature(kind).parameters.values()
    return sum(one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in given) <= 1


def _copied(test: Test) -> Test:
    """Copy a test with the plain containers that it holds.

    No deeper: a copy of what a test was given, such as a connection, would be another thing.
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
    """Runs its tests again and again, all of them in each round, until the result says stop.

    Class and module fixtures are set up and torn down in each round. `limit` is the number of
    rounds; None is without end. `tell` is called with the number of a round that went by, and
    that of its tests; where rounds are short, about once a second. A result that has `round_ends`
    is told of each round.
    """

    def __init__(
        self, tests: Sequence[Test], limit: int | None = None,
        tell: Callable[[int, int], None] | None = None,
    ) -> None:
        super().__init__(tests)
        self.limit = limit
        self._tell = tell

    def run(self, result: unittest.TestResult, debug: bool = False) -> unittest.TestResult:
        """Run the rounds."""
        turn, told = 0, 0.0
        tests = list(self)
        round_ends = getattr(result, "round_ends", None)
        while tests and turn != self.limit and not result.shouldStop:
            # Without these two a suite goes on with the fixtures of the test before.
            result._testRunEntered = False  # type: ignore[attr-defined]
            result._previousTestClass = None  # type: ignore[attr-defined]
            unittest.TestSuite(map(fresh, tests)).run(result, debug)
            turn += 1
            if round_ends is not None:
                round_ends()
            now = time.monotonic()
            if self._tell is not None and not result.shouldStop and now - told >= 1:
                told = now
                if getattr(result, "dots", False):
                    result.stream.writeln()  # type: ignore[attr-defined]
                self._tell(turn, len(tests))
        return result


def prefixes(id: str) -> list[str]:
    """Return the ids that something is in, from its outermost package on, and its own."""
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
