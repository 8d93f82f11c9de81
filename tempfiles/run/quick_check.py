"""The look that each context gets when it closes: mostly it says that nothing is left."""

from __future__ import annotations

from ..detection.ignore import Ignored
from ..detection.project_tree import ProjectTree
from ..detection.temp_dir import Slots
from ..observation.activity import Activity
from ..observation.observer import Observer
from ..registry.contexts import Context
from ..reports import RunSettings


class Glance:
    """Tells the contexts that need no closer look, and counts what they made and removed.

    Args:
        settings: what the run looks for.
        observer: what was observed.
        slots: what lies in the run root.
        tree: the project's.
        ignored: what is no leak.
    """

    def __init__(
        self, settings: RunSettings, observer: Observer, slots: Slots, tree: ProjectTree,
        ignored: Ignored,
    ) -> None:
        self._settings = settings
        self._observer = observer
        self._slots = slots
        self._tree = tree
        self._ignored = ignored
        self.made_and_removed = 0

    def left_nothing(self, context: Context) -> bool:
        """Whether all that a context made is gone, and it has nothing registered."""
        activity: Activity | None = context.attachment
        if context.files is not None or context.directories is not None:
            return False
        if not self._settings.tracks:
            return True
        if self._settings.watch_modified or self._tree_needs_look(context):
            return False
        if activity is None:
            return not (self._slots.changed() and self._slots.has_new())
        if self._settings.measure_made or not activity.is_plain:
            return False
        if not self._slots.all_gone(activity):
            return False
        self.made_and_removed += self._count(activity)
        for key in activity.created:
            self._observer.entries.pop(key, None)
        context.attachment = None
        return True

    def _tree_needs_look(self, context: Context) -> bool:
        if context.scope != "test":
            return self._tree.changed()
        return self._observer.spawning.native_modules and self._tree.top_changed()

    def _count(self, activity: Activity) -> int:
        """Return how much a context has made and removed, what is ignored left out."""
        ignored, observer = self._ignored, self._observer
        made = activity.made_in_temp(observer.root, observer.entries)
        if ignored.has_globs:
            made = [path for path in made if not ignored(path, True)]
        if not activity.outside:
            return len(made)
        return len(made) + sum(not ignored.by_name(path) for path in activity.made_outside())
