"""Private parts of unittest that this package reads or calls, in one place.

Ids of tests, entries of a result, errors that are added to it, the event loop of an asynchronous
test.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from typing import Any
from unittest import signals, util
from unittest.case import TestCase, _SubTest  # type: ignore[attr-defined]
from unittest.loader import _FailedTest  # type: ignore[attr-defined]
from unittest.suite import _ErrorHolder  # type: ignore[attr-defined]

from tempfiles import Example

HARNESS = ("unittest", __package__)
"""The packages that run the tests: their lines are never the origin of a leak."""

_FALLBACK = "_temp_id"  # in a test's attributes

__unittest = True  # frames of this module stay out of users' tracebacks


def test_id(test: Any) -> str:
    """Return the id of a test; the id that `TestCase.id` builds where the test has none.

    `python -m unittest` does not call `id()`, so a user's `id()` may need what `setUp` sets. A test
    whose `id()` failed keeps the fallback, so that its id stays the same for the whole run.

    Args:
        test: a TestCase, or any other object that a suite holds; without a test method its id is
            the name of its class.
    """
    is_stock = getattr(type(test), "id", None) is TestCase.id
    # Asking for its `__dict__` would create one, for each test of the suite.
    attributes = {} if is_stock else getattr(test, "__dict__", {})
    if _FALLBACK in attributes:
        return str(attributes[_FALLBACK])
    try:
        id = test.id()
    except Exception:  # a user's method may raise anything
        id = None
    if isinstance(id, str):
        return id
    method = getattr(test, "_testMethodName", "")
    attributes[_FALLBACK] = id = util.strclass(type(test)) + (f".{method}" if method else "")
    return id


def owner_id(test: Any) -> str:
    """Return the id of the test, class or module that an entry of a result belongs to.

    unittest represents a module that cannot be imported by a test, whose entry belongs to the
    module.
    """
    if is_import_failure(test):
        name: str = test._testMethodName
        return name
    id = test_id(test_of(test))
    fixture, bracket, rest = id.partition(" (")
    if bracket and " " not in fixture and rest.endswith(")"):
        return rest[:-1]  # `setUpClass (pkg.mod.Class)`
    return id


def test_of(test: Any) -> Any:
    """Return the test that a subtest belongs to; other tests are returned as they are."""
    return test.test_case if isinstance(test, _SubTest) else test


def subtest_description(test: Any) -> str | None:
    """Return how unittest prints the parameters of a subtest; None for other tests."""
    return str(test._subDescription()) if isinstance(test, _SubTest) else None


def is_import_failure(test: Any) -> bool:
    """Return whether unittest made this test for a module or a name that it could not load."""
    return type(test) is _FailedTest


def is_fixture_error(test: Any) -> bool:
    """Return whether an entry of a result belongs to a class or module fixture."""
    return isinstance(test, _ErrorHolder)


def fixture_error(description: str) -> Any:
    """Return the object that unittest puts into a result for a fixture."""
    return _ErrorHolder(description)


def leak_failure(text: str, kind: type[BaseException] = AssertionError) -> BaseException:
    """Return an exception that reports leaks and nothing else.

    Args:
        text: its message.
        kind: its class: the `failureException` of the test.
    """
    error = kind(text)
    error._tidytest_leaks = True  # type: ignore[attr-defined]  # pickled with the exception
    return error


def is_leak_failure(error: BaseException) -> bool:
    """Return whether an exception reports leaks and nothing else."""
    return getattr(error, "_tidytest_leaks", False) is True


def is_failure_of(failed: Any, test: Any, name: str) -> bool:
    """Return whether an entry of `errors` or `failures` belongs to a test or to its subtest.

    Args:
        failed: the first item of the entry.
        test: the test; None for a fixture.
        name: where `test` is None, the class or module of the fixture.
    """
    if test is not None:
        return failed is test or getattr(failed, "test_case", None) is test
    return is_fixture_error(failed) and failed.description.endswith(f" ({name})")


def has_just_failed(result: Any, test: Any, name: str) -> bool:
    """Return whether the last failure of a result is a test's, or that of a fixture without a test.

    Args:
        result: a result.
        test: the test; None for a fixture.
        name: where `test` is None, the class or module of the fixture.
    """
    found = (result.errors, result.failures, getattr(result, "leaks", ()))
    last = [entries[-1][0] for entries in found if entries]
    failed = any(is_failure_of(entry, test, name) for entry in last)
    return failed or succeeds_unexpectedly(result, test)


def succeeds_unexpectedly(result: Any, test: Any) -> bool:
    """Return whether a test that was expected to fail passed; the result may not know it yet."""
    if any(found is test for found in getattr(result, "unexpectedSuccesses", ())):
        return test is not None
    outcome = getattr(test, "_outcome", None)
    if outcome is None or not outcome.success or getattr(outcome, "expectedFailure", None):
        return False
    method = getattr(test, getattr(test, "_testMethodName", ""), None)
    mark = "__unittest_expecting_failure__"
    return bool(getattr(test, mark, False) or getattr(method, mark, False))


def has_failed(result: Any, test: Any) -> bool:
    """Return whether a result holds a failure or an error of a test, or of a subtest of it."""
    return any(
        is_failure_of(failed, test, "")
        for failures in (result.failures, result.errors)
        for failed, _ in failures
    )


def is_skipped_by_decorator(test: Any) -> bool:
    """Return whether a decorator skips a test, so that unittest measures no duration of it."""
    method = getattr(test, getattr(test, "_testMethodName", ""), None)
    return any(getattr(what, "__unittest_skip__", False) for what in (type(test), method))


@contextlib.contextmanager
def capturing(result: Any) -> Iterator[None]:
    """Capture output (`-b`) as unittest does while it adds the error of a fixture.

    unittest has stopped capturing when the context of a fixture closes.
    """
    result._setupStdout()
    try:
        yield
    finally:
        result._restoreStdout()


def is_interrupted_under_catch() -> bool:
    """Return whether ^C came under unittest's `--catch`, which ends the run after the test."""
    handler = getattr(signals, "_interrupt_handler", None)
    return bool(getattr(handler, "called", False))


