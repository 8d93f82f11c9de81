"""The tree of contexts, what each has registered, and which one is the current.

A context belongs to the code that entered it: to its thread, its asyncio task, and the threads and
tasks that these start. A thread of unknown descent (made by C code) gets the context entered last
by anyone.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from . import _audit
from .errors import NotRegisteredError
from .records import Scope

RUN = "run"


@dataclass(slots=True)
class Registration:
    """A registered path: when it was registered, and by which process."""

    created: float
    pid: int


class Context:
    """A named span of execution that owns what is registered in it.

    Ids are not unique: a test class imported into a second module runs twice. `attachment` is
    for whoever watches contexts (the tracker keeps there what it has observed).
    """

    __slots__ = (
        "__weakref__", "attachment", "closed", "directories", "files", "id", "parent", "scope",
    )

    def __init__(self, id: str, scope: Scope = "context", parent: Context | None = None) -> None:
        self.id = id
        self.scope: Scope = scope
        self.parent = parent
        self.closed = False
        # Most contexts register nothing: the two dictionaries come with the first path.
        self.files: dict[str, Registration] | None = None
        self.directories: dict[str, Registration] | None = None
        self.attachment: Any = None

    def __repr__(self) -> str:
        return f"<Context {self.id!r} scope={self.scope}{' closed' if self.closed else ''}>"


root = Context(RUN, "run")
_current: ContextVar[Context | None] = ContextVar("tempfiles_context", default=None)
_foreground = root
_open: dict[Context, None] = {root: None}  # ordered: outermost first
_owners: dict[str, Context] = {}
_lock = threading.RLock()
_started_in: weakref.WeakKeyDictionary[threading.Thread, Context] = weakref.WeakKeyDictionary()
_following_threads = False


def current() -> Context:
    """Return the context that the running code belongs to; outside of any, the root."""
    context = _current.get()
    if context is not None:
        return context
    # `threading.current_thread()` would enlist a foreign thread as a dummy; this looks only.
    thread = getattr(threading, "_active", {}).get(threading.get_ident())
    inherited = _started_in.get(thread) if thread is not None else None
    return inherited if inherited is not None else _foreground


def enter(id: str, scope: Scope = "context") -> Context:
    """Open a context below the current one and make it the current one."""
    global _foreground
    if not _following_threads:
        _follow_threads()
    context = Context(id, scope, current())
    _open[context] = None
    _current.set(context)
    _foreground = context
    return context


def leave(context: Context) -> None:
    """Make the parent of a context the current one again; what it registered stays."""
    global _foreground
    context.closed = True
    _open.pop(context, None)
    _current.set(context.parent)
    if _foreground is context:
        _foreground = context.parent or root


def opened() -> tuple[Context, ...]:
    """Return the contexts that are open now, outermost first."""
    return tuple(_open)


def holders() -> tuple[Context, ...]:
    """Return the contexts that are open or still have something registered."""
    with _lock:
        return tuple(dict.fromkeys([*_open, *_owners.values()]))


def register(path: str, *, directory: bool, context: Context | None = None) -> None:
    """Give an absolute path to a context (default: the current one), taking it from any other."""
    context = context or current()
    registration = Registration(time.time(), os.getpid())
    with _lock:
        if path in _owners:
            unregister(path)
        if directory:
            if context.directories is None:
                context.directories = {}
            context.directories[path] = registration
        else:
            if context.files is None:
                context.files = {}
            context.files[path] = registration
        _owners[path] = context


def unregister(path: str) -> None:
    """Take an absolute path from its context; the path itself is left alone.

    Raises:
        NotRegisteredError: no context has it.
    """
    with _lock:
        context = _owners.pop(path, None)
        if context is None:
            raise NotRegisteredError(f"not registered: {path}")
        if context.files is not None:
            context.files.pop(path, None)
        if context.directories is not None:
            context.directories.pop(path, None)


def owner(path: str) -> Context | None:
    """Return the context that an absolute path is registered with, or None."""
    return _owners.get(path)


def _follow_threads() -> None:
    global _following_threads
    _following_threads = True
    _audit.subscribe({
        "_thread.start_new_thread": _thread_starts,
        "_thread.start_joinable_thread": _thread_starts,  # 3.13 and later
    })


def _thread_starts(args: tuple[Any, ...]) -> None:
    thread = getattr(args[0], "__self__", None)
    if isinstance(thread, threading.Thread):
        _started_in[thread] = current()


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    # Another thread may have held the lock when the fork happened; nobody would release it.
    os.register_at_fork(after_in_child=_renew_lock)
