"""Other runs of the same project, beside this one."""

from __future__ import annotations

import os

from ..roots import ownership, places


def has_neighbours(root: str, project: str) -> bool:
    """Whether another run with the same project directory is going on.

    Args:
        root: the root of this run.
        project: the real path of the directory.
    """
    directories = {*places.all_places(), os.path.dirname(root)}
    others = (path for each in directories for path in ownership.candidates(each) if path != root)
    return any(
        found.state == "live" and found.marker is not None and found.marker.project == project
        for found in map(ownership.judge, others)
    )