def interrupt_under_way() -> str:
    """Return the name of the interrupt that is being handled; an empty text without one."""
    interrupt = sys.exception()
    return type(interrupt).__name__ if isinstance(interrupt, KeyboardInterrupt) else ""


def captured_output(result: Any) -> tuple[str, str]:
    """Return the output and error output that a result captured of the test under way (`-b`)."""
    buffers = result.__dict__
    out, err = buffers.get("_stdout_buffer"), buffers.get("_stderr_buffer")
    if not result.buffer or out is None or err is None:
        return "", ""
    # A test that closes its streams has closed the buffers.
    return "" if out.closed else out.getvalue(), "" if err.closed else err.getvalue()


def exception_text(err: Any) -> str:
    """Return the exception of a `sys.exc_info()` without traceback: `AssertionError: 1 != 2`."""
    kind, value, _ = err
    lines = traceback.format_exception_only(kind, value)
    text = lines[-1] if issubclass(kind, SyntaxError) else "".join(lines)
    first, _, rest = text.strip().partition("\n")
    if first.startswith("ImportError: Failed to import test module: "):
        # unittest puts the traceback of the import itself into the message.
        return f"{first}: {rest.rpartition(chr(10))[2]}"
    return text.strip()


def raised(error: BaseException) -> Any:
    """Raise an exception, catch it, and return its `sys.exc_info()`."""
    try:
        raise error
    except BaseException:  # this very exception, of any class
        return sys.exc_info()


def finish_event_loop(test: Any) -> None:
    """Cancel the tasks and close the generators of an `IsolatedAsyncioTestCase`.

    unittest does this after the test. It is done before the context of the test closes, since what
    these tasks remove is no leak; unittest then finds nothing left to do.
    """
    runner = test.__dict__.get("_asyncioRunner")
    if runner is None:
        return
    runners: Any = sys.modules["asyncio.runners"]
    loop = runner.get_loop()
    if not loop.is_closed() and not loop.is_running():
        runners._cancel_all_tasks(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())


def source_of(test: Any) -> Any:
    """Return the function that a test runs, or a doctest's examples; None if it is not known.

    The function does not refer to the test: a context that holds it does not keep the test alive.
    """
    attributes = test.__dict__
    if "_testFunc" in attributes:  # `unittest.FunctionTestCase`, and plain functions
        return attributes["_testFunc"]
    if "_dt_test" in attributes:
        return examples_of(attributes["_dt_test"])
    return getattr(type(test), attributes.get("_testMethodName", ""), None)


def examples_of(test: Any) -> tuple[Example, ...]:
    """Return the examples of a `doctest.DocTest`, each with its place in the file."""
    first = (test.lineno or 0) + 1
    return tuple(
        Example(f"<doctest {test.name}[{number}]>", test.filename or "", first + each.lineno,
                each.source)
        for number, each in enumerate(test.examples)
    )


_RUN_CODE = TestCase.run.__code__  # before it is patched


def ends_the_test(frame: Any) -> bool:
    """Return whether `TestCase.run` called `doCleanups`, not the user's test before its end."""
    while frame is not None and frame.f_code.co_name in ("doCleanups", "do_cleanups"):
        frame = frame.f_back
    return frame is not None and frame.f_code is _RUN_CODE


def leak_marks() -> Any:
    """Return the module of the marks if a test has imported it and uses `leaks`."""
    marks: Any = sys.modules.get(f"{__name__.partition('.')[0]}.marks")
    return marks if marks is not None and marks.judges_leaks() else None
