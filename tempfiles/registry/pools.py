"""Follow work that is handed to shared workers: process pools, thread pools, asyncio runners.

Such a worker may have been started by another test. Its work belongs to the context that hands it
over. A worker process has no context of a later test; there, a context stands in for the one that
handed the work over, and its id is the key that the parent process knows that one by.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sys
import weakref
from collections.abc import Callable
from importlib import import_module
from sys import _getframe as get_frame
from types import FrameType, ModuleType
from typing import Any

from ..system.thread_lock import new_lock
from . import contexts, threads
from .contexts import Context
from .threads import Start

HANDED_OVER = "handed over"
"""The scope of a context that stands in for another one in a worker process."""


def announce_nothing(start: Start, key: str, frame: FrameType, in_process: bool) -> None:
    """Replace `announce` while no run observes."""


announce = announce_nothing
"""Called before work is handed over: with the place, the key of the work, the frame that hands it
over, and whether another process may do it."""

_owner = os.getpid()  # the process that hands work over and is followed
_numbers = itertools.count(1)
_handed: weakref.WeakValueDictionary[Any, Any] = weakref.WeakValueDictionary()
_followed: set[str] = set()
_lock = new_lock()


def follow_imported() -> None:
    """Follow the pools and runners of the modules that are imported already."""
    global _owner
    _owner = os.getpid()
    for name in MODULES:
        if name in sys.modules:
            follow(name)


def follow(name: str) -> None:
    """Follow the pools or runners of a module, which is imported if it is not yet.

    Nothing changes in a Python whose module has no such class.
    """
    with contextlib.suppress(Exception):  # the import statement raises it as well
        module = import_module(name)
        with _lock:
            if name in _followed:
                return
            _followed.add(name)
        MODULES[name](module)


def _follow_pools(module: ModuleType) -> None:
    """Follow `multiprocessing.Pool` and `ThreadPool`: a task carries the number of its job."""

    def hand_over(result: Any, frame: FrameType) -> None:
        in_process = not isinstance(result._pool, module.ThreadPool)
        _hand_over(result, f"job {result._job}", frame, in_process)

    for kind in (module.ApplyResult, module.IMapIterator):
        kind.__init__ = _then(kind.__init__, hand_over)
    for kind in (module.ApplyResult, module.MapResult):
        kind._set = _where_handed_over(kind._set)
    module.worker = _taking_up(module.worker, lambda task: f"job {task[0]}")  # type: ignore[attr-defined]


def _follow_executors(module: ModuleType) -> None:
    """Follow `ProcessPoolExecutor`: the call that is sent to a worker carries the key."""

    def hand_over(work: Any, frame: FrameType) -> None:
        work.tempfiles_key = f"work {next(_numbers)}"
        _hand_over(work, work.tempfiles_key, frame, True)
        _handed[id(work.kwargs)] = work  # the call has the same dictionary

    def give_key(call: Any, frame: FrameType) -> None:
        work = _handed.get(id(call.kwargs))
        if work is not None:
            call.tempfiles_key = work.tempfiles_key

    work_item, call_item = module._WorkItem, module._CallItem
    work_item.__init__ = _then(work_item.__init__, hand_over)
    call_item.__init__ = _then(call_item.__init__, give_key)
    module._process_worker = _taking_up(  # type: ignore[attr-defined]
        module._process_worker, lambda call: getattr(call, "tempfiles_key", "")
    )


def _follow_loky(module: ModuleType) -> None:
    """Follow the executors of loky, whose items are like those of `ProcessPoolExecutor`."""
    # The item has slots: a class below it has room for the key.
    module._WorkItem = type("_WorkItem", (module._WorkItem,), {})  # type: ignore[attr-defined]
    _follow_executors(module)


def _follow_runners(module: ModuleType) -> None:
    """Follow `asyncio.Runner`, which runs all its work in a copy of the first caller's context."""
    run = module.Runner.run

    @functools.wraps(run)
    def run_here(self: Any, *args: Any, **kwargs: Any) -> Any:
        copied = getattr(self, "_context", None)
        if copied is not None and kwargs.get("context") is None:
            copied.run(_take_up, contexts.current())
        return run(self, *args, **kwargs)

    module.Runner.run = run_here


MODULES: dict[str, Callable[[ModuleType], None]] = {
    "multiprocessing.pool": _follow_pools,
    "concurrent.futures.process": _follow_executors,
    "asyncio.runners": _follow_runners,
    "loky.process_executor": _follow_loky,
    "joblib.externals.loky.process_executor": _follow_loky,
}
"""The modules of the workers that are followed."""


def _then(init: Callable[..., None], act: Callable[[Any, FrameType], None]) -> Callable[..., None]:
    @functools.wraps(init)
    def init_followed(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if os.getpid() == _owner:
            with contextlib.suppress(Exception):  # a later Python, whose objects are others
                act(self, get_frame(1))

    return init_followed


def _where_handed_over(call_back: Callable[..., None]) -> Callable[..., None]:
    """Return a method of work that calls its callbacks in the context that handed it over."""

    @functools.wraps(call_back)
    def call_back_there(self: Any, *args: Any) -> None:
        before = threads.take_up(getattr(self, "tempfiles_start", None))
        try:
            call_back(self, *args)
        finally:
            threads.take_up(before)

    return call_back_there


def _hand_over(work: Any, key: str, frame: FrameType, in_process: bool) -> None:
    work.tempfiles_start = Start(contexts.current(), contexts.trace_start(frame))
    _handed[key] = work
    announce(work.tempfiles_start, key, frame, in_process)


def _take_up(context: Context) -> None:
    """Make a context the current one of a worker, unless its work is within that already."""
    if not contexts.is_within(context):
        contexts.activate(context)


def _taking_up(
    worker: Callable[..., None], key_of: Callable[[Any], str]
) -> Callable[..., None]:
    """Return a worker's function that takes up the context of each piece of work with it."""

    @functools.wraps(worker)
    def worker_followed(queue: Any, *args: Any, **kwargs: Any) -> None:
        # The workers of a process that this one has started are not followed.
        is_followed = _owner in (os.getpid(), os.getppid())
        worker(_WorkQueue(queue, key_of) if is_followed else queue, *args, **kwargs)

    return worker_followed


class _WorkQueue:
    """A queue of work, seen by a worker that takes up the context of what it gets."""

    def __init__(self, queue: Any, key_of: Callable[[Any], str]) -> None:
        self._queue = queue
        self._key_of = key_of

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next piece of work, and belong to its context from now on."""
        work = self._queue.get(*args, **kwargs)
        key = self._key_of(work) if work is not None else ""
        if key and os.getpid() != _owner:
            _take_up(Context(key, HANDED_OVER))
        elif key:
            threads.take_up(getattr(_handed.get(key), "tempfiles_start", None))
        return work
