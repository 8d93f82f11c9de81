"""What is listened to until something happens: all that a run without tests needs.

The first event that may be a creation has the observer imported, and goes to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from . import audit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .audit import Handler

_STDLIB = os.path.dirname(os.path.realpath(os.__file__)) + os.sep
_CREATE = os.O_CREAT
_WRITING_MODES = frozenset("wax+")
# What an observer has handlers for, besides "open" and "import".
_DEEDS = (
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate",
    "shutil.move", "socket.bind", "sqlite3.connect", "tempfiles.make_node", "ctypes.dlopen",
    "ctypes.dlsym",
    "subprocess.Popen", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty",
)  # fmt: skip


def may_create(mode: str | None, flags: int) -> bool:
    """Whether a file may be made by an `open` with this mode and these flags: test both."""
    if flags & _CREATE:
        return True
    return not flags and bool(mode) and not _WRITING_MODES.isdisjoint(mode or "")


class FirstDeed:
    """Waits for the first import of a module that is not the standard library's, then for a deed.

    Args:
        begin: called at the first deed; it has what observes take over the events, this one too.
    """

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin
        self._first_import: dict[str, Handler] = {"import": self._imports}
        self._deeds: dict[str, Handler] = {
            "open": self._opens,
            "import": self._imports_natively,
            **dict.fromkeys(_DEEDS, self._is_done),
        }

    def start(self) -> None:
        """Begin to listen."""
        audit.subscribe(self._first_import)

    def hand_over(self) -> None:
        """Stop listening; who takes over keeps the functions that raise events."""
        audit.unsubscribe(self._first_import)
        audit.unsubscribe(self._deeds)

    def stop(self) -> None:
        """Stop listening."""
        self.hand_over()
        nodes = sys.modules.get(f"{__package__}.nodes")
        if nodes is not None:
            nodes.uninstall()

    def _imports(self, args: tuple[Any, ...]) -> None:
        # What unittest itself imports as it starts is not the user's; the package `test` is no
        # part of these names.
        if args[0].partition(".")[0] in sys.stdlib_module_names:
            return
        audit.unsubscribe(self._first_import)
        from . import nodes

        nodes.install()  # before a module of the user's takes one of these functions by name
        audit.subscribe(self._deeds)

    def _imports_natively(self, args: tuple[Any, ...]) -> object:
        if args[1] and not args[1].startswith(_STDLIB):
            return self._is_done(args)
        return None

    def _opens(self, args: tuple[Any, ...]) -> object:
        return self._is_done(args) if may_create(args[1], args[2]) else None

    def _is_done(self, args: tuple[Any, ...]) -> object:
        self._begin()
        return audit.AGAIN
