"""The tree of contexts, and the context that the running code belongs to.

A context belongs to the code that entered it: its thread, its asyncio task, and the threads and
tasks that these start. Work that is submitted to a thread pool belongs to the context that submits
it. A thread that C code started gets the context that was entered last in the process.
"""

from __future__ import annotations

import _thread
import contextlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from sys import _getframe as get_frame
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from ..system.thread_lock import new_lock

if TYPE_CHECKING:
    from ..fileops.identity import FileId
    from ..records import Scope  # not imported at the start of a run
    from . import threads  # imported with the first context, and `threading` with it

RUN = "run"


class Context:
    """A named span of execution that owns the paths registered in it.

    Attributes:
        id: what the host calls it. Ids are not unique: a test class that a second module imports
            runs twice.
        scope: "test", "class", "module", "run", "context" (opened by user code), or another word
            of the host.
        parent: the context in which it was opened; None for that of the run.
        part: what runs within it now, such as a subtest; `Run.begin_part` changes it.
        source: the function or file that the host gave for it.
        exempt: whether what it leaves is no leak; see `Run.exempt`.
        attachment: what the run has observed in the context.
    """

    __slots__ = (
        "__weakref__", "attachment", "closed", "directories", "exempt", "files", "id", "parent",
        "parent_keys", "part", "scope", "source",
    )  # fmt: skip

    def __init__(self, id: str, scope: Scope = "context", parent: Context | None = None) -> None:
        self.id: Final = id
        self.scope: Final[Scope] = scope
        self.parent: Final = parent
        self.closed = False
        self.exempt = False
        self.part: str | None = None
        self.source: Any = None
        # Path to the time of its registration. Most contexts register nothing: the dictionaries
        # are created with the first path.
        self.files: dict[str, float] | None = None
        self.directories: dict[str, float] | None = None
        # Parent directory to its device and inode when the first path in it was registered.
        self.parent_keys: dict[str, FileId | None] | None = None
        self.attachment: Any = None

    @staticmethod
    def current() -> Context:
        """Return the context that the running code belongs to; outside of any, the run's."""
        return current()

    def __repr__(self) -> str:
        return f"<Context {self.id!r} scope={self.scope}{' closed' if self.closed else ''}>"


def no_trace(frame: FrameType) -> None:
    """Replace `trace_start` while no run observes."""


trace_start: Callable[[FrameType], Any] = no_trace
"""Called with the frame that starts a thread; the result is kept with the start."""

root = Context(RUN, "run")
UNTRACKED = Context("untracked")
"""The context of the code in a block of `untracked`."""
UNDECIDED = Context("undecided")
"""The context of what one of several contexts has created, where nothing says which of them."""

_current: ContextVar[Context | None] = ContextVar("tempfiles_context", default=None)
_work: ContextVar[Any] = ContextVar("tempfiles_work", default=None)  # the start seen in it
_open: dict[Context, None] = {root: None}  # ordered: outermost first
_entered = _thread._local()
"""`context`: the context of a host that a thread entered last, outside of any event loop."""
_SCHEDULERS = ("trio", "curio", "twisted.internet.defer")
"""Modules that run pieces of work in turn, each in a copied context, in no loop of asyncio."""
_innermost = root
_follows_threads = False  # from the first context on
_lock = new_lock()


def current() -> Context:
    """Return the context that the running code belongs to; outside of any, the root."""
    context = _current.get() or _inherited_context()
    return context if context is _innermost else _unless_copied(context)


def _unless_copied(context: Context) -> Context:
    """Return a context, unless it is from a copied `contextvars.Context` that other code runs.

    Code that `Context.run` calls belongs to the caller: to what the thread has entered. In an event
    loop it belongs to what created the task.
    """
    entered: Context | None = getattr(_entered, "context", None)
    if entered is None or entered.closed or context is UNTRACKED:
        return context
    host = _host_context(context)
    is_copied = host is not entered and (host.closed or encloses(host, entered))
    return entered if is_copied and not _is_scheduled() else context


def _is_scheduled() -> bool:
    """Whether an event loop calls the running code, which then belongs to its task."""
    loops = sys.modules.get("_asyncio")
    if loops is not None and loops._get_running_loop() is not None:
        return True
    greenlet = sys.modules.get("greenlet")
    if greenlet is not None and greenlet.getcurrent().parent is not None:
        return True
    return any(name in sys.modules for name in _SCHEDULERS)


def _make_current(context: Context) -> None:
    """Make a context the current one, and record what the thread has entered, or returned to."""
    global _innermost
    _innermost = context
    _current.set(context)
    loops = sys.modules.get("_asyncio")
    if context.scope != "context" and (loops is None or loops._get_running_loop() is None):
        _entered.context = context


