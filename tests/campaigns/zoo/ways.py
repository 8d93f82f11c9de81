"""The table of the zoo: all ways, of all families."""

from __future__ import annotations

from tests.campaigns.zoo import (
    commands,
    databases,
    in_process,
    innocent,
    library,
    names,
    native,
    oddities,
    options,
    origins,
    phases,
    processes,
    shared_workers,
    traced,
)
from tests.campaigns.zoo.rows import Way

FAMILIES: dict[str, tuple[Way, ...]] = {
    "in-process": in_process.WAYS,
    "library": library.WAYS,
    "databases and sockets": databases.WAYS,
    "processes and threads": processes.WAYS,
    "commands and scripts": commands.WAYS,
    "origins": origins.WAYS,
    "shared workers": shared_workers.WAYS,
    "traced programs": traced.WAYS,
    "native code": native.WAYS,
    "names": names.WAYS,
    "phases": phases.WAYS,
    "oddities": oddities.WAYS,
    "options": options.WAYS,
    "innocent": innocent.WAYS,
}


def ways() -> tuple[Way, ...]:
    """Return every row, in the order of the families."""
    return tuple(row for family in FAMILIES.values() for row in family)
