"""Measure coverage (`--coverage`): the only import of the coverage package."""

from __future__ import annotations

import contextlib
import glob
import os
import sqlite3
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from tempfiles import untracked

from ..errors import UsageError
from ..session.listener import WorkerListener
from ..session.outcomes import CaseName
from ..settings.config import Config
from ..settings.conflicts import OUTPUTS

_FORMATS = {"html": "html_report", "xml": "xml_report", "json": "json_report"}


class Measurement(WorkerListener):
    """Measures from before the test modules are imported; each test is a coverage context.

    All settings are those of the project (`.coveragerc`, `setup.cfg`, `pyproject.toml`).

    Attributes:
        files: globs of what is written while the tests run.

    Raises:
        UsageError: coverage is not installed, its settings are wrong, or it would write to the
            file of another report.
    """

    def __init__(self, settings: Config) -> None:
        try:
            import coverage
        except ImportError:
            raise UsageError("--coverage needs coverage: pip install coverage") from None
        self._formats = settings.coverage_report
        self._least = settings.coverage_fail_under
        self._failure: BaseException | None = None
        self._is_started = False
        self._error = coverage.CoverageException
        self._new: Callable[..., Any] = partial(coverage.Coverage, messages=False)
        self._data_of: Callable[[str], Any] = coverage.CoverageData
        self._coverage = self._created()
        data_file = glob.escape(self._coverage.get_option("run:data_file"))
        self._refuse_shared_output(settings)
        # Each process has its own (`.host.pid.x`), and SQLite puts a journal beside it.
        self.files = (data_file, f"{data_file}.*", f"{data_file}-journal")

    def _created(self, **options: Any) -> Any:
        try:
            coverage = self._new(**options)
            _omit_ourselves(coverage)
        except self._error as error:
            raise UsageError(f"coverage: {error}") from None
        if sys.version_info >= (3, 14) and coverage.get_option("run:core") is None:
            # The core that uses sys.monitoring keeps only one context for each line.
            coverage.set_option("run:core", "ctrace")
        # Absolute: a test may change the working directory.
        data_file = coverage.get_option("run:data_file") or ".coverage"
        coverage.set_option("run:data_file", os.path.abspath(data_file))
        return coverage

    def _refuse_shared_output(self, settings: Config) -> None:
        own = {name: self._written(name) for name in self._formats if name != "term"}
        own["data"] = self._coverage.get_option("run:data_file")
        whose = {os.path.realpath(path): name for name, path in own.items()}
        for option in OUTPUTS:
            path = getattr(settings, option.replace("-", "_"))
            name = whose.get(os.path.realpath(path)) if path and path != os.devnull else None
            if name is not None:
                raise UsageError(f"--{option} and coverage's {name} name the same file: {path}")

    def start(self) -> None:
        """Begin to measure."""
        self._coverage.erase()
        self._coverage.start()
        self._is_started = True

    def test_started(self, test: CaseName) -> None:
        """Attribute the lines that run from now on to a test."""
        self._switch(test.id)

    def test_stopped(self, test: CaseName, stdout: str, stderr: str) -> None:
        """Attribute the lines that run from now on to no test."""
        self._switch("")

    def _switch(self, id: str) -> None:
        if self._failure is None:
            with untracked():  # coverage may write its data file
                self._attempt(lambda: self._coverage.switch_context(id))

    def begin_in_worker(self, file: str) -> None:
        """Measure into another file; what was measured before the fork is the parent's."""
        self._attempt(lambda: self._measure_into(file))

    def _measure_into(self, file: str) -> None:
        self._coverage.stop()
        self._coverage = self._created(data_file=file)
        self._coverage.set_option("run:parallel", False)
        self._coverage.start()

    def end_in_worker(self) -> None:
        """Stop, and write the file."""
        with untracked():
            self._attempt(self._coverage.stop)
            self._attempt(self._coverage.save)

    def recorded(self) -> bytes:
        """Return the content of the data file, after `finish`; empty if it cannot be read."""
        try:
            with open(self._coverage.get_data().data_filename(), "rb") as file:
                return file.read()
        except (self._error, sqlite3.Error, OSError):
            return b""

    def absorb(self, file: str, moved: Mapping[str, str] = MappingProxyType({})) -> None:
        """Add what a worker has measured, with some directories in place of others."""
        if os.path.exists(file):
            self._attempt(lambda: self._add(file, moved))

    def _add(self, file: str, moved: Mapping[str, str]) -> None:
        if moved:
            move_paths(file, moved)
        data = self._data_of(file)
        data.read()
        self._coverage.get_data().update(data)
        data.close()

    def finish(self, stream: Any) -> bool:
        """Stop, write the reports, and return whether enough is covered.

        Args:
            stream: where the report for the terminal and all messages go.
        """
        self._attempt(self._save)
        if self._failure is not None:
            stream.write(f"coverage: cannot be recorded: {self._failure}\n")
            return False
        try:
            total = self._report(stream)
        except self._error as error:
            stream.write(f"coverage: {error}\n")
            return not self._least
        least = self._least
        if least is None:
            least = float(self._coverage.get_option("report:fail_under"))
        if round(total, self._coverage.get_option("report:precision")) >= least:
            return True
        stream.write(f"coverage: {total:.2f} percent is less than {least:g}\n")
        return False

    def _save(self) -> None:
        self._coverage.stop()
        self._coverage.save()
        if self._is_started and self._coverage.get_option("run:parallel"):
            self._coverage = self._created()  # the other writes to a file of its process's own
            self._coverage.combine()
            self._coverage.save()

    def _attempt(self, step: Callable[[], None]) -> None:
        """Do a step; if it fails, as on a full disk, stop measuring and let the tests go on."""
        try:
            step()
        except (self._error, sqlite3.Error, OSError) as error:
            self._failure = self._failure or error
            with contextlib.suppress(self._error, sqlite3.Error, OSError):
                self._coverage.stop()

    def _written(self, name: str) -> str:
        path = self._coverage.get_option("html:directory" if name == "html" else f"{name}:output")
        return os.path.join(path, "index.html") if name == "html" else str(path)

    def _report(self, stream: Any) -> float:
        total = 0.0
        for name in self._formats:
            if name == "term":
                total = self._coverage.report(file=stream)
            else:
                options = {"show_contexts": True} if name == "html" else {}
                total = getattr(self._coverage, _FORMATS[name])(**options)
                stream.write(f"coverage: {self._written(name)} is written\n")
        return total


def move_paths(file: str, moved: Mapping[str, str]) -> None:
    """Change the paths in a data file of coverage.

    Args:
        file: the data file.
        moved: the directories in place of others.
    """
    with contextlib.closing(sqlite3.connect(file)) as data, data:
        for there, here in moved.items():
            data.execute(
                "update file set path = ? || substr(path, ?) where substr(path, 1, ?) = ?",
                (here, len(there) + 1, len(there) + 1, there + os.sep),
            )


def _omit_ourselves(coverage: Any) -> None:
    """Omit both packages of ours, wherever they are installed."""
    packages = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if packages != os.getcwd():
        omitted = list(coverage.get_option("run:omit") or [])
        ours = [os.path.join(packages, name, "*") for name in ("runner", "tempfiles")]
        coverage.set_option("run:omit", omitted + ours)
