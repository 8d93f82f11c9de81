"""Compare a parallel run (`-j N`), or merged shards, with the serial run of the same runner.

Everything must be equal but for times and random names: both streams line by line, the leak report,
the JUnit report, the exit code, and what is left on disk. `EXCEPTIONS` lists what may differ.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any
from xml.etree import ElementTree

from tests.campaigns.parity import comparison, normalising
from tests.campaigns.parity.campaign import Verdict
from tests.campaigns.parity.comparison import Difference
from tests.campaigns.parity.sides import Job, Run, Side

WORKERS = (2, 4)
"""How many workers the parallel runs have, one campaign each."""

_TIMES = ("time", "timestamp")  # attributes of JUnit's elements


@dataclass(frozen=True)
class Allowed:
    """Lines that may differ: in the jobs whose name matches `job`, if `line` matches all of one.

    `line` is a regular expression for a difference as it is printed (`stderr +text`).
    """

    job: str
    line: str
    reason: str

    def covers(self, job: Job, difference: Difference) -> bool:
        """Return whether it is the reason of a difference."""
        return fnmatch(job.name, self.job) and bool(
            re.fullmatch(self.line, str(difference), re.DOTALL)
        )


_DEATH = ("a test that ends its process ends a serial run; with -j it is an error, and the other"
          " tests go on")
_NOT_LOADED = "its run ended before the tests were loaded"
"""What `--merge` says of the empty record of a shard."""
_INTERRUPT = ("a test that interrupts itself interrupts the run: the traceback is of the parent"
              " process, and tests of the other worker may have run")
EXCEPTIONS: tuple[Allowed, ...] = (
    Allowed("*", r"stderr [-+]longest: .*", "a parallel run names the unit that bound its length"),
    Allowed("-v test_deaths.Deaths.test_*", ".*", _DEATH),
    # These run everything: the deaths, and the tests that interrupt themselves.
    *(Allowed(job, ".*", _DEATH) for job in ("(no arguments)", "discover", "discover -b -f -p *")),
    *(Allowed(job, "(stderr|JUnit|leak report) .*", _INTERRUPT)
      for job in ("* test_interrupt", "* test_signal", "test_signal", "-v test_deaths.InFixture")),
    *(Allowed(job, "exit code -2 -> [15]", "a merge is not interrupted itself")
      for job in ("* test_interrupt", "test_signal", "-v test_deaths.InFixture")),
    *(Allowed(job, line, "a merge imports no test module: each shard prints what the import of one"
              " prints, and what its exit handlers do")
      for job, line in (("test_prints_at_end", "stdout -at exit"),
                        ("test_sqlite3", "stdout -test_sqlite3: testing with .*"))),
    Allowed("test_zipfile", r"(stderr [-+]Temporary files|leak report [-+]summary).*", "its classes"
            " create the same names; how many count depends on which ran in the process before"),
    Allowed("mp_*", r"(stderr [-+]Temporary files|leak report [-+]summary).*", "whether a child has"
            " created its directory before its test ends is a matter of time"),
    Allowed("test_threading", "stdout [-+].*(task|finished).*", "tests print how long threads wait,"
            " and which ends first"),
    Allowed("test_shapes", ".*", "a test stops the run (`result.stop()`), and with -j no test that"
            " has not started: of other classes, other tests have run by then"),
    Allowed("test_pathlib", r"((stderr|JUnit|leak report) [-+].*|exit code 0 -> 1)", "3.12.1: a"
            " test sets a limit of 40 frames in all; the stack of a worker has 33 of its own"),
    Allowed("test_os", r"(stderr|JUnit|leak report) [-+].*(test_closerange|skipped|<skipped).*",
            "tests skip where they find no two free descriptors in a row: a worker has its pipes"),
    Allowed("nose2*", r"stderr [-+].*", "a test of it sets the level of the root logger; whether"
            " other tests print their log depends on which ran before them in the worker; outcomes"
            " and leaks are compared in the reports"),
    Allowed("test_pty", r"stdout [-+].*", "tests print the numbers of their descriptors, and how"
            " much they print depends on time"),
    Allowed("test_sqlite3", r"(stdout \+.*|(stderr|leak report) [-+].*created.*|"
            r"leak report [-+]summary .*)", "each worker imports the module again, which prints a"
            " line, and what its import creates is counted"),
    Allowed("test_gettext", ".*", "its classes create and remove the same directory `xx`"),
    Allowed("test_trace", r"(stderr|JUnit) [-+].*(\.cover|additional elements).*",
            "a test that traces the runner's own code sees other modules of it"),
    Allowed("*test_inspects", r"(stdout|JUnit) [-+]([\[(].*|\d+ .*|.*run)",
            "a test that prints the command line, and the depth of the stack that it runs on"),
)
"""What may differ, and why. Each is a rule of `-j`, not a defect that is waited for."""


def serial(python: str) -> Side:
    """Return the side that runs the tests in one process."""
    return Side(python, "runner", (), wants_report=True, wants_junit=True, wants_events=False)


def parallel(python: str, workers: int) -> Side:
    """Return the side that runs the tests in so many workers; 0 is the serial side."""
    options = ("-j", str(workers)) if workers else ()
    return Side(python, "runner", options, wants_report=True, wants_junit=True, wants_events=False)


def sharded(python: str, shards: int) -> Side:
    """Return the side that runs so many shards and merges their records."""
    program = "tests.campaigns.parity.sharded"
    return Side(python, program, (str(shards),), wants_report=True, wants_junit=True,
                wants_events=False)


def differences(one: Run, other: Run) -> list[Difference]:
    """Return each line that one of two runs has and the other has not."""
    found: list[Difference] = []
    for name in ("stdout", "stderr"):
        texts = [normalising.rerun(getattr(run, name), run.base) for run in (one, other)]
        found += _changed(name, *(text.splitlines() for text in texts))
    found += _changed("leak report", *(list(_leak_lines(run)) for run in (one, other)))
    found += _changed("JUnit", *(list(_junit_lines(run)) for run in (one, other)))
    if one.exit_code != other.exit_code:
        found.append(Difference(f"exit code {one.exit_code} -> {other.exit_code}"))
    return [*found, *comparison.leftovers(one, other)]


def excused(verdict: Verdict) -> Verdict:
    """Move the differences that are exceptions out of a verdict's differences."""
    if _NOT_LOADED in verdict.candidate.stderr and verdict.stock.exit_code:
        return replace(verdict, differences=(), allowed=(f"no record: {_NOT_LOADED}",))
    kept, reasons = [], []
    for difference in verdict.differences:
        covering = (one.reason for one in EXCEPTIONS if one.covers(verdict.job, difference))
        reason = next(covering, None)
        if reason is None:
            kept.append(difference)
        else:
            reasons.append(reason)
    return replace(verdict, differences=tuple(kept), allowed=tuple(reasons))


