"""The reports of a run, one small module a format; each is imported only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

from .records import SuiteReport


class Reporter(Protocol):
    """What each module of this package offers.

    A destination is a path or a stream; that of GitHub is a `github.Step`.
    """

    def check(self, destination: Any) -> None:
        """Raise `ReportError` in one line if nothing can be written there; changes nothing."""

    def write(self, report: SuiteReport, destination: Any) -> None:
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
    "progress": ("tqdm", "progress"),
}
"""The options that need a library: the module they import, and the extra that installs it."""


def require(module: str, option: str, extra: str) -> str | None:
    """Return None if a module is installed, else one line that tells how to get it.

    The module is only looked for, not imported. `option` is what needs it (`--html`), `extra`
    the name of the extra of this distribution that brings it.
    """
    if _is_installed(module):
        return None
    return f'{option} needs {module}, which is not installed: pip install "tidytest[{extra}]"'


def missing(names: Sequence[str]) -> str | None:
    """Return one line on all that the options of these names lack, None if they lack nothing."""
    lacking = {
        name: EXTRAS[name] for name in names
        if name in EXTRAS and not _is_installed(EXTRAS[name][0])
    }
    if len(lacking) < 2:
        return next((require(module, f"--{name}", extra)
                     for name, (module, extra) in lacking.items()), None)  # fmt: skip
    needs = " and ".join(f"--{name} needs {module}" for name, (module, _) in lacking.items())
    extras = ",".join(extra for _, extra in lacking.values())
    return f'{needs}, which are not installed: pip install "tidytest[{extras}]"'


def _is_installed(module: str) -> bool:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    # A directory of that name in the project, as Django has for templates, has no origin.
    return spec is not None and spec.origin is not None


def unusable(name: str) -> str | None:
    """Return one line on a library that is there and cannot be used, None where all is well.

    It may be too old, or a package of the project's may have its name. Imports the reporter.
    """
    try:
        load(name)
    except Exception as error:  # whatever such a library raises when it is imported
        if name not in EXTRAS:
            raise
        from ..output.escape import visible

        module, extra = EXTRAS[name]
        return (
            f"--{name} cannot use the {module} that is found ({visible(str(error))}): "
            f'pip install --upgrade "tidytest[{extra}]"'
        )
    return None


def load(name: str) -> Reporter:
    """Import the reporter of this name.

    Raises:
        KeyError: there is none.
        ImportError: its library is missing; `missing` and `unusable` tell so before.
    """
    return cast(Reporter, import_module(REPORTERS[name], __name__))
