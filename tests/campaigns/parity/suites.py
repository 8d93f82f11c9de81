"""Small suites with every kind of end, and the command lines to run them with."""

from __future__ import annotations

from textwrap import dedent

from tests.campaigns.parity import endings, hostile
from tests.campaigns.parity.sides import Job

_COMMANDS = """
    test_good
    -v test_good
    -q test_good
    test_ends
    -v test_ends
    -q test_ends
    --locals test_ends
    -f test_ends
    -v -f test_subtests
    -v -b test_ends test_output
    -b test_output
    -v test_output
    -k two -k Other test_good
    -v -k *pass* test_ends test_async
    -k nothing_matches test_good
    -v test_subtests
    --locals test_subtests
    -v test_setup
    test_setup
    -v test_classes
    -f test_classes
    test_classes
    test_classes.ClassFails
    -v test_classes.ClassSkips
    test_classes.Skipped
    -v test_module_fails
    -v test_module_end
    -v test_module_skips
    -v test_import_skips
    -v discover -p test_import_skips.py
    -v test_import_fails
    discover -p test_import_fails.py
    test_syntax
    -v test_exit
    -v test_interrupt
    -b test_interrupt
    -c -v test_signal
    test_signal
    -v test_loads
    test_loads_badly
    -v test_async
    -f test_async
    -v test_warns
    -v test_twice test_good
    -v test_nested
    -v test_runs
    test_prints_at_end
    test_leaks
    -v test_leaks
    -b -v test_leaks
    -f -v test_leaks
    -v test_leaks.Leaks.test_file
    -v test_good.Good
    test_good.Good.test_one
    test_good.Good.no_such
    test_good.NoSuch
    no_such_module
    -v tree.sub.test_deep
    tree/sub/test_deep.py
    ./test_good.py
    no_such_file.py
    test_empty
    discover
    discover -v -s tree -p check_*.py -t .
    discover tree check_*.py .
    discover -s tree/sub
    discover -s no_such_directory
    discover -p nothing_*.py
    discover -k one -p test_good.py
    discover -b -f -p test_e*.py
    --no-such-option
    -v -q test_good --no-such
    discover --no-such
    -p test_good.py
    -v -s tree
"""

# Options of the interpreter, then the arguments.
_INTERPRETER = """
    -W error | -v test_warns
    -X dev | -v test_warns test_ends
    -W ignore | -v test_warns
    -O | -v test_ends
    -B -s | test_good
    -u | -v test_output
"""

_SINCE_3_12 = """
    --durations 2 test_slow
    --durations 0 -v test_slow
    discover --durations=2 -p test_slow.py
"""

_QUICK = (
    "-v test_ends", "--locals test_ends", "-v test_classes", "-v test_async", "-v test_interrupt",
    "-b test_output", "-v test_leaks", "discover -s no_such_directory", "--no-such-option",
    "test_empty",
)


def jobs(version: tuple[int, int], *, quick: bool = False) -> list[Job]:
    """Return the jobs for one version of Python; the quick ones are a selection."""
    sources = endings.SOURCES | hostile.SOURCES
    files = {name: dedent(source).lstrip() for name, source in sources.items()}
    tables = [_COMMANDS, _INTERPRETER, hostile.COMMANDS]
    if version >= (3, 12):
        tables.append(_SINCE_3_12)
    lines = [line.strip() for table in tables for line in table.strip().splitlines()]
    return [_job(line, files) for line in ("", *lines) if not quick or line in _QUICK]


def _job(line: str, files: dict[str, str]) -> Job:
    before, _, after = line.rpartition("|")
    return Job(
        line or "(no arguments)", tuple(after.split()), files,
        interpreter=tuple(before.split()), timeout=60,
    )
