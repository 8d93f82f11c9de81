"""Take out of two outputs what may differ between any two runs of the same tests."""

from __future__ import annotations

import re

_PROGRAM = re.compile(r"python[\d.]* -m (?:runner|unittest)\b")
_SECONDS = re.compile(r"\b\d+\.\d{3}s\b")
# The slowest tests: in which order is a matter of luck.
_DURATIONS = re.compile(r"(?:^0\.000s {5}.*\n)+", re.MULTILINE)
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+\b")
_RANDOM = re.compile(r"\b(tmp|pymp-)[a-z0-9_]{8}")
_PROCESS = re.compile(r"@test_\d+_tmp")
# The root of a worker is in that of its run.
_ROOT_AND_SLOT = re.compile(r"<base>/t(?:/tidy-[A-Za-z0-9_]+){1,2}(?:/\d+)?")
_USAGE = re.compile(r"^usage: .*\n(?:[ \t]+.*\n|\n)*", re.MULTILINE)
# A frame of the runner's or unittest's own: its line, its source, and the marks below that.
_FRAME = re.compile(
    r"^  File \"[^\"]*"
    r"(?:/lib/python3\.\d+/unittest/|/runner/|/tempfiles/|<frozen runpy>|<tidytest )"
    r"[^\n]*\n(?:    [^\n]*\n)*",
    re.MULTILINE,
)
_SUMMARY = re.compile(
    r"^(?:Temporary files: |Interrupted: |Up to the interrupt: |New in shared directories"
    r"|Where to begin:|Failed tests ).*\n(?:  .*\n)*", re.MULTILINE,
)
# How deep a recursion goes depends on the frames below it, and those are the runner's.
# An interrupt: unittest goes on in the line of the tests.
_BROKEN_LINE = re.compile(r"^([.FEsxu]+|test.* \.\.\. )\n?Traceback ", re.MULTILINE)
_REPEATED = re.compile(r"\[Previous line repeated \d+ more times\]")
_LEAKS = re.compile(r"^  left \d+ in .*:\n(?:    .*\n)*", re.MULTILINE)
# Without -v a section lists them; where it follows the dots, unittest's own rule follows it.
_SECTION = re.compile(r"^=+\nLEAKS: .*\n-+\n(?:.+\n)*\n", re.MULTILINE)
_OF_FIXTURES = re.compile(r"^(?:class|module) \S+.*\n(?:    .*\n)+", re.MULTILINE)  # with -v
# Names in the temp directory, where it is named in full and in the lines on leaks.
_IN_TEMP = re.compile(r"<base>/t/[^\s'\",:;)\]]+")
# What other programs of the machine have created meanwhile, which the end of a run may list; and
# the totals, where they are printed for that alone.
_STRANGERS = re.compile(
    r"^New in shared directories.*\n(?:    .*\n)*"
    r"(?:Temporary files: 0 created, none leaked\n)?", re.MULTILINE,
)
_LEAK_LINE = re.compile(
    r"^( {4}(?:dir|file|link|sock|fifo|other) +[\d.]+ [KMGT]?i?B)  (\S+)", re.MULTILINE
)


def message(text: str, base: str) -> str:
    """Normalise one message of a run whose private directories are below `base`."""
    text = text.replace(base, "<base>")
    text = _ROOT_AND_SLOT.sub("<base>/t", text)
    text = _RANDOM.sub(r"\1*", text)
    return _ADDRESS.sub("0x", _PROCESS.sub("@test_N_tmp", text))


def output(text: str, base: str) -> str:
    """Normalise a whole output: times, the program's name and usage, frames of the machinery."""
    text = message(text, base)
    text = _USAGE.sub("", text)
    text = _FRAME.sub("", text)
    text = _PROGRAM.sub("PROGRAM", text)
    text = _BROKEN_LINE.sub(r"\1Traceback ", text)
    text = _REPEATED.sub("[Previous line repeated]", text)
    text = _SECONDS.sub("0.000s", text)
    return _DURATIONS.sub(lambda found: "".join(sorted(found[0].splitlines(True))), text)


def rerun(text: str, base: str) -> str:
    """Normalise an output for another run of the same program.

    Times, random names, and what other programs have created are taken out.
    """
    text = _STRANGERS.sub("", message(text, base))
    text = _IN_TEMP.sub(lambda found: name(found[0]), text)
    text = _LEAK_LINE.sub(lambda found: f"{found[1]} {name(found[2])}", text)
    text = _SECONDS.sub("0.000s", text)
    return _DURATIONS.sub(lambda found: "".join(sorted(found[0].splitlines(True))), text)


def path(text: str, base: str) -> str:
    """Normalise a path of a leak report."""
    return name(message(text, base))


def without_leaks(text: str) -> str:
    """Take the runner's additional lines, the leaks and the summary, out of an output."""
    text = _OF_FIXTURES.sub("", _LEAKS.sub("", _SECTION.sub("", text)))
    return _BROKEN_LINE.sub(r"\1Traceback ", _SUMMARY.sub("", text))


def name(path: str) -> str:
    """Normalise a path on disk: random names and process numbers differ from run to run."""
    return re.sub(r"\d+", "N", re.sub(r"[A-Za-z0-9_]{8,}", "*", path))
