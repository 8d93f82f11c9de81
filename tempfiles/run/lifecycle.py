"""Start the tracking of a run when it is first needed, and end it.

A run in which nobody creates a file never starts it, and imports none of what it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..detection.extra_detectors import Detectors
from ..registry.contexts import Context
from ..reports import RunSettings
from ..roots.root import RunRoot
from ..system import process_state, syscalls
from ..system.audit import FirstWriteEvent
from ..system.thread_lock import Patient, new_lock

if TYPE_CHECKING:
    from ..reports import ContextReport, RunReport
    from .close import Closing
    from .tracking import Tracking

lock = new_lock()
"""Held while a context opens or closes, which threads may do at once. Callbacks run without it.
Where there is one thread, it is not taken: it would be a tenth of the cost of a context."""


class Lifecycle:
    """The tracking of one run, from the first write event to the removal of the run root.

    Args:
        settings: how the run tracks.
        root: the run root.
        project: the real path of the project's directory.
        detectors: look for what contexts leave other than files.

    Attributes:
        tracking: the components; None until they are needed.
        is_ready: whether the tracking has started.
        left_nothing: returns whether a context has left nothing, at little cost.
        is_untouched: returns whether nothing has happened in a context, at less cost.
    """

    left_nothing: Callable[[Context], bool]
    is_untouched: Callable[[Context], bool]

    def __init__(
        self, settings: RunSettings, root: RunRoot, project: str, detectors: Detectors
    ) -> None:
        self._settings = settings
        self._root = root
        self._project = project
        self._detectors = detectors
        self._first_write_event = FirstWriteEvent(self._start_at_event)
        self._started = False
        self.is_ready = False
        self.tracking: Tracking | None = None

    @property
    def components(self) -> Tracking:
        """The components, which are created with their first use."""
        if self.tracking is None:
            from .tracking import Tracking

            tracking = Tracking(self._settings, self._root, self._project, self._detectors)
            self.tracking = tracking
            self.left_nothing = tracking.left_nothing
            self.is_untouched = tracking.is_untouched
        return self.tracking

    @property
    def closing(self) -> Closing:
        """What closes contexts in which something happened."""
        return self.components.closing

    # Start

    def wait_for_first_write(self) -> None:
        """Start with the first event that may create a file, after the next import of a module."""
        self._first_write_event.start()

    def _start_at_event(self) -> None:
        with Patient(lock) as is_held:
            if is_held:
                self.start()

    def start(self) -> None:
        """Begin to observe; a second call does nothing."""
        with lock:
            if self._started:
                return
            process_state.remember_modules()
            self._started = True  # before the imports below, which raise audit events
            tracking = self.components
            tracking.start()
            if self._settings.tracks:
                self._first_write_event.hand_over()
            else:
                self._first_write_event.stop()
            tracking.observe()
            self.is_ready = True

    # End

    def find_late_leaks(self) -> tuple[ContextReport, ...]:
        """Return what contexts created after they were closed."""
        tracking = self.tracking
        return tracking.closing.close_late() if tracking and tracking.needs_judging() else ()

    def wait(self) -> None:
        """Wait for the survivor processes of closed contexts."""
        if self.tracking is not None and self.tracking.has_closed:
            self.closing.wait(self._settings.late_grace)

    def find_last_leaks(self, has_exited: bool) -> tuple[ContextReport, ...]:
        """Return what contexts left after they were closed, and what the run left outside them.

        Args:
            has_exited: see `Closing.close_run`.
        """
        # Where no test ran, another process may have put something into the root.
        if not self._started and any(map(syscalls.listdir, self._root.slots)):
            self.start()
        return self.tracking.judge(has_exited) if self.tracking is not None else ()

    def stop(self) -> None:
        """Observe nothing more; a second call does nothing."""
        if self.tracking is None:
            self._first_write_event.stop()
        else:
            self.tracking.stop()

    def remove(self) -> None:
        """Remove the run root and, with `clean_outside`, the leaks elsewhere."""
        if self._needs_closing():
            self.closing.remove(self._settings.tracks)
        self._stop_protecting()

    def abandon(self) -> None:
        """Remove the run root, unless that is gone."""
        is_gone = self.tracking is None and not syscalls.lexists(self._root.path)
        if not is_gone and self._needs_closing():
            self.closing.remove_root(self._settings.tracks)
        self._stop_protecting()

    def _needs_closing(self) -> bool:
        """Remove a root in which nothing was left; return whether there is more to do."""
        tracking = self.tracking
        return (tracking is not None and tracking.has_closed) or not self._root.remove_empty()

    def _stop_protecting(self) -> None:
        if self.tracking is not None and not syscalls.lexists(self._root.path):
            self.tracking.stop_protecting()

    def report(self, tests: int) -> RunReport:
        """Return the report of the run as far as it is known.

        Args:
            tests: how many tests were run.
        """
        if self.tracking is None:
            from ..reports import RunReport, Summary

            return RunReport(Summary(tests=tests))
        findings = tuple(self._detectors.findings)
        return self.tracking.report(tests)._replace(findings=findings)
