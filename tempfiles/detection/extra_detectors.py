"""Extra detectors: look for things other than files that a context leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


class Detectors:
    """The detectors of a run. One that raises an exception is logged and not called again.

    Attributes:
        findings: all that they have found so far.
    """

    def __init__(self, detectors: Iterable[Detector] = ()) -> None:
        self._detectors = list(detectors)
        self.findings: list[Finding] = []

    def __bool__(self) -> bool:
        return bool(self._detectors)

    def start(self, root: str) -> None:
        """Start each; see `Detector.start`."""
        self._call(lambda detector: detector.start(root))

    def opened(self, context: Context) -> None:
        """Tell each that a context was opened."""
        self._call(lambda detector: detector.opened(context))

    def left_by(self, context: Context) -> tuple[Finding, ...]:
        """Return what they find when a context closes."""
        found: list[Finding] = []
        self._call(lambda detector: found.extend(detector.left_by(context)))
        self.findings += found
        return tuple(found)

    def stop(self) -> None:
        """Stop each."""
        self._call(lambda detector: detector.stop())

    def _call(self, method: Callable[[Detector], object]) -> None:
        for detector in tuple(self._detectors):
            try:
                method(detector)
            except Exception:
                import logging

                self._detectors.remove(detector)
                logging.getLogger("tempfiles").exception("detector %r failed", detector)