def reporting_context() -> Context:
    """Return the context under which a leak of the running code is reported.

    This is the innermost context that a host opened. One that user code opens with `context()`
    inside a test only decides when its registered paths are removed. A thread or task that outlives
    its context and may take work from others, in a way that is not followed, belongs to none.
    """
    known = _current.get()
    # Inline, as `current` and `_host_context`, whose calls cost: each event comes here.
    context = known if known is not None and known is _innermost else current()
    while context.scope == "context" and context.parent is not None:
        context = context.parent
    if context.closed and _follows_threads and threads.may_take_work(get_frame(1)):
        return UNDECIDED
    return context


def _host_context(context: Context) -> Context:
    while context.scope == "context" and context.parent is not None:
        context = context.parent
    return context


def enter(id: str, scope: Scope = "context") -> Context:
    """Open a context below the current one and make it the current one."""
    if not _follows_threads:
        _follow_threads()
    known = _current.get()
    # Most often the running code knows its context, and that is the one entered or left last.
    is_plain = known is _innermost and known is not None
    context = Context(id, scope, known if is_plain else _parent(scope, known))
    _open[context] = None
    _make_current(context)
    return context


def _parent(scope: Scope, known: Context | None) -> Context:
    """Return the context in which a new one is opened.

    A test in a thread of which nothing is known is not within the test that another thread runs.
    """
    parent = current()
    if scope == "test" and known is None:
        while parent.scope == scope and parent.parent is not None:
            parent = parent.parent
    return parent


def _set_current(context: Context) -> None:
    """Make an open context the current one of the running code."""
    if not _follows_threads:
        _follow_threads()
    _make_current(context)


class Activation:
    """A context made the current one; at the end of a `with` block, the one before is again."""

    def __init__(self, context: Context) -> None:
        self._before = current()
        self._context = context
        _set_current(context)

    def __enter__(self) -> Context:
        return self._context

    def __exit__(self, *exception: object) -> None:
        _set_current(self._before)


def activate(context: Context) -> Activation:
    """Make a context the current one of the running code, at once.

    For code that runs in another thread or task than the one that entered the context: event
    loops, worker threads, jobs of a pool, fixtures that outlive a test.

    Returns:
        A context manager. At the end of its `with` block, the context that was current before is
        current again; without a block, the activation lasts.
    """
    return Activation(context)


def close(context: Context) -> None:
    """Close a context; its registrations stay. Its innermost open ancestor becomes current,
    unless the running code belongs to another context (contexts closed out of order)."""
    context.closed = True
    _open.pop(context, None)
    if _current.get() is context:
        parent = context.parent
        while parent is not None and parent.closed:
            parent = parent.parent
        if parent is not None:
            _make_current(parent)
        else:
            _current.set(None)


def leave_all() -> None:
    """Leave, in a forked child, the contexts that the parent process has open."""
    for context in _open:
        context.attachment = None
    _open.clear()
    _open[root] = None
    _make_current(root)
    _current.set(None)


@contextlib.contextmanager
def untracked() -> Iterator[None]:
    """Attribute what the block creates to no test."""
    with activate(UNTRACKED):
        yield


def open_contexts() -> tuple[Context, ...]:
    """Return the contexts that are open now, outermost first."""
    return tuple(_open)


def encloses(context: Context, inner: Context) -> bool:
    """Return whether a context was opened within another one."""
    parent = inner.parent
    while parent is not None and parent is not context:
        parent = parent.parent
    return parent is not None


def is_within(context: Context) -> bool:
    """Return whether the running code was started in a context, or in a block of it."""
    own = _current.get()
    return own is not None and _host_context(own) is _host_context(context)


def is_fixture_of(context: Context, inner: Context) -> bool:
    """Return whether a context encloses another, so that its fixtures clean up after that one."""
    return context.scope != "run" and encloses(context, inner)


def trail_of_start() -> tuple[Any, bool]:
    """Return what `trace_start` returned for the start of the running thread or pool work.

    Returns:
        The trail, or None, and whether the thread was started for what it does now. The threads of
        a pool that passes on context variables may have been started for earlier work.
    """
    start = threads.start_of(threads.running()) if _follows_threads else None
    if start is None:
        return None, False
    context = current()
    is_first = start is _work.get() or not start.has_worked
    if is_first and not start.has_worked:
        start.has_worked = True
        _work.set(start)
    return start.trail, is_first and (start.context is context or encloses(start.context, context))


def _inherited_context() -> Context:
    if not _follows_threads:
        return root
    thread = threads.running()
    if thread is None or threads.is_foreign(thread):
        return tuple(_open)[-1]
    start = threads.start_of(thread)
    if start is not None:
        context: Context = start.context
        return context
    # A context that a host opens (a test, a class) holds for the whole process; one that user code
    # opens with `context()` holds for the code that opened it.
    return next((c for c in reversed(tuple(_open)) if c.scope != "context"), root)


def _follow_threads() -> None:
    global _follows_threads, threads
    from . import threads  # before the lock: an import may wait for another thread

    with _lock:
        if not _follows_threads:
            threads.follow(lambda frame: threads.Start(current(), trace_start(frame)))
            _follows_threads = True
