"""Leaks that have been told while the run goes on, and what becomes of them until its end."""

from __future__ import annotations

from collections.abc import Iterable

from ..registry.contexts import Context, is_fixture_of
from ..system import syscalls
from . import event_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..records import Leak


class Told:
    """Knows of each path the leak that was told last.

    `last` holds it by its path, with its context; `taken_back`, by their `id`, those that a fixture
    around their context was about to remove.
    """

    def __init__(self) -> None:
        self.taken_back: dict[int, Leak] = {}
        self.last: dict[str, tuple[Leak, Context]] = {}

    def add(self, leaks: Iterable[Leak], context: Context) -> None:
        """Take note of what a context has left."""
        self.last.update((leak.path, (leak, context)) for leak in leaks)

    def is_removed(self, path: str, context: Context) -> None:
        """Somebody in a context is about to remove a path that is in `last`."""
        leak, leaker = self.last[path]
        if is_fixture_of(context, leaker):
            self.taken_back[id(leak)] = leak

    def displaced(self, path: str) -> int:
        """Return the inode of the leak that a rename is about to replace, 0 where there is none."""
        return event_paths.inode(path) if path in self.last else 0

    def makes_another(self, path: str, call: str, removed: bool) -> bool:
        """Whether what is about to be made at a known path is another thing than the one known.

        Args:
            path: where it is made.
            call: what makes it; a rename replaces what is there.
            removed: whether somebody was about to remove the known one. Of a leak that was told
                the disk is asked whether that came about.
        """
        if path not in self.last:
            return removed
        return call == "os.rename" or (removed and not syscalls.lexists(path))
