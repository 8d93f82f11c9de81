"""The tree of contexts, what each has registered, and which one is the current.

A context belongs to the code that entered it: to its thread, its asyncio task, and the threads and
tasks that these start. A thread of unknown descent (made by C code) gets the context entered last
by anyone.

A registration belongs to the process that made it. A forked child knows what its parent had
registered (`inherited`), and leaves it alone.
"""

from __future__ import annotations

import _thread
import functools
import os
import sys
import time
import weakref
from collections.abc import Iterable
from contextvars import ContextVar

from . import _audit
from .errors import NotRegisteredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
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


root = Context(RUN, "run")
_current: ContextVar[Context | None] = ContextVar("tempfiles_context", default=None)
_open: dict[Context, None] = {root: None}  # ordered: outermost first
_owners: dict[str, Context] = {}
_inherited: dict[str, Context] = {}
_kept: set[str] = set()
_files = 0  # registered by this process, in all contexts
_lock = _thread.RLock()
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
        _follow_threads()
    context = Context(id, scope, _current.get() or _inherited_context())
    _open[context] = None
    _current.set(context)
    return context


def adopt(context: Context) -> None:
    """Make an open context the current one of the running code, without opening another."""
    _current.set(context)


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


def holders() -> tuple[Context, ...]:
    """Return the contexts that are open or still have something registered."""
    with _lock:
        return tuple(dict.fromkeys([*_open, *_owners.values()]))


def register(path: str, *, directory: bool, context: Context | None = None) -> None:
    """Give an absolute path to a context (default: the current one), taking it from any other.

    What the parent process of a fork has registered stays the parent's.
    """
    global _files
    if context is None:
        context = _current.get() or _inherited_context()
    with _lock:
        if path in _inherited:
            return
        if path in _owners:
            unregister(path)
        _owners[path] = context
        _kept.discard(path)
        if directory:
            if context.directories is None:
                context.directories = {}
            context.directories[path] = time.time()
        else:
            if context.files is None:
                context.files = {}
            context.files[path] = time.time()
            _files += 1


def unregister(path: str) -> None:
    """Take an absolute path from its context; the path itself is left alone.

    Raises:
        NotRegisteredError: no context has it.
    """
    global _files
    with _lock:
        context = _owners.pop(path, None)
        if context is None:
            if path in _inherited:
                return
            raise NotRegisteredError(f"not registered: {path}")
        if context.files is not None and context.files.pop(path, None) is not None:
            _files -= 1
        if context.directories is not None:
            context.directories.pop(path, None)


def release(path: str, context: Context) -> bool:
    """Unregister a path if it is this context's and this process's; return whether it was."""
    with _lock:
        if _owners.get(path) is not context:
            return False
        unregister(path)
        return True


def release_files(paths: Iterable[str], context: Context) -> None:
    """Unregister those of many files that are this context's and this process's."""
    global _files
    with _lock:
        files = context.files or {}
        find = _owners.get
        for path in paths:
            if path in files and find(path) is context:
                del _owners[path], files[path]
                _files -= 1


def keep(path: str) -> None:
    """Unregister a path for good: no removal of a registered directory above it takes it along."""
    with _lock:
        if path in _owners:
            unregister(path)
        _kept.add(path)


def is_kept(path: str) -> bool:
    """Return whether an absolute path was given up with `keep`."""
    return path in _kept


def kept() -> frozenset[str]:
    """Return the absolute paths that were given up with `keep`."""
    return frozenset(_kept)


def is_looked_after(path: str) -> bool:
    """Whether an absolute path, or a directory above it, is registered or was given up."""
    if not (_owners or _kept):
        return False
    while path not in _owners and path not in _kept:
        parent = os.path.dirname(path)
        if parent == path:
            return False
        path = parent
    return True


def file_count() -> int:
    """Return how many files this process has registered, in all contexts."""
    return _files


def spared(context: Context) -> dict[str, Context | None]:
    """Return the paths that removing this context's things must not touch, each with the other
    context of this process that it belongs to (None: kept, or the parent process's)."""
    with _lock:
        paths: dict[str, Context | None] = dict.fromkeys(_kept)
        paths.update(dict.fromkeys(_inherited))
        paths.update(item for item in _owners.items() if item[1] is not context)
        return paths


def below(directory: str) -> tuple[str, ...]:
    """Return the paths below an absolute path that this process has registered."""
    prefix = directory.rstrip(os.sep) + os.sep
    with _lock:
        return tuple(path for path in _owners if path.startswith(prefix))


def owner(path: str) -> Context | None:
    """Return the context that an absolute path is registered with (a parent process's
    registration counts), or None."""
    return _owners.get(path) or _inherited.get(path)


def owned(path: str) -> Context | None:
    """Return the context that this very process has registered an absolute path with, or None."""
    return _owners.get(path)


def _follow_threads() -> None:
    global _threading
    import threading

    _threading = threading
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


def _inherit() -> None:
    global _lock, _files
    # Another thread may have held the lock when the fork happened; nobody would release it.
    _lock = _thread.RLock()
    for context in _owners.values():
        context.files = context.directories = None
    _inherited.update(_owners)
    _owners.clear()
    _files = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inherit)
