"""What is submitted to a `ThreadPoolExecutor` belongs to who submits it.

Its worker is a thread that was started for an earlier piece of work, perhaps by another test.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def follow(pools: ModuleType, take_up: Callable[[Any], Any]) -> None:
    """Raise the event `tempfiles.submit` for each piece of work, with the work.

    Nothing is done where the module has no such class as is known.

    Args:
        pools: the module `concurrent.futures.thread`.
        take_up: called by the worker before the work, with the attribute `tempfiles_start` of the
            work where it has one; what it returns is given to it again afterwards.
    """
    work = getattr(pools, "_WorkItem", None)
    init, run = getattr(work, "__init__", None), getattr(work, "run", None)
    if work is None or init is None or run is None:
        return

    @functools.wraps(init)
    def init_audited(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        sys.audit("tempfiles.submit", self)

    @functools.wraps(run)
    def run_where_submitted(self: Any, *args: Any, **kwargs: Any) -> None:
        start = getattr(self, "tempfiles_start", None)
        before = take_up(start) if start is not None else None
        try:
            run(self, *args, **kwargs)
        finally:
            # The frames of an error that the work raised keep this one, which must not keep it.
            del self, args, kwargs
            if start is not None:
                take_up(before)

    work.__init__, work.run = init_audited, run_where_submitted
