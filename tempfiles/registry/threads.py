"""Record where threads are started and where work is submitted to thread pools.

The worker of a pool is a thread that was started for earlier work, perhaps by another test. Work
in a `ThreadPoolExecutor` therefore belongs to the code that submits it.
"""

from __future__ import annotations

import _thread
import contextlib
import dis
import functools
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from sys import _getframe as get_frame
from types import CodeType, FrameType, ModuleType
from typing import Any

from ..system import audit
from ..system.thread_lock import new_lock

_POOLS = "concurrent.futures.thread"
_OWN = __name__.partition(".")[0]
# The methods of queues, deques, sockets and connections, events, conditions and semaphores.
_HANDING = (
    ("put", "get"), ("popleft",), ("recv",), ("wait", "set"), ("notify",), ("acquire", "_value"),
)
_TAKING = frozenset(("pop", "popleft", "heappop", "get_nowait", "recv", "accept", "select"))
_READS = ("read", "readv")
_NOT_USERS = frozenset((*sys.stdlib_module_names, _OWN)) - {"__main__"}
_BOTTOMS: dict[str, tuple[str, ...]] = {
    "asyncio.events": (), "multiprocessing.process": (), "multiprocessing.popen_fork": (),
    "unittest.case": (), _POOLS: (), "multiprocessing.pool": ("worker",),
}
"""The functions, by module, that run what they were given. Without names it is the module."""


class Start:
    """The place where a thread was started or work was submitted.

    Args:
        context: the context that was current there.
        trail: the result of `trace_start` for the frame.

    Attributes:
        has_worked: whether the trail was asked for already.
    """

    __slots__ = ("context", "has_worked", "trail")

    def __init__(self, context: Any, trail: Any) -> None:
        self.context = context
        self.trail = trail
        self.has_worked = False


_starts: weakref.WeakKeyDictionary[threading.Thread, Start] = weakref.WeakKeyDictionary()
_start_at: Callable[[FrameType], Start]
_pools_followed = False
_lock = new_lock()


def follow(start_at: Callable[[FrameType], Start]) -> None:
    """Record from now on where threads are started.

    Args:
        start_at: called with the frame that starts a thread; it must not keep the frame.
    """
    global _start_at
    _start_at = start_at
    audit.subscribe({
        "_thread.start_new_thread": _thread_starts,
        "_thread.start_joinable_thread": _thread_starts,  # 3.13 and later
        "tempfiles.start_new_thread": _thread_starts,
    })
    if getattr(sys.modules.get(_POOLS), "_threads_queues", None):
        _follow_pools()  # it has workers already
    if sys.version_info < (3, 12):
        _raise_event_of_start()


def running() -> threading.Thread | None:
    """Return the running thread if it is known; for a thread of C code no dummy is created."""
    thread: threading.Thread | None = getattr(threading, "_active", {}).get(_thread.get_ident())
    return thread


def is_foreign(thread: threading.Thread) -> bool:
    """Return whether a thread was not started by Python code."""
    return isinstance(thread, threading._DummyThread)


def start_of(thread: threading.Thread | None) -> Start | None:
    """Return where a thread, or the work it does now, was started; None if that is not recorded."""
    return _starts.get(thread) if thread is not None else None


def may_take_work(frame: FrameType | None) -> bool:
    """Return whether other code can hand work to the running thread, task or forked process.

    It holds a queue, a socket, an event or the like in the user's functions that it is in, or in
    the library's functions that call these. Pools whose work is followed do not count.

    Args:
        frame: the innermost frame.
    """
    frames: list[FrameType] = []
    is_users = False
    while frame is not None and not _is_bottom(frame):
        module = frame.f_globals.get("__name__", "")
        if module != "threading":
            if not is_users:  # of the library's own frames the outermost is the thread's target
                frames.clear()
                is_users = module.partition(".")[0] not in _NOT_USERS
            frames.append(frame)
        frame = frame.f_back
    return any(map(_may_take_work, frames))


def _is_bottom(frame: FrameType) -> bool:
    """Whether a frame calls what other code has asked for, so that frames above it do not matter.

    Those above a fork are those of the process that forked.
    """
    functions = _BOTTOMS.get(frame.f_globals.get("__name__", ""))
    return functions is not None and (not functions or frame.f_code.co_name in functions)


