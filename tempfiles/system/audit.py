"""The process's one audit hook (PEP 578), and the handlers that are subscribed to it.

A hook cannot be removed, so there is one for the life of the process, installed by the first
subscription; without handlers it leaves after one dictionary look-up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Handler = Callable[[tuple[Any, ...]], object]

AGAIN = object()
"""Returned by a handler that has given its event to another: that one is to be asked as well."""

_handlers: dict[str, Handler] = {}
_installed = False


def subscribe(handlers: Mapping[str, Handler]) -> None:
    """Call each handler with the event's arguments whenever its event is raised.

    A handler runs before the audited deed, in the thread that does it. It must not raise.

    Raises:
        RuntimeError: an event has a handler already.
    """
    taken = handlers.keys() & _handlers.keys()
    if taken:
        raise RuntimeError(f"audit events with a handler already: {', '.join(sorted(taken))}")
    _handlers.update(handlers)
    _install()


def unsubscribe(handlers: Mapping[str, Handler]) -> None:
    """Take handlers away again; events without one are left alone."""
    for event, handler in handlers.items():
        if _handlers.get(event) == handler:
            del _handlers[event]


def _install() -> None:
    global _installed
    if _installed:
        return
    _installed = True

    # Bound as keyword defaults: at interpreter shutdown the module's globals are gone first.
    def hook(
        event: str, args: tuple[Any, ...], *,
        find: Any = _handlers.get, again: object = AGAIN, tell: Any = _tell,
    ) -> None:
        handler = find(event)
        if handler is not None:
            try:
                if handler(args) is again:
                    find(event, handler)(args)
            except Exception:  # a defect of ours must not fail the user's own call
                tell(event)

    sys.addaudithook(hook)


def _tell(event: str) -> None:
    try:
        import logging

        logging.getLogger("tempfiles").error("in the handler of %s", event, exc_info=True)
    except Exception:  # nor must the telling: the test may have replaced what logging needs
        return
