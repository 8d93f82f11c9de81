"""Pages of the HTML report in a real browser, for the tests of how they behave and look."""

from __future__ import annotations

import atexit
import functools
import itertools
import time
import unittest
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import tempfiles
from runner.formats import html
from runner.session.records import SuiteReport, TestRecord
from tempfiles.monitor.usage import Sample
from tempfiles.records import Finding, Leak, Origin
from tempfiles.reports import RunReport, Summary
from tests.support.browser import MISSING, Browser
from tests.support.report_samples import HOSTILE, judged, repeated, sample

ROWS = "return document.querySelectorAll('#table tbody tr').length"
FIRST = "return document.querySelector('#table tbody th').innerText"
COUNT = "return document.getElementById('count').innerText"
CHIPS = "return [...document.querySelectorAll('.chip')].map(chip => chip.innerText)"
FOCUSED = "return document.activeElement.id || document.activeElement.innerText"
COLUMN = """return [...document.querySelectorAll('#table tbody tr')]
    .map(row => row.cells[arguments[0]].innerText)"""
CELLS = """return [...document.querySelectorAll(`#table tbody td[data-label="${arguments[0]}"]`)]
    .map(cell => cell.innerText)"""


def hostile() -> SuiteReport:
    """Return a run whose names, outputs and paths try to break the page."""
    report = sample(20, 5)
    test = TestRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "error", 0.5, report.started + 2,
                      message=HOSTILE, details=HOSTILE, stdout=HOSTILE)
    leak = Leak("/tmp/tidy-x/1/" + "\udcff" * 255, "file", 2**50, 1, HOSTILE, "test",
                Origin(HOSTILE, 3, HOSTILE, HOSTILE), subtest=HOSTILE, open_by=(HOSTILE,))
    finding = Finding(HOSTILE, HOSTILE, "test", HOSTILE, leak.origin)
    run = report.run._replace(leaks=(*report.run.leaks, leak), findings=(finding,))
    return replace(report, tests=(*report.tests, test), run=run, command=HOSTILE)


def slow() -> SuiteReport:
    """Return a run of a quarter of an hour that leaves only what is empty."""
    report = sample(60, 0)
    usage = tuple(Sample(report.started + at, files=3) for at in range(0, 900, 100))
    return replace(report, seconds=900.0, usage=usage)


def wordy() -> SuiteReport:
    """Return a run with states of leaks whose first test has a long name and a long outcome."""
    report = judged(100, 30)
    name = "test_" + "_".join(["export"] * 14)
    test = replace(report.tests[0], id=f"tests.unit.test_export.SpreadsheetTests.{name}",
                   status="unexpected success", seconds=65.0)
    return replace(report, tests=(test, *report.tests[1:]))


def leaking_source() -> SuiteReport:
    """Return a run whose leaks come from this file, so that the page shows its code."""
    report = judged(2_000, 59)
    line = leaking_source.__code__.co_firstlineno
    leaks = [replace(leak, origin=Origin(__file__, line + index % 2, "leaking_source", "open"))
             for index, leak in enumerate(report.run.leaks)]
    return replace(report, run=report.run._replace(leaks=tuple(leaks)))


REPORTS: dict[str, Callable[[], SuiteReport]] = {
    "large": lambda: sample(5_000, 1_000),
    "medium": lambda: sample(600, 150),
    "hostile": hostile,
    "empty": lambda: SuiteReport(run=RunReport(Summary())),
    "judged": judged,
    "source": leaking_source,
    "repeated": repeated,
    "slow": slow,
    "wordy": wordy,
    "off": lambda: replace(sample(60, 0), looked=False, usage=()),
}


@functools.cache
def _rendered(page: str) -> str:
    return html.render(REPORTS[page]())


_unfinished: set[str] = set()


def share_browser(module: str) -> Callable[[], None]:
    """Return the `setUpModule` of a module: it starts the browser, or skips the module without one.

    All modules use one browser, which ends after the last module that was imported.
    """
    _unfinished.add(module)

    def set_up_module() -> None:
        if MISSING:
            raise unittest.SkipTest(MISSING)
        unittest.addModuleCleanup(_finish, module)
        with tempfiles.untracked():
            PageCase.browser = _browser()
        PageCase.directory = Path(PageCase.browser.directory)

    return set_up_module


@functools.cache
def _browser() -> Browser:
    browser = Browser()
    atexit.register(browser.close)  # where not all tests of the modules are run
    return browser


def _finish(module: str) -> None:
    _unfinished.discard(module)
    if not _unfinished:
        browser = _browser()
        _browser.cache_clear()
        atexit.unregister(browser.close)
        browser.close()


class PageCase(unittest.TestCase):
    """A test of the pages in a browser; the console must stay empty."""

    browser: ClassVar[Browser]
    directory: ClassVar[Path]
    _loads = itertools.count()

    def setUp(self) -> None:
        self.browser.resize(1280)
        self.browser.prefer("light")
        self.browser.log()

    def tearDown(self) -> None:
        self.assertEqual(self.browser.log(), [])

    def show(self, page: str, fragment: str = "") -> None:
        """Load one of `REPORTS`."""
        path = self.directory / f"{page}.html"
        if not path.exists():
            path.write_text(_rendered(page), "utf-8")
        # A new query, or else a new fragment alone would not load the page again.
        self.browser.open(f"{path.as_uri()}?{next(self._loads)}{fragment}")

    def run_script(self, script: str, *arguments: object) -> Any:
        return self.browser.run(script, *arguments)

    def choose(self, select: str, value: str) -> None:
        self.run_script("""const select = document.getElementById(arguments[0]);
            select.value = arguments[1]; select.dispatchEvent(new Event('change'))""",
                        select, value)

    def wait_for(self, script: str, message: object = None) -> None:
        """Wait until a script returns something true: Back and a resize take some time."""
        for _ in range(100):
            if self.run_script(script):
                return
            time.sleep(0.05)
        self.fail(str(message or script))
