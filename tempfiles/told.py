"""Leaks that have been told while the run goes on, and what becomes of them until its end."""

from __future__ import annotations

from collections.abc import Iterable

from . import event_paths, syscalls
from ._contexts import Context, is_fixture_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .records import Leak


class Told:
    """Knows of each path the leak that was told last.

    `taken_back` holds, by their `id`, those that a fixture around their context was about to
    remove.
    """

    def __init__(self) -> None:
        self.taken_back: dict[int, Leak] = {}
        self._last: dict[str, tuple[Leak, Context]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._last

    def add(self, leaks: Iterable[Leak], context: Context) -> None:
        """Take note of what a context has left."""
        self._last.update((leak.path, (leak, context)) for leak in leaks)

    def is_removed(self, path: str, context: Context) -> None:
        """Somebody in a context is about to remove a path."""
        known = self._last.get(path)
        if known is not None and is_fixture_of(context, known[1]):
            self.taken_back[id(known[0])] = known[0]

    def displaced(self, path: str, call: str) -> int:
        """Return the inode of the leak that a call is about to replace by another thing, else 0."""
        return event_paths.inode(path) if call == "os.rename" and path in self._last else 0

    def makes_another(self, path: str, call: str, removed: bool) -> bool:
        """Whether what is about to be made at a known path is another thing than the one known.

        Args:
            path: where it is made.
            call: what makes it; a rename replaces what is there.
            removed: whether somebody was about to remove the known one. Of a leak that was told
                the disk is asked whether that came about.
        """
        if path not in self._last:
            return removed
        return call == "os.rename" or (removed and not syscalls.lexists(path))
