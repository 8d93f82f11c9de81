"""The parts of a run that are needed once somebody's code runs."""

from __future__ import annotations

from collections.abc import Callable

from ..detection.ignore import Ignored
from ..detection.project_tree import ProjectTree
from ..detection.temp_dir import Slots
from ..observation.observer import Observer
from ..reports import RunSettings
from ..roots.root import RunRoot
from .quick_check import Glance


class Parts:
    """What observes, what lists, and what is no leak, as the settings say.

    Args:
        settings: the run's.
        root: the run root.
        project: the directory whose tree is the project's.
        before_foreign: called once, before the first deed whose files no event will name.
    """

    def __init__(
        self, settings: RunSettings, root: RunRoot, project: str, before_foreign: Callable[[], None]
    ) -> None:
        self.ignored = Ignored(settings.ignore, project)
        self.tree = ProjectTree(project, self.ignored, excluded=root.path)
        self.observer = Observer(root.path, trace=settings.trace, before_foreign=before_foreign)
        self.observer.brought.before = root.journal.brought
        self._listen_further(settings)
        self.slots = Slots(root, self.observer)
        self.glance = Glance(settings, self.observer, self.slots, self.tree, self.ignored)

    def _listen_further(self, settings: RunSettings) -> None:
        observer = self.observer
        if settings.measure_made:
            from ..observation.removed_bytes import RemovedBytes

            observer.removed = RemovedBytes(observer.root)
        if settings.clean_outside:
            from ..observation.seen import SeenOutside

            observer.seen = SeenOutside(observer.root)
