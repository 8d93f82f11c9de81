"""List the tests that would run (`--list`)."""

from __future__ import annotations

import sys
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from tempfiles import printable

from ..selection.order import flatten
from ..unittest_api import is_import_failure, owner_id, test_id


class Lister:
    """A runner for `unittest.main` that prints ids and runs no test.

    Args:
        arrange: returns the suite that would run in place of the one that was loaded.

    Attributes:
        code: the exit code: 1 if something could not be imported; None before the tests are loaded.
    """

    def __init__(self, arrange: Callable[[Any], Any]) -> None:
        self._arrange = arrange
        self.code: int | None = None

    def run(self, test: Any) -> unittest.TestResult:
        """Print the id of each test on a line."""
        self.code = 0
        for each in _tests(self._arrange(test)):
            print(printable(test_id(each)))
            if is_import_failure(each):
                self.code = 1
                print(f"tidytest: {owner_id(each)} cannot be imported", file=sys.stderr)
        sys.stdout.flush()
        return unittest.TestResult()


def _tests(suite: Any) -> Iterator[Any]:
    for test in flatten(suite):
        if isinstance(test, unittest.BaseTestSuite):  # one that runs its tests its own way
            for inner in test:
                yield from _tests(inner)
        else:
            yield test
