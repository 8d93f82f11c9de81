"""What unittest's `discover` makes of its words, found out by unittest's own parser."""

from __future__ import annotations

import contextlib
import io
import unittest
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Discovery(unittest.TestProgram):
    """The words of `discover`, parsed; nothing is loaded or run.

    Args:
        words: what comes after `discover`, without our options. Of a command line that unittest
            will refuse, or answer with its help, as much counts as was understood.

    Attributes:
        start: the directory or the package where it begins.
        top: the directory that modules are imported from; None where it is `start`.
    """

    start: str
    top: str | None

    def __init__(self, words: Sequence[str]) -> None:
        self.progName = ""
        nowhere = io.StringIO()
        with (
            contextlib.suppress(SystemExit),
            contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere),
        ):
            self._do_discovery(list(words))  # type: ignore[attr-defined]

    def createTests(self, *_: Any, **__: Any) -> None:
        """Load nothing."""
