"""The one table of the runner's own options.

The command line, the settings files, the environment, `--show-settings`, the help, the shell
completion and the reference pages are all made from it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from . import option_types as types
from .config import VARIABLES, Config
from .option_types import OptionType

FILE = "file"
ENVIRONMENT = "environment"
COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    `name` is its name without dashes in front, `group` the heading of the help it stands under.
    `allowed` is the most lasting place it may be set in: FILE (then in the environment and on
    the command line too), ENVIRONMENT (and the command line) or COMMAND_LINE. `repeatable`
    options collect a tuple; `joins` says that a stronger place adds to it rather than replaces
    it, `commas` that one value may hold several. `value_optional` takes a value only where the
    next word is an integer. `stock_from` is the Python version from which unittest itself has
    the option; from there its command-line form is left to unittest, but not its opposite.
    """

    name: str
    type: OptionType
    group: str
    help: str
    metavar: str = ""
    allowed: str = FILE
    repeatable: bool = False
    joins: bool = False
    commas: bool = False
    value_optional: bool = False
    stock_from: tuple[int, int] | None = None

    @property
    def default(self) -> object:
        """Its value where nothing sets it."""
        return Config._field_defaults[self.field]

    @property
    def field(self) -> str:
        """The name of its field in `Config`."""
        return self.name.replace("-", "_")

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off and takes no value."""
        return self.type is types.SWITCH

    @property
    def off(self) -> object:
        """The value that `--no-NAME` gives; empty where there is something without any value."""
        if self.name == "leak-baseline":
            return ""
        return False if self.is_switch else () if self.repeatable else None

    @property
    def has_opposite(self) -> bool:
        """Whether `--no-NAME` exists: for what a settings file can switch on."""
        return self.allowed == FILE and (self.is_switch or self.default in (None, ()))

    @property
    def flag(self) -> str:
        """The form that changes the default: `--guard`, but `--no-reap`."""
        return f"--no-{self.name}" if self.default is True else f"--{self.name}"

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return VARIABLES + self.field.upper()

    @property
    def left_to_unittest(self) -> bool:
        """Whether this Python's unittest has the option on its own command line."""
        return self.stock_from is not None and sys.version_info >= self.stock_from


LEAKS = "leaks"
ADOPTION = "known leaks"
CLEANING = "cleaning up"
KEEPING = "keeping files of failed tests"
REPORTS = "reports"
SELECTION = "which tests, in which order"
COVERAGE = "coverage"
PLACE = "place of the temp directory"
GENERAL = "settings and shell"

