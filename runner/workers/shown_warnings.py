"""Show a warning once a location over all workers, where a serial run would show it once.

Python remembers in each process what it has shown, and forgets that when the filters change. Each
worker forgets it before each unit, and sends what it would show. The parent shows what a serial
run would, in the order of the suite.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from . import events

_PLACES = {"default": "{0.filename}:{0.lineno}", "module": "{0.filename}", "once": ""}
"""What is one location for each action that shows a warning once a location."""

_CHANGES = ("_filters_mutated_lock_held", "_filters_mutated")
"""What is called when the filters change: from Python 3.14 on, and before."""


class WarningSender:
    """Sends the warnings of a worker as events, in place of printing them.

    Warnings that a test captures, or for which it has set a function of its own, stay where they
    are; so do those of a child that a test has forked.

    Args:
        add: adds an event.
        before: called before each event, to send what was printed so far.
    """

    def __init__(self, add: Callable[[str], None], before: Callable[[], None]) -> None:
        self._add = add
        self._before = before
        self._stderr = sys.stderr
        self._process = os.getpid()
        self._have_changed = False
        module: Any = warnings  # the functions are private, and have no type hints
        self._show: Callable[[Any], None] = module._showwarnmsg_impl
        module._showwarnmsg_impl = self._send
        self._forget: Callable[[], None] = getattr(module, "_filters_mutated", _nothing)
        changes = [name for name in _CHANGES if hasattr(module, name)]
        if changes:
            self._change: Callable[[], None] = getattr(module, changes[0])
            setattr(module, changes[0], self._note_change)

    def begin_unit(self) -> None:
        """Forget what this process has shown: another worker may run what comes before."""
        self._forget()
        self._have_changed = False

    def end_unit(self) -> None:
        """Send that the filters have changed since the last warning, if they have."""
        if self._have_changed:
            self._add(self._event(None, ""))

    def _note_change(self) -> None:
        self._have_changed = True
        self._change()

    def _send(self, message: Any) -> None:
        is_elsewhere = sys.stderr is not self._stderr or os.getpid() != self._process
        if message.file is not None or is_elsewhere:
            self._show(message)
            return
        self._before()
        text: str = warnings._formatwarnmsg(message)  # type: ignore[attr-defined]
        self._add(self._event(_key_of(message), text))

    def _event(self, key: str | None, text: str) -> str:
        changed, self._have_changed = self._have_changed, False
        return events.line(events.WARNING, [key, changed, text])


class ShownWarnings:
    """What a serial run would have shown up to now."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def show(self, key: str | None, have_changed: bool) -> bool:
        """Return whether a serial run would show a warning; if so, it has been shown.

        Args:
            key: the same for warnings of which Python shows one; None if it shows each.
            have_changed: whether the filters have changed since the last call.
        """
        if have_changed:
            self._shown.clear()
        if key is None:
            return True
        is_new = key not in self._shown
        self._shown.add(key)
        return is_new


def _key_of(message: Any) -> str | None:
    place = _PLACES.get(_action_on(message))
    if place is None:
        return None
    return f"{place.format(message)} {message.category.__qualname__} {message.message}"


def _action_on(message: Any) -> str:
    """Return the action of the first filter that matches a warning, as `warnings` finds it."""
    text = str(message.message)
    for action, pattern, category, module, line in warnings.filters:
        if (
            line in (0, message.lineno)
            and issubclass(message.category, category)
            and _matches(pattern, text)
            and (module is None or _matches(module, _module_of(message.filename)))
        ):
            return action
    return str(getattr(warnings, "defaultaction", "default"))


def _matches(pattern: Any, text: str) -> bool:
    if pattern is None or isinstance(pattern, str):
        return pattern in (None, text)
    return pattern.match(text) is not None


def _module_of(file: str) -> str:
    found = (name for name, module in list(sys.modules.items())
             if getattr(module, "__file__", None) == file)  # fmt: skip
    return next(found, file.removesuffix(".py"))


def _nothing() -> None:
    """Do what a Python without that function does."""
