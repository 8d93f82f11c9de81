"""Open and close the contexts of a run, at little cost where nothing was left.

A context in which nothing happened costs one `stat` of the temp directory.
"""

from __future__ import annotations

import _thread
import gc
from collections.abc import Callable
from types import CodeType
from typing import TYPE_CHECKING

from ..detection.extra_detectors import Detectors
from ..registry import callbacks, contexts
from ..registry.contexts import Activation, Context
from ..reports import ContextReport, Example, RunSettings
from ..roots.root import RunRoot
from ..system.process_state import original_process_state
from ..system.syscalls import original_os_functions
from .lifecycle import Lifecycle, lock

if TYPE_CHECKING:
    from ..records import Scope
    from .close import Listener

Source = Callable[..., object] | CodeType | str | tuple[Example, ...]
"""What defines a context: a function, its code, or the path of a file."""

_NOTHING_LEFT = ContextReport("", "")

_count_threads = _thread._count  # those that were started; tests may replace the function


class RunContexts:
    """The contexts of a run; `Run` adds its opening and its end.

    Args:
        settings: how the run tracks.
        root: the run root.
        project: the real path of the project's directory.
        detectors: look for what contexts leave other than files.
    """

    def __init__(
        self, settings: RunSettings, root: RunRoot, project: str, detectors: Detectors
    ) -> None:
        self._settings = settings
        self._journal = root.journal
        self._detectors = detectors
        self._detects = bool(detectors)
        self._is_plain = not detectors and settings.tracks
        self._life = Lifecycle(settings, root, project, detectors)

    def enter(self, id: str, scope: Scope, *, source: Source | None = None) -> Context:
        """Open a context within the current one and make it the current one.

        Args:
            id: any text that names it in reports, such as the id of a test. It need not be unique.
            scope: any word of the host. "test" is the scope of single tests, which close often
                and are checked with less effort; "context" is that of blocks in user code.
            source: what defines the context: the function of a test, its code, a class, the path
                of a module's file, or the examples of a doctest. Names in the constants of that
                code are evidence that the context created a file that no audit event named. It is
                kept as long as the context.
        """
        if not self._life.is_ready:
            self._life.start()
        context = contexts.enter(id, scope)
        if source is not None:
            context.source = source
            if isinstance(source, tuple):
                _place(source)
        if _count_threads():
            with lock:
                self._journal.enter(id, scope)
        else:
            self._journal.enter(id, scope)
        if self._detects:
            with lock:
                self._detectors.opened(context)
        if callbacks.on_open:
            from ..records import ContextRecord

            parent = context.parent.id if context.parent is not None else None
            callbacks.context_opened(ContextRecord(id, scope, parent))
        return context

    def close(self, context: Context, before_removal: Listener | None = None) -> ContextReport:
        """Close a context and report what it left.

        Its registered paths are removed. A path that it created, did not register and left is a
        leak: it is reported now and removed at the end of the run, as later tests may rely on it.

        Args:
            context: the context; its outer contexts stay open.
            before_removal: called with a report of the leaks before registered paths are removed.

        Returns:
            The report. Where the context left nothing and registered nothing, it is a shared one
            without id and scope.
        """
        if _count_threads():
            with lock:
                report = self._close(context, before_removal)
        elif self._is_plain and self._life.is_untouched(context) and not callbacks.on_close:
            contexts.close(context)
            self._journal.leave(context.id)
            return _NOTHING_LEFT
        else:
            report = self._close(context, before_removal)
        if report is not _NOTHING_LEFT:
            callbacks.context_closed(report)
        return report

    def _close(self, context: Context, before_removal: Listener | None) -> ContextReport:
        report = _NOTHING_LEFT
        findings = self._detectors.left_by(context) if self._detects else ()
        # The garbage collector is off: an object in a cycle may be about to leave what its
        # finalizer would remove.
        collects = gc.isenabled()
        if collects:
            gc.disable()
        try:
            if not self._life.left_nothing(context) or callbacks.on_close:
                # Other threads may need what they have replaced.
                is_alone = not _count_threads()
                with original_os_functions() if is_alone else original_process_state():
                    report = self._life.closing.close(
                        context, self._settings.tracks, before_removal
                    )
        finally:
            if collects:
                gc.enable()
        contexts.close(context)
        self._journal.leave(context.id)
        if findings:
            if report is _NOTHING_LEFT:
                report = ContextReport(context.id, context.scope)
            report = report._replace(findings=findings)
        return report

    def activate(self, context: Context) -> Activation:
        """Make an open context the current one; see `tempfiles.activate`."""
        return contexts.activate(context)

    def attribute_new_to(self, context: Context) -> None:
        """Attribute what newly appeared in the temp directory to a context.

        Otherwise it is attributed to the context that closes next. For the end of a fixture's
        setup: call it before other code runs.
        """
        with lock:
            self._life.components.attribute_new_to(context)

    def begin_part(self, context: Context, part: str | None) -> str | None:
        """Name the part of a context that runs now, such as a subtest.

        Paths that appeared before are attributed to the part that ran until now.

        Args:
            context: an open context.
            part: the name; None for no part.

        Returns:
            The name of the part that ran until now.
        """
        self.attribute_new_to(context)
        before, context.part = context.part, part
        return before


def _place(examples: tuple[Example, ...]) -> None:
    """Have the origins name the lines at which the examples really stand."""
    from ..events import origins

    for example in examples:
        origins.place(example.name, example.file, example.line)
