"""The reports of a run, one small module a format; each is imported only when asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, TextIO, cast

from ..records import SuiteReport


class Reporter(Protocol):
    """What each module of this package offers."""

    def check(self, destination: str | TextIO) -> None:
        """Raise `ReportError` in one line if nothing can be written there; changes nothing."""

    def write(self, report: SuiteReport, destination: str | TextIO) -> None:
        """Write a whole report: a stream is written to, a path is replaced in one step.

        Raises:
            ReportError: it could not be written.
        """


REPORTERS: dict[str, str] = {
    "leak-json": ".leak_json",
    "junit-xml": ".junit",
    "github": ".github",
    "html": ".html",
}
"""The name of each report, which is its option without the dashes, and its module here."""

EXTRAS: dict[str, tuple[str, str]] = {
    "junit-xml": ("junitparser", "junit"),
    "html": ("jinja2", "html"),
}
"""The reports that need a library: the module they import, and the extra that installs it."""


def require(module: str, option: str, extra: str) -> str | None:
    """Return None if a module is installed, else one line that tells how to get it.

    The module is only looked for, not imported. `option` is what needs it (`--html`), `extra`
    the name of the extra of this distribution that brings it.
    """
    try:
        found = find_spec(module) is not None
    except (ImportError, ValueError):
        found = False
    if found:
        return None
    return f'{option} needs {module}, which is not installed: pip install "tidytest[{extra}]"'


def missing(name: str) -> str | None:
    """Return the line of `require` for the report of this name, None if it needs nothing more."""
    if name not in EXTRAS:
        return None
    module, extra = EXTRAS[name]
    return require(module, f"--{name}", extra)


def load(name: str) -> Reporter:
    """Import the reporter of this name.

    Raises:
        KeyError: there is none.
        ImportError: its library is missing; `missing` tells so before.
    """
    return cast(Reporter, import_module(REPORTERS[name], __name__))
