"""The tree of contexts, and which one is the current.

A context belongs to the code that entered it: to its thread, its asyncio task, and the threads and
tasks that these start. What is submitted to a pool of threads belongs to the context that submits
it. A thread of unknown descent (made by C code) gets the context entered last by anyone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import ContextVar
    from types import FrameType
    from typing import Any

    from ..records import Scope

RUN = "run"


class Context:
    """A named span of execution that owns what is registered in it.

    Ids are not unique: a test class imported into a second module runs twice. `attachment` is
    for whoever watches contexts (the tracker keeps there what it has observed); `part` names what
    is under way within it (a subtest).
    """

    __slots__ = (
        "__weakref__", "attachment", "closed", "directories", "files", "id", "parent", "part",
        "places", "scope",
    )

    def __init__(self, id: str, scope: Scope = "context", parent: Context | None = None) -> None:
        self.id = id
        self.scope: Scope = scope
        self.parent = parent
        self.closed = False
        self.part: str | None = None
        # Path to the time of its registration. Most contexts register nothing: the dictionaries
        # come with the first path.
        self.files: dict[str, float] | None = None
        self.directories: dict[str, float] | None = None
        # Directory to what it was when the first path in it was registered: device and inode.
        self.places: dict[str, tuple[int, int] | None] | None = None
        self.attachment: Any = None

    def __repr__(self) -> str:
        return f"<Context {self.id!r} scope={self.scope}{' closed' if self.closed else ''}>"


def trace_nothing(frame: FrameType) -> None:
    """Stands for `trace_start` while nobody wants to know."""


trace_start: Callable[[FrameType], Any] = trace_nothing


class _NeverSet:
    """Stands for the context variable until the first context: an empty run needs none."""

    def get(self) -> None:
        return None


root = Context(RUN, "run")
nobody = Context("unseen")
"""Whose is what is made in a block of `unseen`."""
_current: ContextVar[Context | None] = _NeverSet()  # type: ignore[assignment]
_open: dict[Context, None] = {root: None}  # ordered: outermost first
_threads: Any = None  # the module, from the first context on: an empty run does not need it


def current() -> Context:
    """Return the context that the running code belongs to; outside of any, the root."""
    return _current.get() or _inherited_context()


def _inherited_context() -> Context:
    if _threads is None:
        return root
    thread = _threads.running()
    if thread is None or _threads.is_foreign(thread):
        return tuple(_open)[-1]
    start = _threads.start_of(thread)
    if start is not None:
        context: Context = start.context
        return context
    # What a runner opens (a test, a class) is the whole process's; what user code opens with
    # `context()` is only of those who opened it.
    return next((c for c in reversed(tuple(_open)) if c.scope != "context"), root)


def trail_of_start() -> Any:
    """Return what `trace_start` told of the start of what the running thread does; else None."""
    start = _threads.start_of(_threads.running()) if _threads is not None else None
    return start.trail if start is not None else None


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
    if _threads is None:
        _begin()
    context = Context(id, scope, _current.get() or _inherited_context())
    _open[context] = None
    _current.set(context)
    return context


def adopt(context: Context) -> None:
    """Make a context the current one of the running code, without opening another."""
    if _threads is None:
        _begin()
    _current.set(context)


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    """What is made in the block is nobody's: it does not count as made by a test."""
    before = current()
    adopt(nobody)
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


def is_around(context: Context, inner: Context) -> bool:
    """Whether another context was opened within a context."""
    parent = inner.parent
    while parent is not None and parent is not context:
        parent = parent.parent
    return parent is not None


def is_fixture_of(context: Context, inner: Context) -> bool:
    """Whether a context is around another, so that its fixtures clean up after that."""
    return context.scope != "run" and is_around(context, inner)


def _begin() -> None:
    global _current, _threads
    from contextvars import ContextVar

    from . import threads

    _current = ContextVar("tempfiles_context", default=None)
    _threads = threads
    threads.follow(lambda frame: threads.Start(current(), trace_start(frame)))
