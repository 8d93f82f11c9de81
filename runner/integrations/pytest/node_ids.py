"""Which tests of a pytest session came to their end, by node ids."""

from __future__ import annotations

import os
from collections.abc import Set

from ...selection.completeness import Completeness
from ...session.session import Session


class NodeCompleteness(Completeness):
    """What ran of the items that were collected.

    Args:
        loaded: the node ids of the items.
        session: knows which of them ran, and how they ended.
        whole: whether all items of the collected modules ran.
        project: the working directory of the run.
    """

    def __init__(
        self, loaded: Set[str], session: Session, *, whole: bool, project: str
    ) -> None:
        ids = session.context_ids(loaded)
        super().__init__(ids, whole=whole, imported=True, project=project)

    @staticmethod
    def prefixes(id: str) -> list[str]:
        """Return the node ids of the directories, module and class of an item, and its own."""
        path, *names = id.partition("[")[0].split("::")
        parts = path.split("/")
        found = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        for name in names:
            found.append(f"{found[-1]}::{name}")
        return [*found[: -1 if names else None], id, "session"]

    def is_gone(self, id: str) -> bool:
        """Return whether a test, class or module no longer exists; False if that is unknown."""
        if not self._whole or id in ("run", "session") or self._ids.find(id) in self._loaded:
            return False
        file = id.partition("::")[0]
        is_missing = not os.path.exists(os.path.join(self._project, file))
        return file in self._loaded or (file.endswith(".py") and is_missing)
