"""Open contexts in user code, and remove registered paths at close, at exit or on demand.

A failure to remove a path is never raised: it is logged and part of the report.
"""

from __future__ import annotations

import atexit
import os
import sys

from ..errors import InvalidNameError, SettingError, UnknownContextError
from ..records import ContextRecord
from ..reports import ContextReport, RemovalReport
from ..system import syscalls
from . import callbacks, reclaim, registrations, settings
from . import contexts as tree
from .contexts import Context

_RETRY_PAUSE = 0.05  # seconds, times the number of the attempt


class context:
    """Remove the paths registered in a block when the block ends: `with context("import"):`.

    The block receives the id. Contexts nest. They belong to the thread or task that opened them
    and to the threads and tasks that it starts. An exception of the block is never replaced.

    Args:
        name: the id, any text; it need not be unique.

    Raises:
        InvalidNameError: the name is not text, or empty.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidNameError(f"a context's name must be text and not empty, not {name!r}")
        self._name = name
        self._opened: list[Context] = []

    def __enter__(self) -> str:
        opened = tree.enter(self._name)
        self._opened.append(opened)
        if callbacks.on_open:
            parent = opened.parent.id if opened.parent is not None else None
            callbacks.context_opened(ContextRecord(opened.id, opened.scope, parent))
        return self._name

    def __exit__(self, *exception: object) -> None:
        closing = self._opened.pop()
        has_callbacks = bool(callbacks.on_close)
        registered = len(closing.files or ()) + len(closing.directories or ())
        removal = RemovalReport()
        try:
            removal = remove_registered(closing, measure=has_callbacks)
        finally:
            tree.close(closing)
            if has_callbacks:
                callbacks.context_closed(ContextReport(
                    closing.id, closing.scope, made=registered, registered=registered,
                    bytes_made=removal.bytes, removal=removal,
                ))  # fmt: skip


def current_context() -> str:
    """Return the id of the context that the running code belongs to; `run` outside of any."""
    return tree.current().id


def contexts() -> tuple[str, ...]:
    """Return the ids of the contexts that are open or still own a registered path.

    The first is `run`, which is always open.
    """
    return tuple(holder.id for holder in registrations.contexts_in_use())


def remove_registered(closing: Context, *, measure: bool = True) -> RemovalReport:
    """Remove the registered paths of a closing context if the settings say so, and log failures.

    Args:
        closing: the context.
        measure: whether to add up the bytes that are freed; else `bytes` is 0.
    """
    chosen = settings.current()
    if chosen.cleanup_policy != "on-close" or not (closing.files or closing.directories):
        return RemovalReport()
    if chosen.cleanup_delay:
        syscalls.sleep(chosen.cleanup_delay)
    report = reclaim.reclaim(closing, measure=measure)
    reclaim.log_failures(report)
    return report


def cleanup_context(id: str | None = None) -> RemovalReport:
    """Remove the registered paths of a context now, whatever the policy; it stays open.

    A path that could not be removed is logged, stays registered and is in the report.

    Args:
        id: None for the current context. If several contexts have this id, the one that encloses
            the running code is used, or all of them if none does.

    Raises:
        UnknownContextError: no context with this id is open or owns a registered path.
    """
    report = RemovalReport()
    for found in _find(id):
        report += reclaim.reclaim(found)
    reclaim.log_failures(report)
    return report


def cleanup_all(max_attempts: int = 3) -> RemovalReport:
    """Remove the registered paths of all contexts of this process now, whatever the policy.

    A path that could not be removed is tried again after a short pause. If it still fails it is
    logged, stays registered and is in the report. `retried` counts the second attempts.

    Args:
        max_attempts: how often each path is tried, at least once.

    Raises:
        SettingError: `max_attempts` is not a whole number from 1 on.
    """
    if not isinstance(max_attempts, int) or isinstance(max_attempts, bool) or max_attempts < 1:
        raise SettingError(f"max_attempts must be a whole number from 1 on, not {max_attempts!r}")
    report = _reclaim_all()
    for attempt in range(1, max_attempts):
        if report.ok:
            break
        syscalls.sleep(_RETRY_PAUSE * attempt)
        failed = len(report.failed)
        done = RemovalReport(report.files, report.directories, report.bytes, report.retried)
        report = done + RemovalReport(retried=failed) + _reclaim_all()
    reclaim.log_failures(report)
    return report


def _reclaim_all() -> RemovalReport:
    report = RemovalReport()
    # Innermost first: their paths in an outer context's directory are then gone before it is.
    for holder in reversed(registrations.contexts_in_use()):
        report += reclaim.reclaim(holder)
    return report


def _find(id: str | None) -> list[Context]:
    enclosing: Context | None = tree.current()
    if id is None and enclosing is not None:
        return [enclosing]
    while enclosing is not None:
        if enclosing.id == id:
            return [enclosing]
        enclosing = enclosing.parent
    found = [context for context in registrations.contexts_in_use() if context.id == id]
    if not found:
        raise UnknownContextError(f"no context {id!r}; there are: {', '.join(contexts())}")
    return found


def _at_exit() -> None:
    chosen = settings.current()
    if chosen.cleanup_on_exit and chosen.cleanup_policy != "never":
        for holder in reversed(registrations.contexts_in_use()):
            reclaim.log_failures(reclaim.reclaim(holder, measure=False))


def _in_multiprocessing_child() -> None:
    from multiprocessing import process, util

    if process.parent_process() is not None:
        util.Finalize(None, _at_exit, exitpriority=-100)  # after those of its objects


_following_multiprocessing = False


def _follow_multiprocessing() -> None:
    """Clean up in children of multiprocessing: they exit by `os._exit`, which skips `atexit`."""
    global _following_multiprocessing
    util = sys.modules.get("multiprocessing.util")
    if util is not None and not _following_multiprocessing:
        # A child clears its finalizers when it begins, and then calls these functions. Children
        # inherit the registration: once is enough for all generations.
        _following_multiprocessing = True
        util.register_after_fork(_at_exit, lambda _: _in_multiprocessing_child())
        _in_multiprocessing_child()


atexit.register(_at_exit)
_follow_multiprocessing()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_follow_multiprocessing)
