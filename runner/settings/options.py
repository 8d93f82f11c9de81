"""The table of the runner's options.

The command line, the settings files, the environment, `--show-settings`, the help, the shell
completion and the reference page are all made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from .config import VARIABLES, Config
from .value_types import (
    DIRECTORY,
    FILE_NAME,
    GLOB,
    INTEGER,
    JOBS,
    PERCENT,
    REPORT,
    RESOURCE,
    SECONDS,
    SEED,
    SHARD,
    SIZE,
    SWITCH,
    TEMP_ROOT,
    TIME_LIMIT,
    WORKERS,
    ValueType,
    choice,
    count,
)

FILE = "file"
ENVIRONMENT = "environment"
COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    `name` is its name without the dashes in front, `group` the heading in the help. `allowed` is
    the most lasting place where it may be set: FILE (then also in the environment and on the
    command line), ENVIRONMENT (also on the command line) or COMMAND_LINE. A `repeatable` option
    collects a tuple. If it `joins`, a stronger place adds to the values of weaker ones instead of
    replacing them. If it takes `commas`, one value may hold several. `value_optional` takes the
    next word as its value only if that is an integer. If it takes `many`, all words up to the next
    option are its values.
    """

    name: str
    type: ValueType
    group: str
    help: str
    metavar: str = ""
    allowed: str = FILE
    repeatable: bool = False
    joins: bool = False
    commas: bool = False
    value_optional: bool = False
    many: bool = False

    @property
    def default(self) -> object:
        """The value if no place sets it."""
        return Config._field_defaults[self.field]

    @property
    def field(self) -> str:
        """The name of its field in `Config`."""
        return self.name.replace("-", "_")

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off and takes no value."""
        return self.type is SWITCH

    @property
    def off(self) -> object:
        """The value of `--no-NAME`."""
        if self.name == "leak-baseline":
            return ""  # None means the default file
        return False if self.is_switch else () if self.repeatable else None

    @property
    def has_opposite(self) -> bool:
        """Whether `--no-NAME` exists: for every option that a settings file can switch on."""
        return self.allowed == FILE and (self.is_switch or self.default in (None, ()))

    @property
    def flag(self) -> str:
        """The form that changes the default: `--guard`, but `--no-reap`."""
        return f"--no-{self.name}" if self.default is True else f"--{self.name}"

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return VARIABLES + self.field.upper()

    def from_argument(self, text: str) -> object:
        """Return the value of a text on the command line.

        Raises:
            ArgumentTypeError: the text is not a valid value.
        """
        if not self.repeatable:
            return self.type(text)
        texts = text.split(",") if self.commas else [text]
        return tuple(self.type(part.strip()) for part in texts)

    def show(self, value: object) -> str:
        """Return the text of a value, as `--show-settings` prints it."""
        if value is None:
            return "off" if self.is_switch or self.value_optional else "-"
        if isinstance(value, tuple) and (self.repeatable or self.many):
            return ", ".join(map(self.type.show, value)) or "-"
        return self.type.show(value)


LEAKS = "leaks"
ADOPTION = "known leaks"
CLEANING = "cleaning up"
KEEPING = "keeping files of failed tests"
REPORTS = "reports"
SELECTION = "which tests, in which order"
PARALLEL = "parallel runs, timeouts, retries"
FIXING = "changing the tests"
COVERAGE = "coverage"
TEMP_DIRECTORY = "location of the temp directory"
PRINTED = "what the end of a run prints"
GENERAL = "settings and shell"

OPTIONS: tuple[Option, ...] = (
    Option("leaks", choice("report", "fail", "off"), LEAKS,
           "report leaks, let them fail their tests, or do not look for leaks",
           "report|fail|off"),
    Option("leak-trace", SWITCH, LEAKS,
           "show the whole chain of calls that created each leak"),
    Option("leak-ignore", GLOB, LEAKS,
           "never report paths that match; may be given several times", "GLOB",
           repeatable=True, joins=True),
    Option("watch-modified", SWITCH, LEAKS,
           "also report files of the project that a test changed or deleted, never as a failure"),
    Option("detect", choice("processes"), LEAKS,
           "also report what tests leave other than files, never as a failure: processes that"
           " they started and left running", "processes",
           repeatable=True, commas=True),
    Option("trace-children", SWITCH, LEAKS,
           "have native child processes report each file that they create (Linux with glibc, where"
           " tidytest was built with a C compiler)"),
    Option("late-grace", SECONDS, LEAKS,
           "how long the end of the run waits for processes that tests left",
           "SECONDS"),
    Option("leak-baseline", FILE_NAME, ADOPTION,
           "the known leaks, which do not fail tests (default: .tidytest-leaks.json"
           " where it exists)", "FILE"),
    Option("update-baseline", SWITCH, ADOPTION,
           "write the leaks of this run to the baseline", allowed=ENVIRONMENT),
    Option("strict-baseline", SWITCH, ADOPTION,
           "fail on entries of the baseline that no longer leak"),
    Option("clean-outside", SWITCH, CLEANING,
           "also remove leaks outside the temp directory if the run observed their creation"),
    Option("reap", SWITCH, CLEANING,
           "do not remove the files that dead runs left"),
    Option("guard", SWITCH, CLEANING,
           "start a small process that cleans up even if the run is killed"),
    Option("keep", choice("never", "on-failure", "always"), KEEPING,
           "when to keep the files that a test has at its end", "never|on-failure|always"),
    Option("keep-dir", DIRECTORY, KEEPING, "the directory to keep them in", "DIR"),
    Option("keep-runs", count(1), KEEPING, "keep the files of the last N runs", "N"),
    Option("keep-bytes", SIZE, KEEPING,
           "keep at most this size; the oldest runs are removed first", "SIZE"),
    Option("leak-json", REPORT, REPORTS, "write the leaks as JSON", "FILE"),
    Option("junit-xml", REPORT, REPORTS, "write a JUnit report", "FILE"),
    Option("html", REPORT, REPORTS, "write a page to read in a browser", "FILE"),
    Option("gitlab-quality", REPORT, REPORTS,
           "write a Code Quality report, which GitLab shows in merge requests", "FILE"),
    Option("sarif", REPORT, REPORTS,
           "write the leaks as SARIF 2.1.0, for code scanning", "FILE"),
    Option("leak-lines", SWITCH, REPORTS,
           "print a line FILE:LINE: MESSAGE for each line of code that leaks"),
    Option("github", SWITCH, REPORTS,
           "print annotations and a summary for GitHub (default under GitHub Actions)"),
    Option("record", FILE_NAME, REPORTS,
           "write all that the run knows, as it goes, for --merge", "FILE", allowed=COMMAND_LINE),
    Option("merge", FILE_NAME, REPORTS,
           "run nothing: write the end and the reports of a run from its records, one for each"
           " shard", "FILE...", allowed=COMMAND_LINE, many=True),
    Option("monitor", FILE_NAME, REPORTS,
           "record the disk usage of the temp directory during the run (.csv or .jsonl)", "FILE"),
    Option("durations", INTEGER, REPORTS, "show the N slowest tests (0 for all)", "N"),
    Option("slowest-temp", count(0), REPORTS,
           "show the N tests that wrote the most temporary bytes (0 for all)", "N"),
    Option("progress", SWITCH, REPORTS,
           "show one live line instead of dots, on a terminal"),
    Option("leaks-shown", count(0), PRINTED,
           "list at most N leaks (0 for all, as with -v)", "N"),
    Option("show-unattributed", SWITCH, PRINTED,
           "also list what appeared in shared directories and is attributed to no test, as with"
           " -v"),
    Option("summary", choice("full", "short", "none"), PRINTED,
           "list the leaks and where to begin, print one line on the leaks (as with -q), or print"
           " nothing about them", "full|short|none"),
    Option("functions", SWITCH, SELECTION,
           "also run the plain test_* functions of modules"),
    Option("last-failed", SWITCH, SELECTION,
           "run only the tests that failed in the last run", allowed=ENVIRONMENT),
    Option("leaked-last", SWITCH, SELECTION,
           "run only the tests that leaked in the last run", allowed=ENVIRONMENT),
    Option("shuffle", SEED, SELECTION,
           "run in random order; the run prints the seed, which repeats that order",
           "[SEED]", value_optional=True),
    Option("reverse", SWITCH, SELECTION, "run in reverse order"),
    Option("repeat", count(1), SELECTION, "run each test N times", "N"),
    Option("until-leak", SWITCH, SELECTION,
           "repeat until something leaks (with --repeat: at most N times)",
           allowed=ENVIRONMENT),
    Option("replay", FILE_NAME, SELECTION,
           "run the tests of a recorded order again: of a worker, or of --parity", "FILE",
           allowed=COMMAND_LINE),
    Option("parity", SWITCH, SELECTION,
           "run serially, then shuffled in several workers, and name the tests that depend on"
           " others", allowed=COMMAND_LINE),
    Option("shard", SHARD, SELECTION,
           "run the part I of N of the suite, for machine I of N; see --durations-file", "I/N",
           allowed=COMMAND_LINE),
    Option("list", SWITCH, SELECTION, "print the ids of the tests that would run, and exit",
           allowed=COMMAND_LINE),
    Option("pdb", SWITCH, SELECTION,
           "start the debugger at each failure", allowed=ENVIRONMENT),
    Option("jobs", JOBS, PARALLEL,
           "run the tests in N worker processes (auto: one for each core that may be used);"
           " -j N is the short form", "N|auto"),
    Option("workers", WORKERS, PARALLEL,
           "run the tests on the workers of a dask.distributed cluster: the address or the file of"
           " its scheduler, or dask for $DASK_SCHEDULER_ADDRESS; MODULE:FUNCTION is another engine",
           "ADDRESS"),
    Option("workers-wait", SECONDS, PARALLEL,
           "how long to wait for a cluster that has no worker", "SECONDS"),
    Option("ship", SWITCH, PARALLEL,
           "send the project to the cluster's workers, which need no shared directory then"),
    Option("timeout", TIME_LIMIT, PARALLEL,
           "end each test that takes longer, with an error and the stacks of its threads",
           "SECONDS"),
    Option("retries", count(0), PARALLEL,
           "run a test that failed again, up to N times; if it then passes, it is flaky", "N"),
    Option("flaky", choice("report", "fail"), PARALLEL,
           "report flaky tests, or let them fail the run", "report|fail"),
    Option("split", choice("classes", "tests"), PARALLEL,
           "run the tests of a class in one worker, or in several if neither the class nor its"
           " module has fixtures", "classes|tests"),
    Option("resources", RESOURCE, PARALLEL,
           "how many tests (or classes) that are marked with a resource may run at the same time",
           "NAME=MAX", repeatable=True, commas=True),
    Option("durations-file", FILE_NAME, PARALLEL,
           "the file for the durations, which order the next run and deal it to shards (default:"
           " in the cache directory)", "FILE"),
    Option("workers-by", choice("auto", "fork", "spawn"), PARALLEL,
           "start workers as forks of this process, as new processes, or as is possible",
           "auto|fork|spawn"),
    Option("fix", SWITCH, FIXING,
           "show changes of test code that prevent the leaks of the last run, of the run that the"
           " command line asks for, or of --leak-json FILE; runs no tests otherwise",
           allowed=COMMAND_LINE),
    Option("diff", SWITCH, FIXING, "only show the changes, as a diff; the default of --fix",
           allowed=COMMAND_LINE),
    Option("apply", SWITCH, FIXING,
           "change the files, run their tests again, and take back what did not help",
           allowed=COMMAND_LINE),
    Option("force", SWITCH, FIXING, "change files also where the git tree is not clean",
           allowed=COMMAND_LINE),
    Option("coverage", SWITCH, COVERAGE,
           "measure coverage, with the project's own coverage settings"),
    Option("coverage-report", choice("term", "html", "xml", "json"), COVERAGE,
           "which coverage reports to write; may be given several times", "term|html|xml|json",
           repeatable=True, commas=True),
    Option("coverage-fail-under", PERCENT, COVERAGE,
           "fail if less than N percent are covered", "N"),
    Option("temp-root", TEMP_ROOT, TEMP_DIRECTORY,
           "create the temp directory in DIR, in memory, or in the system's temp directory",
           "DIR|ram|disk"),
    Option("temp-root-min-free", SIZE, TEMP_DIRECTORY,
           "use memory only if it has this much free space", "SIZE"),
    Option("show-settings", SWITCH, GENERAL,
           "print each setting and its source, and exit", allowed=COMMAND_LINE),
    Option("version", SWITCH, GENERAL, "print the version and exit",
           allowed=COMMAND_LINE),
    Option("completion", choice("bash", "zsh", "tcsh"), GENERAL,
           "print a script that completes options in this shell, and exit", "SHELL",
           allowed=COMMAND_LINE),
)  # fmt: skip

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


def find(key: str) -> tuple[Option, bool] | None:
    """Return the option of a name, and whether the name is its opposite (`no-reap`)."""
    option = BY_NAME.get(key)
    if option is not None:
        return option, False
    option = BY_NAME.get(key.removeprefix("no-"))
    return (option, True) if option is not None and option.has_opposite else None


def nearest(key: str, similarity: float = 0.6) -> str | None:
    """Return the name of the option that is most like an unknown name, or None.

    Args:
        key: the unknown name, without dashes in front.
        similarity: how alike the two must be, from 0 to 1.
    """
    near = get_close_matches(key.lower().replace("_", "-"), BY_NAME, 1, similarity)
    return near[0] if near else None
