"""Other runs of the same project, beside this one."""

from __future__ import annotations

import os
from collections.abc import Iterator

from . import ownership, places


def has_neighbours(root: str, project: str) -> bool:
    """Whether another run with the same project directory is going on.

    Args:
        root: the root of this run.
        project: the real path of the directory.
    """
    verdicts = map(ownership.judge, _others(root))
    return any(
        found.state == "live" and found.marker is not None and found.marker.project == project
        for found in verdicts
    )


def _others(root: str) -> Iterator[str]:
    for directory in {*places.all_places(), os.path.dirname(root)}:
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        for name in names:
            path = os.path.join(directory, name)
            if name.startswith(ownership.PREFIX) and path != root:
                yield path