def _changed(what: str, one: Sequence[str], other: Sequence[str]) -> Iterator[Difference]:
    for line in difflib.unified_diff(one, other, lineterm="", n=0):
        if line[0] in "+-" and line[:3] not in ("+++", "---"):
            yield Difference(f"{what} {line}")


def _leak_lines(run: Run) -> Iterator[str]:
    """Yield a line for the totals and for each entry of the leak report, in its order."""
    for name, value in (run.report or {}).items():
        if name == "unattributed":  # by whom, depends on what else the machine does
            continue
        for entry in value if isinstance(value, list) else [value]:
            plain = _plain(entry, run.base)
            yield f"{name} {json.dumps(plain, sort_keys=True)}"


def _plain(value: Any, base: str) -> Any:
    """Return a value of a report without times and random names."""
    if isinstance(value, dict):
        return {
            key: normalising.path(entry, base) if key == "path" else _plain(entry, base)
            for key, entry in value.items()
        }
    if isinstance(value, list):
        return [_plain(entry, base) for entry in value]
    return normalising.rerun(value, base) if isinstance(value, str) else value


def _junit_lines(run: Run) -> Iterator[str]:
    if not run.junit:
        return
    for element in ElementTree.fromstring(run.junit).iter():
        attributes = {k: v for k, v in element.attrib.items() if k not in _TIMES}
        yield normalising.rerun(f"<{element.tag} {attributes}>", run.base)
        yield from normalising.rerun(element.text or "", run.base).splitlines()
