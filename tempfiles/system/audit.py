"""The process's one audit hook (PEP 578), and the handlers that are subscribed to it.

A hook cannot be removed, so there is one for the life of the process, installed by the first
subscription. Without handlers it returns after one dictionary look-up.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .thread_lock import new_lock

Handler = Callable[[tuple[Any, ...]], object]

AGAIN = object()
"""A handler returns this when it has handed its event over: the new handler is then called too."""

_STDLIB = os.path.dirname(os.path.realpath(os.__file__)) + os.sep
_CREATE = os.O_CREAT
_WRITING_MODES = frozenset("wax+")
# What an observer has handlers for, besides "open" and "import".
_WRITE_EVENTS = (
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate",
    "shutil.copyfile", "shutil.move", "socket.bind", "socket.connect", "sqlite3.connect",
    "tempfiles.make_node", "ctypes.dlopen", "ctypes.dlsym",
    "subprocess.Popen", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty",
)  # fmt: skip
_NODE_FUNCTIONS = ("mkfifo", "mknod")

_lock = new_lock()
_handlers: dict[str, Handler] = {}
_installed = False
_unaudited: dict[str, Callable[..., None]] = {}


def subscribe(handlers: Mapping[str, Handler]) -> None:
    """Call each handler with the event's arguments whenever its event is raised.

    A handler runs before the audited call, in the thread that makes it. It must not raise.

    Raises:
        RuntimeError: an event has a handler already.
    """
    with _lock:
        taken = handlers.keys() & _handlers.keys()
        if taken:
            raise RuntimeError(f"audit events with a handler already: {', '.join(sorted(taken))}")
        _handlers.update(handlers)
        _install()


def unsubscribe(handlers: Mapping[str, Handler]) -> None:
    """Remove handlers; an event that has another handler keeps it."""
    with _lock:
        for event, handler in handlers.items():
            if _handlers.get(event) == handler:
                del _handlers[event]


@contextlib.contextmanager
def muted(*events: str) -> Iterator[None]:
    """Call no handler for some events while the block runs; for a process with one thread."""
    with _lock:
        muted = {event: _handlers.pop(event) for event in events if event in _handlers}
    try:
        yield
    finally:
        for event, handler in muted.items():
            _handlers.setdefault(event, handler)


def _install() -> None:
    global _installed
    if _installed:
        return
    _installed = True

    # Bound as keyword defaults: at interpreter shutdown the module's globals are gone first.
    def hook(
        event: str, args: tuple[Any, ...], *,
        find: Any = _handlers.get, again: object = AGAIN, log: Any = _log_failure,
    ) -> None:
        handler = find(event)
        if handler is not None:
            try:
                if handler(args) is again:
                    find(event, handler)(args)
            except Exception:  # a defect of a handler must not fail the user's own call
                log(event)

    sys.addaudithook(hook)


def _log_failure(event: str) -> None:
    try:
        import logging

        logging.getLogger("tempfiles").error("in the handler of %s", event, exc_info=True)
    except Exception:  # the test may have replaced what logging needs
        return


def audit_node_functions() -> None:
    """Replace `os.mkfifo` and `os.mknod`, which raise no audit event, by functions that do."""
    with _lock:
        for name in _NODE_FUNCTIONS:
            original = getattr(os, name, None)
            if original is None or name in _unaudited:
                continue
            _unaudited[name] = original
            audited = _audited(name, original)
            if original in os.supports_dir_fd:
                os.supports_dir_fd.add(audited)
            setattr(os, name, audited)


def restore_node_functions() -> None:
    """Undo `audit_node_functions`; without effect where it was not called."""
    with _lock:
        for name, original in _unaudited.items():
            os.supports_dir_fd.discard(getattr(os, name))
            setattr(os, name, original)
        _unaudited.clear()


def _audited(name: str, original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def make_node(path: Any, *args: Any, **kwargs: Any) -> None:
        dir_fd = kwargs.get("dir_fd")
        sys.audit("tempfiles.make_node", f"os.{name}", path, -1 if dir_fd is None else dir_fd)
        return original(path, *args, **kwargs)

    return make_node


def may_create(mode: str | None, flags: int) -> bool:
    """Whether an `open` with this mode and these flags may create a file: test both."""
    if flags & _CREATE:
        return True
    return not flags and bool(mode) and not _WRITING_MODES.isdisjoint(mode or "")


class FirstWriteEvent:
    """Waits for the first event that may create a file, so that an idle run imports no observer.

    Until a module is imported that is not the standard library's, only imports are listened to.

    Args:
        begin: called at the first write event; it subscribes the handlers of an observer, which
            then get this event as well.
    """

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin
        self._first_import: dict[str, Handler] = {"import": self._imports}
        self._write_events: dict[str, Handler] = {
            "open": self._opens,
            "import": self._imports_extension,
            **dict.fromkeys(_WRITE_EVENTS, self._writes),
        }

    def start(self) -> None:
        """Begin to listen."""
        subscribe(self._first_import)

    def hand_over(self) -> None:
        """Stop listening; the functions that raise events stay audited for the observer."""
        with _lock:
            unsubscribe(self._first_import)
            unsubscribe(self._write_events)

    def stop(self) -> None:
        """Stop listening."""
        self.hand_over()
        restore_node_functions()

    def _imports(self, args: tuple[Any, ...]) -> None:
        # What unittest itself imports as it starts is not the user's; the package `test` is no
        # part of these names.
        if args[0].partition(".")[0] in sys.stdlib_module_names:
            return
        with _lock:
            if _handlers.get("import") != self._imports:
                return  # another thread was first
            unsubscribe(self._first_import)
            audit_node_functions()  # before a module of the user's imports one of them by name
            subscribe(self._write_events)

    def _imports_extension(self, args: tuple[Any, ...]) -> object:
        if args[1] and not args[1].startswith(_STDLIB):
            return self._writes(args)
        return None

    def _opens(self, args: tuple[Any, ...]) -> object:
        return self._writes(args) if may_create(args[1], args[2]) else None

    def _writes(self, args: tuple[Any, ...]) -> object:
        self._begin()
        return AGAIN
