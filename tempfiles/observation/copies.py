"""Know the copies of the user's files in the run root, until the original is about to be lost.

A test that saves a file there, and then removes or overwrites the original, may fail before it
puts it back: then the copy is all that is left of the user's file.
"""

from __future__ import annotations

from ..fileops.identity import has_same_content

_MOST_COPIES = 4  # of one file that are known: the last ones


class Copies:
    """The copies that events have announced.

    Attributes:
        targets: the paths of the copies, by that of the original; always the same dictionary.
    """

    def __init__(self) -> None:
        self.targets: dict[str, list[str]] = {}

    def announce(self, source: str, target: str) -> None:
        """Record that a file is about to be copied.

        Args:
            source: absolute, without links on its way.
            target: the same.
        """
        targets = [path for path in self.targets.get(source, ()) if path != target]
        self.targets[source] = [*targets, target][-_MOST_COPIES:]

    def true_copies(self, path: str) -> list[str]:
        """Return the copies that have the content that a file has now."""
        return [target for target in self.targets.get(path, ()) if has_same_content(path, target)]
