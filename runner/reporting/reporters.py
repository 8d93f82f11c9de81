"""The table of reporters, the protocol of their modules, and the libraries that they need."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from ..errors import UsageError

if TYPE_CHECKING:
    from ..session.records import SuiteReport


class Reporter(Protocol):
    """The functions of a reporter's module.

    A destination is a path or a text stream; that of GitHub is a `github.Step`.
    """

    def check(self, destination: Any) -> None:
        """Find out before the tests whether a report can be written, without changing anything.

        Raises:
            ReportError: it cannot be written; the message is one line.
        """

    def write(self, report: "SuiteReport", destination: Any) -> None:
        """Write a whole report: to a stream, or to a path, which is replaced in one step.

        Raises:
            ReportError: it could not be written.
        """


class ReporterEntry(NamedTuple):
    """Where a reporter is, and what it needs.

    Attributes:
        module: its name in `runner.formats`; it is imported only if the report is asked for.
        needs_records: whether it reads the records of tests, so that a `Recorder` is needed; the
            others list leaks only.
        library: the optional library that it imports, if any.
        extra: the extra of this distribution that installs the library.
    """

    module: str
    needs_records: bool = True
    library: str = ""
    extra: str = ""


REPORTERS: dict[str, ReporterEntry] = {
    "leak-json": ReporterEntry("leak_json", needs_records=False),
    "junit-xml": ReporterEntry("junit", library="junitparser", extra="junit"),
    "html": ReporterEntry("html", library="jinja2", extra="html"),
    "gitlab-quality": ReporterEntry("gitlab_quality", needs_records=False),
    "sarif": ReporterEntry("sarif", needs_records=False),
    "github": ReporterEntry("github"),
    "leak-lines": ReporterEntry("leak_lines", needs_records=False),
}
"""Each reporter by the name of its option, in the order in which the reports are written."""

EXTRAS: dict[str, tuple[str, str]] = {
    **{name: (entry.library, entry.extra) for name, entry in REPORTERS.items() if entry.library},
    "progress": ("tqdm", "progress"),
}
"""The options that need a library: the module to import, and the extra that installs it."""


def missing(options: Iterable[str]) -> str | None:
    """Return one line that names the libraries that options need and how to install them.

    The libraries are looked for, but not imported.

    Returns:
        None if nothing is missing.
    """
    lacking = {
        name: EXTRAS[name] for name in options
        if name in EXTRAS and not _is_installed(EXTRAS[name][0])
    }  # fmt: skip
    if not lacking:
        return None
    needs = " and ".join(f"--{name} needs {library}" for name, (library, _) in lacking.items())
    extras = ",".join(extra for _, extra in lacking.values())
    verb = "is" if len(lacking) == 1 else "are"
    return f'{needs}, which {verb} not installed: pip install "tidytest[{extras}]"'


def _is_installed(library: str) -> bool:
    try:
        spec = find_spec(library)
    except (ImportError, ValueError):
        return False
    # A directory of that name in the project, such as Django's templates, has no origin.
    return spec is not None and spec.origin is not None


def load(name: str) -> Reporter:
    """Import the module of a reporter.

    Raises:
        KeyError: there is no reporter of this name.
        UsageError: its library cannot be imported: it is too old, or a package of the project has
            the same name. The message is one line.
    """
    try:
        return cast(Reporter, import_module(f"..formats.{REPORTERS[name].module}", __package__))
    except Exception as error:  # importing an unsuitable library may raise anything
        if name not in EXTRAS:
            raise
        from tempfiles import printable

        library, extra = EXTRAS[name]
        raise UsageError(
            f"--{name} cannot use the {library} that is found ({printable(str(error))}): "
            f'pip install --upgrade "tidytest[{extra}]"'
        ) from error
