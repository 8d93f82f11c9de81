"""Check whether a closing context left nothing, so that most contexts need no closer look."""

from __future__ import annotations

from ..detection.ignore import Ignored
from ..detection.project_tree import ProjectTree
from ..detection.temp_dir import TempDirectoryScanner
from ..observation.activity import Activity
from ..observation.observer import Observer
from ..registry.contexts import Context
from ..reports import RunSettings


class QuickCheck:
    """Find the contexts that need no closer look, and count what they created and removed.

    Args:
        settings: what the run looks for.
        observer: what was observed.
        temp_directory: what lies in the run root.
        tree: the project's.
        ignored: what is no leak.

    Attributes:
        made_and_removed: how many paths these contexts have created, all of them removed.
    """

    def __init__(
        self, settings: RunSettings, observer: Observer, temp_directory: TempDirectoryScanner,
        tree: ProjectTree, ignored: Ignored,
    ) -> None:
        self._settings = settings
        self._observer = observer
        self._temp_directory = temp_directory
        self._tree = tree
        self._ignored = ignored
        self._made_by = observer.paths.made_by
        self.made_and_removed = 0

    def left_nothing(self, context: Context) -> bool:
        """Whether all that a context created is gone, and it has nothing registered."""
        if context.files is not None or context.directories is not None:
            return False
        if not self._settings.tracks:
            return True
        if self._settings.watch_modified or self._tree_may_have_changed(context):
            return False
        activity: Activity | None = context.attachment
        if activity is not None and (activity.has_helpers or activity.bytes_removed):
            return False
        made = self._made_by(context)
        if not made:
            context.attachment = None
            return not (self._temp_directory.changed() and self._temp_directory.has_new())
        if self._settings.measure_made or self._temp_directory.holds(made):
            return False
        self.made_and_removed += self._count(context)
        self._observer.paths.forget_all(context)
        context.attachment = None
        return True

    def _tree_may_have_changed(self, context: Context) -> bool:
        if context.scope != "test":
            return self._tree.changed()
        return self._observer.spawns.native_modules and self._tree.top_changed()

    def _count(self, context: Context) -> int:
        """Return how many paths a context has created and removed, without ignored ones."""
        ignored, root, number = self._ignored, self._observer.root, 0
        for path in self._observer.paths.topmost(context):
            if path.startswith(root):
                number += not (ignored.has_globs and ignored(path, True))
            else:
                number += not ignored.by_name(path)
        return number
