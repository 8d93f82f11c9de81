"""Honour the variables that Bazel sets for a test: they become words of the command line."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, MutableMapping, Sequence

from ..errors import UsageError
from ..reporting.reporters import missing

_TOTAL, _INDEX = "TEST_TOTAL_SHARDS", "TEST_SHARD_INDEX"
_STATUS, _XML = "TEST_SHARD_STATUS_FILE", "XML_OUTPUT_FILE"
_PREMATURE, _FILTER = "TEST_PREMATURE_EXIT_FILE", "TESTBRIDGE_TEST_ONLY"
_FOR_TESTS = "TEST_TMPDIR"
"""The only variable that stays in the environment: tests may read it."""


@contextlib.contextmanager
def honoured(words: Sequence[str], environ: MutableMapping[str, str]) -> Iterator[list[str]]:
    """Provide the command line with what the variables ask for; its own options are stronger.

    The variables are removed, so that a run that a test starts does not follow them. The file of
    TEST_PREMATURE_EXIT_FILE exists while the block runs, and afterwards if the process is killed
    or a test ends it.

    Args:
        words: the words after the program's name.
        environ: the environment.

    Raises:
        UsageError: a variable has no valid value, or a file cannot be created.
    """
    names = (_TOTAL, _INDEX, _STATUS, _XML, _PREMATURE, _FILTER)
    taken = {name: value for name in names if (value := environ.pop(name, ""))}
    for name in (_PREMATURE, _STATUS):
        _create(name, taken.get(name))
    process = os.getpid()
    try:
        before = [*_shard(taken, words), *_report(taken), *_temp_root(environ)]
        yield [*before, *_filtered(words, taken)]
    finally:
        if _PREMATURE in taken and os.getpid() == process:  # not a fork of a test
            with contextlib.suppress(OSError):
                os.unlink(taken[_PREMATURE])


def _create(name: str, path: str | None) -> None:
    if path is None:
        return
    try:
        with open(path, "a", encoding="ascii"):
            pass
    except OSError as error:
        raise UsageError(f"{name}: cannot create {path}: {error.strerror}") from None


def _shard(taken: MutableMapping[str, str], words: Sequence[str]) -> list[str]:
    total, index = taken.get(_TOTAL), taken.get(_INDEX, "0")
    if total in (None, "0") or "--merge" in words:
        return []
    assert total is not None
    if not (total.isdecimal() and index.isdecimal() and int(index) < int(total)):
        raise UsageError(
            f"{_TOTAL}={total} and {_INDEX}={index}: the index must be from 0 to the total less 1"
        )
    return ["--shard", f"{int(index) + 1}/{total}"]


def _report(taken: MutableMapping[str, str]) -> list[str]:
    if _XML not in taken:
        return []
    lacking = missing(["junit-xml"])
    if lacking is not None:  # Bazel then writes a file of its own
        print(f"tidytest: {_XML}: {lacking}", file=sys.stderr)
        return []
    return ["--junit-xml", taken[_XML]]


def _temp_root(environ: MutableMapping[str, str]) -> list[str]:
    return ["--temp-root", environ[_FOR_TESTS]] if environ.get(_FOR_TESTS) else []


def _filtered(words: Sequence[str], taken: MutableMapping[str, str]) -> list[str]:
    """Return the words with the filter as patterns, as unittest's `-k` takes them."""
    try:
        patterns = shlex.split(taken.get(_FILTER, ""))
    except ValueError as error:
        raise UsageError(f"{_FILTER}: {error}") from None
    end = words.index("--") if "--" in words else len(words)
    given = [word for pattern in patterns for word in ("-k", pattern)]
    return [*words[:end], *given, *words[end:]]
