"""The failures of a result: whose they are, what fails besides, and how one is added."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from unittest.suite import _ErrorHolder  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__unittest = True  # frames of this module stay out of users' tracebacks


def is_failure_of(failed: Any, test: Any, name: str) -> bool:
    """Return whether an entry of `errors` or `failures` is of a test (or a subtest of it).

    Without a test, whether it is of a fixture of the class or module `name`.
    """
    if test is not None:
        return failed is test or getattr(failed, "test_case", None) is test
    return isinstance(failed, _ErrorHolder) and failed.description.endswith(f" ({name})")


def succeeds_unexpectedly(result: Any, test: Any) -> bool:
    """Whether a test that was to fail has not, be it that its result is yet to hear of it."""
    if any(found is test for found in getattr(result, "unexpectedSuccesses", ())):
        return test is not None
    outcome = getattr(test, "_outcome", None)
    if outcome is None or not outcome.success or getattr(outcome, "expectedFailure", None):
        return False
    method = getattr(test, getattr(test, "_testMethodName", ""), None)
    mark = "__unittest_expecting_failure__"
    return bool(getattr(test, mark, False) or getattr(method, mark, False))


def has_failed(result: Any, test: Any) -> bool:
    """Whether a result holds a failure or an error of a test, or of a subtest of it."""
    return any(
        failed is test or getattr(failed, "test_case", None) is test
        for failures in (result.failures, result.errors)
        for failed, _ in failures
    )


@contextlib.contextmanager
def capturing(result: Any) -> Iterator[None]:
    """Have a result take an error of a fixture as unittest does, which with `-b` reads the output.

    unittest has stopped capturing when the context of a fixture closes.
    """
    result._setupStdout()
    try:
        yield
    finally:
        result._restoreStdout()


def raised(error: BaseException) -> Any:
    """Return what `sys.exc_info()` tells of an exception that is raised here."""
    try:
        raise error
    except BaseException:  # this very exception, whatever it is
        return sys.exc_info()
