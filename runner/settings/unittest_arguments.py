"""Ask unittest's own parser how it reads its part of a command line."""

from __future__ import annotations

import argparse
import contextlib
import io
import unittest
from collections.abc import Sequence
from functools import cache
from typing import Any


class UnittestArguments(unittest.TestProgram):
    """The words for unittest, parsed by unittest; no test is loaded or run.

    Attributes:
        start: the directory or package where discovery begins; set if the words say `discover`,
            or name no tests.
        top: the directory that modules are imported from; None where it is `start`.
        printed: the help or the error that unittest printed.
        exit_code: 0 if unittest printed its help, 2 if it refused the words, else None.
    """

    start: str
    top: str | None
    verbosity: int
    failfast: bool | None

    def __init__(self, words: Sequence[str], name: str = "tidytest") -> None:
        self.progName = name
        self.defaultTest = None
        self.exit_code: object = None
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                self.parseArgs([name, *words])
        except SystemExit as exit:
            self.exit_code = exit.code
        self.printed = output.getvalue()

    def createTests(self, *_: Any, **__: Any) -> None:
        """Load nothing."""

    def runTests(self) -> None:
        """Run nothing."""


def unittest_parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Return unittest's own parsers: of the plain command line, and of `discover`."""
    program: Any = UnittestArguments(())
    return program._main_parser, program._discovery_parser


@cache
def unknown_to_unittest(word: str) -> list[str] | None:
    """Have unittest parse one word.

    Returns:
        The word if unittest does not know it, an empty list if it does, or None if unittest exits:
        the word needs a value, or asks for help.
    """
    _, parser = unittest_parsers()
    nowhere = io.StringIO()
    try:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            return parser.parse_known_args([word])[1]
    except SystemExit:
        return None
