"""Send what forked children observe to the parent, through one file in the run root.

A forked child runs the audit hook in its own memory. It appends a line for each creation; the
parent reads the new lines when a context closes.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..registry import threads
from ..registry.contexts import UNDECIDED, Context
from ..registry.pools import HANDED_OVER
from ..roots.journal import FORKED, PREEXISTING
from ..system import syscalls
from ..system.syscalls import get_frame
from . import origins

if TYPE_CHECKING:
    from ..records import Origin


class ForkLog:
    """The parent's and the children's end of the file `forked` in the run root.

    Attributes:
        in_child: whether this process is a forked child.
        moved: the files of the user's that children moved into the root, as far as they were read:
            the new path, and the one before the run.
    """

    def __init__(self, root: str) -> None:
        self.in_child = False
        self.moved: list[tuple[str, str]] = []
        self._path = os.path.join(root, FORKED)
        self._contexts: dict[int | str, Context] = {}
        self._trails: dict[int | str, origins.Trail | None] = {}
        self._read_to = 0

    def start(self) -> None:
        """Begin to notice forks, so that a child knows that it is one."""
        _listening.add(self)

    def stop(self) -> None:
        """Stop noticing forks."""
        _listening.discard(self)

    def expect(
        self, context: Context, key: str = "", trail: origins.Trail | None = None
    ) -> None:
        """Record in the parent, before a fork, which context the child will belong to.

        Args:
            context: the context.
            key: the key of the work that a worker process will do, which may be forked already.
            trail: where the work is handed over.
        """
        # Parent and child agree on the address; the dictionary keeps the object alive.
        self._contexts[key or id(context)] = context
        if key:
            self._trails[key] = trail

    def context_of(self, key: str) -> Context | None:
        """Return the context that handed the work with a key over; None where there is none."""
        return self._contexts.get(key)

    def write(self, context: Context, path: str, trail: origins.Trail) -> None:
        """Report a creation from a child to the parent; do nothing if the run root is gone."""
        owner: Context | None = context
        while owner is not None and owner.scope != HANDED_OVER and id(owner) not in self._contexts:
            owner = owner.parent
        key = owner.id if owner is not None and owner.scope == HANDED_OVER else id(owner)
        origin = origins.describe(trail, "")
        # Only the parent knows whether the context is closed, so that others may hand over work.
        is_shared = owner is not None and owner.scope != HANDED_OVER
        takes_work = is_shared and threads.may_take_work(get_frame(1))
        names = ("file", "line", "function", "call", "called_from")
        line_of_code = origin and {name: getattr(origin, name) for name in names}
        self._append([key, path, line_of_code, takes_work, syscalls.time_ns()])

    def write_preexisting(self, path: str, source: str) -> None:
        """Report from a child that a file of the user's is about to be moved into the run root.

        The line is that of the journal, so that the reaper of a dead run reads it as well.
        """
        self._append({PREEXISTING: [path, source]})

    def _append(self, content: object) -> None:
        import json

        # The first newline ends a line that was cut short on a full disk.
        line = f"\n{json.dumps(content)}\n"
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(fd, line.encode())
            finally:
                os.close(fd)
        except (OSError, ValueError):
            return

    def read(self) -> Iterator[tuple[Context, str, Origin | None, int]]:
        """Yield what children have created since the last call: context, path, origin, and when.

        The time is that of the event, in ns since the epoch.
        """
        if not self._contexts:
            return
        try:
            with syscalls.open_file(self._path, "rb") as file:
                file.seek(self._read_to)
                text = file.read()
        except OSError:
            return
        from ..records import Origin

        whole = text.rpartition(b"\n")[0]
        self._read_to += len(whole) + bool(whole)
        for line in _parsed(whole.splitlines()):
            if isinstance(line, dict):
                self.moved.append(line[PREEXISTING])
                continue
            key, path, place, takes_work, announced = line
            context = self._contexts.get(key)
            if context is not None:
                maker = UNDECIDED if takes_work and context.closed else context
                origin = Origin(**place) if place else None
                if key in self._trails:
                    origin = self._handed_over(key, origin)
                yield maker, path, origin, announced

    def _handed_over(self, key: int | str, origin: Origin | None) -> Origin | None:
        """Return the line of a worker, called from the one that handed the work over.

        The stack of the worker itself is that of the code that started it, for earlier work.
        """
        trail = self._trails[key]
        start = origins.describe(trail, "") if trail is not None else None
        if origin is None or start is None:
            return start
        return replace(origin, called_from=start.called_from or f"{start.file}:{start.line}")


def _parsed(lines: Iterable[bytes]) -> Iterator[Any]:
    import json

    for line in filter(None, lines):
        with contextlib.suppress(ValueError):  # cut short
            yield json.loads(line)


_listening: weakref.WeakSet[ForkLog] = weakref.WeakSet()


def _mark_child() -> None:
    for log in _listening:
        log.in_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_child)
