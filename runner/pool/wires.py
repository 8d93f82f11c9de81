"""The pipes that all workers of a run share, and what a start of a worker needs besides."""

from __future__ import annotations

import contextlib
import os
import sys

from ..workers.channel import park

CAN_FORK = hasattr(os, "fork")


class Wires:
    """The pipes that all workers share.

    Attributes:
        bell: where a byte comes when a worker wants the parent to look.
        bell_in: the other end.
        life: a pipe in which nothing ever comes; its end says that the parent is dead.
    """

    def __init__(self) -> None:
        self.bell, self.bell_in = map(park, os.pipe())
        self.life, self._life_in = map(park, os.pipe())
        if CAN_FORK:
            os.set_blocking(self.bell, False)
            os.set_blocking(self.bell_in, False)

    def close_in_worker(self) -> None:
        """Close what only the parent may have."""
        for fd in (self.bell, self._life_in):
            os.close(fd)

    def close(self) -> None:
        """Close all."""
        for fd in (self.bell, self.bell_in, self.life, self._life_in):
            os.close(fd)


def flush_output() -> None:
    """Write out what is buffered: a fork would have it too."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def same_file(*fds: int) -> bool:
    """Return whether two descriptors are of the same file."""
    try:
        first, second = map(os.fstat, fds)
    except OSError:
        return False
    return os.path.samestat(first, second)
