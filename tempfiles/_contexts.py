"""The tree of contexts, and which one is the current.

A context belongs to the code that entered it: to its thread, its asyncio task, and the threads and
tasks that these start. A thread of unknown descent (made by C code) gets the context entered last
by anyone.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import sys
import weakref
from collections.abc import Iterator

from . import _audit

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from contextvars import ContextVar
    from typing import Any

    from .records import Scope

RUN = "run"


class Context:
    """A named span of execution that owns what is registered in it.

    Ids are not unique: a test class imported into a second module runs twice. `attachment` is
    for whoever watches contexts (the tracker keeps there what it has observed); `part` names what
    is under way within it (a subtest).
    """

    __slots__ = (
        "__weakref__", "attachment", "closed", "directories", "files", "id", "parent", "part",
        "scope",
    )

    def __init__(self, id: str, scope: Scope = "context", parent: Context | None = None) -> None:
        self.id = id
        self.scope: Scope = scope
        self.parent = parent
        self.closed = False
        self.part: str | None = None
        # Path to the time of its registration. Most contexts register nothing: the two
        # dictionaries come with the first path.
        self.files: dict[str, float] | None = None
        self.directories: dict[str, float] | None = None
        self.attachment: Any = None

    def __repr__(self) -> str:
        return f"<Context {self.id!r} scope={self.scope}{' closed' if self.closed else ''}>"


class _NeverSet:
    """Stands for the context variable until the first context: an empty run needs none."""

    def get(self) -> None:
        return None


root = Context(RUN, "run")
_current: ContextVar[Context | None] = _NeverSet()  # type: ignore[assignment]
_open: dict[Context, None] = {root: None}  # ordered: outermost first
_started_in: weakref.WeakKeyDictionary[threading.Thread, Context] = weakref.WeakKeyDictionary()
_threading: Any = None  # the module, from the first context on: an empty run does not need it


def current() -> Context:
    """Return the context that the running code belongs to; outside of any, the root."""
    return _current.get() or _inherited_context()


def _inherited_context() -> Context:
    if _threading is None:
        return root
    # `threading.current_thread()` would enlist a foreign thread as a dummy; this looks only.
    thread = getattr(_threading, "_active", {}).get(_thread.get_ident())
    if thread is None or isinstance(thread, _threading._DummyThread):
        return tuple(_open)[-1]
    inherited = _started_in.get(thread)
    if inherited is not None:
        return inherited
    # What a runner opens (a test, a class) is the whole process's; what user code opens with
    # `context()` is only of those who opened it.
    return next((c for c in reversed(tuple(_open)) if c.scope != "context"), root)


def charged() -> Context:
    """Return the context that a leak of the running code would be told under.

    That is the innermost that a runner has opened: what user code opens with `context()` within a
    test only says what is to be removed when.
    """
    context = current()
    while context.scope == "context" and context.parent is not None:
        context = context.parent
    return context


def enter(id: str, scope: Scope = "context") -> Context:
    """Open a context below the current one and make it the current one."""
    if _threading is None:
        _begin()
    context = Context(id, scope, _current.get() or _inherited_context())
    _open[context] = None
    _current.set(context)
    return context


def adopt(context: Context) -> None:
    """Make a context the current one of the running code, without opening another."""
    if _threading is None:
        _begin()
    _current.set(context)


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    """What is made in the block is nobody's: it does not count as made by a test."""
    before = current()
    adopt(Context("unseen"))
    try:
        yield
    finally:
        adopt(before)


def leave(context: Context) -> None:
    """Close a context; what it registered stays. Its innermost open ancestor becomes current,
    unless the running code belongs to yet another context (contexts closed in disorder)."""
    context.closed = True
    _open.pop(context, None)
    if _current.get() is context:
        parent = context.parent
        while parent is not None and parent.closed:
            parent = parent.parent
        _current.set(parent)


def opened() -> tuple[Context, ...]:
    """Return the contexts that are open now, outermost first."""
    return tuple(_open)


def _begin() -> None:
    global _current, _threading
    import threading
    from contextvars import ContextVar

    _current = ContextVar("tempfiles_context", default=None)
    _threading = threading
    _follow_threads()


def _follow_threads() -> None:
    if sys.version_info >= (3, 12):
        _audit.subscribe({
            "_thread.start_new_thread": _thread_starts,
            "_thread.start_joinable_thread": _thread_starts,  # 3.13 and later
        })
        return
    # There is no event in 3.11: stand in for the function that `Thread.start` calls.
    start_new_thread = _threading._start_new_thread

    @functools.wraps(start_new_thread)
    def start(*args: Any) -> Any:
        _thread_starts(args)
        return start_new_thread(*args)

    _threading._start_new_thread = start


def _thread_starts(args: tuple[Any, ...]) -> None:
    thread = getattr(args[0], "__self__", None)
    if isinstance(thread, _threading.Thread):
        _started_in[thread] = current()
