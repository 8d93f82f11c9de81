"""The protocol of a detector: what looks for things other than files that a context leaves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..records import Finding
    from ..registry.contexts import Context


class Detector(Protocol):
    """Looks for what a context leaves; given to `Run`.

    Its findings are reported with the context, apart from the leaks. A detector that raises an
    exception is not asked again: the results of the tests matter more.
    """

    def start(self, root: str) -> None:
        """Begin, before code of the user runs.

        Args:
            root: the directory in which the run's temporary files are created.
        """

    def opened(self, context: Context) -> None:
        """Take note of a context that was opened just now, within `context.parent`."""

    def left_by(self, context: Context) -> Iterable[Finding]:
        """Return what a context leaves that is about to close, each thing once."""

    def stop(self) -> None:
        """End; nothing more is asked."""
