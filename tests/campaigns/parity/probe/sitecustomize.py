"""Record the outcomes of the one test run of this process, whichever runner makes it.

Python imports this module by its name when it starts, where its directory is on `PYTHONPATH`. It
does nothing unless `PARITY_RECORD` names the file to write, and takes that variable away, so that
children record nothing. The first result that starts a run is given recording methods of its own;
classes stay as they were, so that tests of unittest itself see what they expect.
"""

from __future__ import annotations

import os
from typing import Any

# unittest leaves frames of modules with this name out of what it shows.
__unittest = True

_WITH_ERROR = ("addError", "addFailure", "addExpectedFailure")
_WITHOUT = ("addSuccess", "addUnexpectedSuccess", "startTest", "stopTest")


def _last_line(error: Any) -> str:
    import traceback

    lines = traceback.format_exception_only(error[0], error[1])
    return lines[-1].strip() if lines else ""


def _record(result: Any, name: str, describe: Any, events: list[list[str]]) -> None:
    original = getattr(result, name)

    def recording(test: Any, *arguments: Any) -> Any:
        events.append([name, *describe(test, *arguments)])
        return original(test, *arguments)

    setattr(result, name, recording)


def _describe_subtest(test: Any, subtest: Any, error: Any) -> tuple[str, str]:
    return subtest.id(), "" if error is None else _last_line(error)


def _attach(result: Any, events: list[list[str]]) -> None:
    for name in _WITHOUT:
        _record(result, name, lambda test: (test.id(), ""), events)
    for name in _WITH_ERROR:
        _record(result, name, lambda test, error: (test.id(), _last_line(error)), events)
    _record(result, "addSkip", lambda test, reason: (test.id(), str(reason)), events)
    _record(result, "addSubTest", _describe_subtest, events)


def _install(path: str) -> None:
    import atexit
    import json
    from unittest.result import TestResult
    from unittest.runner import TextTestResult

    events: list[list[str]] = []
    process = os.getpid()
    start = TestResult.startTestRun

    def start_and_record(self: TestResult) -> None:
        # A test module may have copied this method into a class of its own when it was imported.
        if TestResult.startTestRun is start_and_record and isinstance(self, TextTestResult):
            TestResult.startTestRun = start  # type: ignore[method-assign]
            _attach(self, events)
        start(self)

    # Registered before anything of the run: called after all of it.
    @atexit.register
    def write() -> None:
        if os.getpid() == process:
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                json.dump(events, file)

    TestResult.startTestRun = start_and_record  # type: ignore[method-assign]


_path = os.environ.pop("PARITY_RECORD", None)
if _path:
    _install(_path)
