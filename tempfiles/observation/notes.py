"""From the path of an audit event to a note, under the context that did it.

Below the run root only the topmost names matter, and a listing knows which are new; elsewhere a
path counts as a creation only if nothing was there when the event came.
"""

from __future__ import annotations

import os
from types import FrameType

from ..registry import contexts
from ..registry.contexts import Context
from ..system import syscalls
from . import event_paths, origins
from .activity import Entry, activity_of
from .brought import Brought
from .forks import ForkLog
from .made_trees import MadeTrees
from .told import Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .removed_bytes import RemovedBytes
    from .seen import SeenOutside

_BRINGING = ("os.rename", "os.link")  # what they make may have been there before
_FOLLOWING = ("open", "os.open", "sqlite3.connect")  # what a link at their path leads to is made
_UNUSUAL_ENDS = (os.sep, ".")  # what may not be a plain name: `0/x/`, `0/..`


class Notes:
    """What was seen being made, as long as it is not known to be gone.

    `entries` holds what is known of the temp directory, by `slot/name`; `late` the contexts that
    made something after they were closed. `told` is to be given the leaks of each context.
    `brought` knows what from before the run was moved or linked elsewhere, `ours` what was made
    elsewhere by nobody's code but the run's own. Where it is asked for, `removed` counts bytes,
    and `seen` has all that the run was seen to make elsewhere, in directories of its own too.

    Args:
        root: the run root.
        trace: keep whole stacks.
        charges_runner: note what is made under the innermost context that a runner has opened.
    """

    def __init__(self, root: str, *, trace: bool, charges_runner: bool) -> None:
        self.root = root.rstrip(os.sep) + os.sep
        self.entries: dict[str, Entry] = {}
        self.late: dict[Context, None] = {}
        self.forks = ForkLog(root)
        self.told = Told()
        self.brought = Brought(self.root)
        self.ours: set[str] = set()
        self.removed: RemovedBytes | None = None
        self.seen: SeenOutside | None = None
        self._trace = trace
        self._charged = contexts.reporting_context if charges_runner else contexts.current
        self._trees = MadeTrees()
        self._were_there: set[str] = set()
        self._links_in_temp: set[str] = set()

    def _note(self, path: Any, call: str, frame: FrameType, dir_fd: int = event_paths.CWD) -> None:
        if self.removed is not None:
            self.removed.settle()
        if type(path) is str and path.startswith(self.root):
            key = path[len(self.root) :]
            if key.count(os.sep) == 1 and key[-1] not in _UNUSUAL_ENDS:
                self._note_entry(key, call, frame)
                return
        absolute = event_paths.absolute(path, dir_fd, self.root)
        if absolute is None:
            return
        if absolute.startswith(self.root):
            self._note_entry(absolute[len(self.root) :], call, frame)
        elif not self._is_part_of_made(absolute, call) and not event_paths.is_bytecode(absolute):
            self._note_elsewhere(path, absolute, call, frame)

    def _is_part_of_made(self, absolute: str, call: str) -> bool:
        """Whether what is made lies in a directory of its maker's, which is noted already."""
        context = self._charged()
        if self.seen is None:
            return self._trees.have(absolute, call, context)
        if call not in _BRINGING and context is not contexts.UNTRACKED:
            self.seen.add(absolute)
        return False

    def _note_elsewhere(self, path: Any, absolute: str, call: str, frame: FrameType) -> None:
        is_new = not syscalls.lexists(absolute)
        follow = not is_new and call in ("open", "os.open")
        place = event_paths.real_place(path, absolute, follow)
        if place.startswith(self.root):
            self._note_entry(place[len(self.root) :], call, frame)
        elif place not in self._were_there and (
            is_new or not syscalls.lexists(place)
            or (call == "os.rename" and self.told.displaced(place))
        ):
            self._note_outside(place, call, frame)
            if call == "os.mkdir":
                self._trees.add(place, self._charged())

    def _note_entry(self, key: str, call: str, frame: FrameType) -> None:
        known = self.entries.get(key)
        if known is not None and not self._is_another(known, key, call):
            if key in self._links_in_temp and call in _FOLLOWING:
                self._note_through_link(key, call, frame)
            return
        if key.count(os.sep) != 1:
            self._note_through_link(key, call, frame)
            return
        context = self._charged()
        if known is not None and self._is_of_fixture(known, context):
            known.remover = None
            return
        trail = origins.capture(frame, call, self._trace)
        if self.forks.in_child:
            self.forks.write(context, self.root + key, trail)
            return
        displaced = self.told.displaced(self.root + key) if call == "os.rename" else 0
        self.entries[key] = Entry(context, trail, displaced, known is not None and known.seen)
        if known is None or known.context is not context:
            activity_of(context).created.append(key)
        if context.closed:
            self.late[context] = None

    def _is_of_fixture(self, known: Entry, context: Context) -> bool:
        """Whether an entry is of a fixture around a context: made again by that, it stays so."""
        is_around = not known.context.closed and contexts.encloses(known.context, context)
        return is_around and not known.is_taken_back

    def _is_another(self, known: Entry, key: str, call: str) -> bool:
        return self.told.makes_another(self.root + key, call, known.remover is not None)

    def _note_through_link(self, key: str, call: str, frame: FrameType) -> None:
        """What is made below a topmost entry is that entry's, unless that is a link elsewhere."""
        top = os.sep.join(key.split(os.sep)[:2])
        if top in self._links_in_temp:
            self._links_in_temp.discard(top)
            self._note(event_paths.real(self.root + key, follow=True), call, frame)
            self._links_in_temp.add(top)

    def _note_outside(self, path: str, call: str, frame: FrameType) -> None:
        context = self._charged()
        if context is contexts.UNTRACKED:
            self.ours.add(path)
            return
        trail = origins.capture(frame, call, self._trace)
        if self.forks.in_child:
            self.forks.write(context, path, trail)
            return
        # Nothing is there now, or it is replaced: if it was made before, it is another.
        displaced = self.told.displaced(path) if call == "os.rename" else 0
        outside = activity_of(context).outside
        known = outside.get(path)
        outside[path] = Entry(context, trail, displaced, known is not None and known.seen)
        if context.closed:
            self.late[context] = None

    def _forget(self, path: Any, dir_fd: int) -> str | None:
        """Somebody is about to remove a path or to move it away; return it, absolute."""
        absolute = event_paths.absolute(path, dir_fd, self.root)
        if absolute is None:
            return None
        if self.seen is not None:
            self.seen.forget(absolute)
        is_in_tree = self._trees.forget(absolute)
        if absolute in self.told.last:
            self.told.is_removed(absolute, contexts.current())
        if absolute.startswith(self.root):
            entry = self.entries.get(absolute[len(self.root) :])
            if entry is not None:
                entry.about_to_go(self._charged())
        elif (entry := self._entry_outside(absolute)) is not None:
            entry.about_to_go(self._charged())
        elif not is_in_tree and not self._was_made(absolute) and syscalls.lexists(absolute):
            # It was there before: whoever makes it again gives back what was the user's.
            real = event_paths.real(absolute, follow=False)
            if real not in self.told.last:
                self._were_there.add(real)
        return absolute

    def _entry_outside(self, path: str) -> Entry | None:
        """Return what is known of a path elsewhere that this context or one around it made."""
        context: Context | None = self._charged()
        while context is not None:
            if context.attachment is not None and path in context.attachment.outside:
                entry: Entry = context.attachment.outside[path]
                return entry
            context = context.parent
        return None

    def _was_made(self, path: str) -> bool:
        """Whether the current context or one around it made a path, or what it lies in."""
        context: Context | None = self._charged()
        while context is not None:
            made = context.attachment.outside if context.attachment is not None else ()
            part = path
            while made and part != (above := os.path.dirname(part)):
                if part in made:
                    return True
                part = above
            context = context.parent
        return False