def _may_take_work(frame: FrameType) -> bool:
    code = frame.f_code
    if not _TAKING.isdisjoint(code.co_names) or any(_polls(code)):
        return True
    values = list(frame.f_locals.values())
    values += [frame.f_globals.get(name) for name in code.co_names]
    values += [held for value in values for held in _held_by(value, code.co_names)]
    return any(map(_hands_over, values))


def _held_by(value: object, names: Collection[str]) -> Iterator[object]:
    """Yield the attributes of an object; of a class or module those that have one of some names."""
    if isinstance(value, type):
        yield from (held for kind in value.__mro__ for held in map(vars(kind).get, names))
    elif isinstance(value, ModuleType):
        yield from map(vars(value).get, names)
    else:
        held = getattr(value, "__dict__", {}).items()
        yield from (each for name, each in held if name != "_started")


def _polls(code: CodeType) -> Iterator[bool]:
    """Yield whether an instruction reads a descriptor or resets a variable that others may set."""
    before = None
    for step in dis.get_instructions(code):
        yield step.opname == "STORE_GLOBAL" or (before == "os" and step.argval in _READS)
        yield step.opname == "STORE_DEREF" and step.argval in code.co_freevars
        before = step.argval


def _hands_over(value: object) -> bool:
    kind = type(value)
    return any(all(hasattr(kind, name) for name in names) for names in _HANDING)


def audit_submissions(pools: ModuleType, take_up: Callable[[Any], Any]) -> None:
    """Raise the audit event `tempfiles.submit` for each piece of work, with the work.

    Nothing changes in a Python whose module has no such class.

    Args:
        pools: the module `concurrent.futures.thread`.
        take_up: called by the worker before the work with the work's attribute `tempfiles_start`
            if it has one; the result is passed to it again afterwards.
    """
    work = getattr(pools, "_WorkItem", None)
    init, run = getattr(work, "__init__", None), getattr(work, "run", None)
    if work is None or init is None or run is None:
        return

    @functools.wraps(init)
    def init_audited(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        sys.audit("tempfiles.submit", self)

    @functools.wraps(run)
    def run_where_submitted(self: Any, *args: Any, **kwargs: Any) -> None:
        start = getattr(self, "tempfiles_start", None)
        before = take_up(start) if start is not None else None
        try:
            run(self, *args, **kwargs)
        finally:
            # An error that the work raised keeps this frame alive, which must not keep the work.
            del self, args, kwargs
            if start is not None:
                take_up(before)

    work.__init__, work.run = init_audited, run_where_submitted


def _raise_event_of_start() -> None:
    """Wrap the function that `Thread.start` calls: 3.11 raises no event for it."""
    start_new_thread = threading._start_new_thread  # type: ignore[attr-defined]

    @functools.wraps(start_new_thread)
    def start(*args: Any) -> Any:
        sys.audit("tempfiles.start_new_thread", *args)
        return start_new_thread(*args)

    threading._start_new_thread = start  # type: ignore[attr-defined]


def _thread_starts(args: tuple[Any, ...]) -> None:
    thread = getattr(args[0], "__self__", None)
    if isinstance(thread, threading.Thread):
        frame = get_frame(2)
        if frame.f_globals is globals() and frame.f_back is not None:
            frame = frame.f_back  # the wrapper for 3.11
        _starts[thread] = _start_at(frame)
        if not _pools_followed and _POOLS in sys.modules:
            _follow_pools()


def _follow_pools() -> None:
    global _pools_followed
    with _lock:
        if not _pools_followed:
            _pools_followed = True
            audit.subscribe({"tempfiles.submit": _work_is_submitted})
            audit_submissions(sys.modules[_POOLS], take_up)


def _work_is_submitted(args: tuple[Any, ...]) -> None:
    # The wrapper raises the event: the code that submits is one frame further out.
    with contextlib.suppress(AttributeError):  # a later Python whose work has slots
        args[0].tempfiles_start = _start_at(get_frame(3))


def take_up(start: Start | None) -> Start | None:
    """Set the start of what the running thread does next; return the one before."""
    thread = running()
    if thread is None:
        return None
    before = _starts.pop(thread, None)
    if start is not None:
        _starts[thread] = start
    return before
