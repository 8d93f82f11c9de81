"""What a run needs of an engine, and which engine `--workers` names."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from ..errors import UsageError
from ..remote.messages import Answer, Call, Note


class Engine(Protocol):
    """Sends calls to machines and brings the answers.

    Attributes:
        name: what messages call it.
        is_pinned: whether all calls to one machine are done in the same process there.
    """

    name: str
    is_pinned: bool

    def machines(self) -> Sequence[str]:
        """Return the machines that there are now.

        Raises:
            EngineError: the engine does not answer at the moment.
        """

    def submit(self, machine: str, call: Call) -> Future[Answer]:
        """Have a machine do a call.

        The answer may be an exception: the machine or the call was lost.
        """

    def notes(self) -> Sequence[Note] | None:
        """Return the notes that came since the last call; None where the engine brings none."""

    def cancel(self, machine: str, future: Future[Answer]) -> None:
        """Wait for an answer no longer; the machine should stop what it does for it."""

    def close(self) -> None:
        """Let go of the engine; the machines stop what they still do."""


def engine_of(workers: str) -> Engine:
    """Return the engine that a value of `--workers` names.

    Args:
        workers: the address of a dask scheduler, its file, `dask`, or `MODULE:FUNCTION`, which
            returns an engine.

    Raises:
        UsageError: there is no such engine, or it cannot be reached.
    """
    if "://" in workers or workers.endswith(".json") or workers == "dask":
        from .dask_engine import DaskEngine

        return DaskEngine(workers)
    module, _, function = workers.partition(":")
    try:
        create: Any = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"--workers: {workers}: {error}") from None
    engine: Engine = create()
    return engine