OPTIONS: tuple[Option, ...] = (
    Option("leaks", types.choice("report", "fail", "off"), LEAKS,
           "what a leak does: it is reported, it fails its test, or nothing is looked for",
           "report|fail|off"),
    Option("leak-trace", types.SWITCH, LEAKS,
           "show the whole chain of calls that made each leak"),
    Option("leak-ignore", types.GLOB, LEAKS,
           "never report paths that match; may be given several times", "GLOB",
           repeatable=True, joins=True),
    Option("watch-modified", types.SWITCH, LEAKS,
           "also report files of the project that a test changed or deleted, never as a failure"),
    Option("late-grace", types.SECONDS, LEAKS,
           "how long the end of the run waits for processes that outlived their test",
           "SECONDS"),
    Option("leak-baseline", types.FILE, ADOPTION,
           "the leaks known today, which do not fail (default: .tidytest-leaks.json"
           " where it exists)", "FILE"),
    Option("update-baseline", types.SWITCH, ADOPTION,
           "write the leaks of this run to the baseline", allowed=ENVIRONMENT),
    Option("strict-baseline", types.SWITCH, ADOPTION,
           "fail on entries of the baseline that no longer leak"),
    Option("clean-outside", types.SWITCH, CLEANING,
           "also remove leaks outside the temp directory that the run saw being created"),
    Option("reap", types.SWITCH, CLEANING,
           "do not remove what earlier, dead runs left behind"),
    Option("guard", types.SWITCH, CLEANING,
           "start a small process that cleans up even if the run is killed"),
    Option("keep", types.choice("never", "on-failure", "always"), KEEPING,
           "when to keep what a test still had at its end", "never|on-failure|always"),
    Option("keep-dir", types.DIRECTORY, KEEPING, "where to keep it", "DIR"),
    Option("keep-runs", types.count(1), KEEPING, "hold the last N runs", "N"),
    Option("keep-bytes", types.SIZE, KEEPING,
           "hold at most this much, the oldest goes first", "SIZE"),
    Option("leak-json", types.REPORT, REPORTS, "write the leaks as JSON", "FILE"),
    Option("junit-xml", types.REPORT, REPORTS, "write a JUnit report", "FILE"),
    Option("html", types.REPORT, REPORTS, "write a page to read in a browser", "FILE"),
    Option("github", types.SWITCH, REPORTS,
           "print annotations and a summary for GitHub (by itself under GitHub Actions)"),
    Option("monitor", types.FILE, REPORTS,
           "record the usage of the temp directory during the run (.csv or .jsonl)", "FILE"),
    Option("durations", types.count(0), REPORTS,
           "show the N slowest tests (0 for all)", "N", stock_from=(3, 12)),
    Option("slowest-temp", types.count(0), REPORTS,
           "show the N tests that wrote the most temporary bytes (0 for all)", "N"),
    Option("progress", types.SWITCH, REPORTS,
           "show one live line instead of dots, on a terminal"),
    Option("functions", types.SWITCH, SELECTION,
           "plain test_* functions of a module are tests too"),
    Option("last-failed", types.SWITCH, SELECTION,
           "run only the tests that failed in the last run", allowed=ENVIRONMENT),
    Option("leaked-last", types.SWITCH, SELECTION,
           "run only the tests that leaked in the last run", allowed=ENVIRONMENT),
    Option("shuffle", types.SEED, SELECTION,
           "run in random order; the seed is printed, and gives the same order again",
           "[SEED]", value_optional=True),
    Option("reverse", types.SWITCH, SELECTION, "run in reverse order"),
    Option("repeat", types.count(1), SELECTION, "run each test N times", "N"),
    Option("until-leak", types.SWITCH, SELECTION,
           "repeat until something leaks (with --repeat: at most N times)",
           allowed=ENVIRONMENT),
    Option("pdb", types.SWITCH, SELECTION,
           "start the debugger at each failure", allowed=ENVIRONMENT),
    Option("coverage", types.SWITCH, COVERAGE,
           "measure coverage, with the project's own coverage settings"),
    Option("coverage-report", types.choice("term", "html", "xml", "json"), COVERAGE,
           "which reports to make; may be given several times", "term|html|xml|json",
           repeatable=True, commas=True),
    Option("coverage-fail-under", types.PERCENT, COVERAGE,
           "fail if less than N percent are covered", "N"),
    Option("temp-root", types.TEMP_ROOT, PLACE,
           "make the temp directory in DIR, in memory, or in the system's place",
           "DIR|ram|disk"),
    Option("temp-root-min-free", types.SIZE, PLACE,
           "use memory only if this much is free there", "SIZE"),
    Option("show-settings", types.SWITCH, GENERAL,
           "print each setting and where it comes from, and stop", allowed=COMMAND_LINE),
    Option("version", types.SWITCH, GENERAL, "print the version and stop",
           allowed=COMMAND_LINE),
    Option("completion", types.choice("bash", "zsh", "tcsh"), GENERAL,
           "print a script that completes options in this shell, and stop", "SHELL",
           allowed=COMMAND_LINE),
)  # fmt: skip

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


def find(key: str) -> tuple[Option, bool] | None:
    """Return the option that a name means, and whether the name is its opposite (`no-reap`)."""
    option = BY_NAME.get(key)
    if option is not None:
        return option, False
    option = BY_NAME.get(key.removeprefix("no-"))
    return (option, True) if option is not None and option.has_opposite else None


def nearest(key: str) -> str | None:
    """Return the option's name that is most like a name which does not exist, if one is like it."""
    from difflib import get_close_matches

    near = get_close_matches(key.lower().replace("_", "-"), BY_NAME, 1)
    return near[0] if near else None
