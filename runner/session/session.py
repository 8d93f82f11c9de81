"""Contexts of a run that are judged by its policy when they close, and whose files may be kept."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tempfiles.registry.contexts import Context, open_contexts
from tempfiles.run.run import Run

from .policy import Policy, only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tempfiles.records import Scope
    from tempfiles.reports import ContextReport

    from .keeping import Keeper

_NOTHING = (None, None)

__unittest = True

Listener = Callable[["ContextReport", "ContextReport"], None]
"""Told what a context left, all of it and what of that is new."""


class JudgedContexts:
    """Opens and closes contexts.

    Args:
        run: the tracker's run, open already.
        policy: says whether what a context left is a failure.

    Attributes:
        keeper: keeps what failed tests still have.
        ran: the ids of all contexts so far, `leaked` of those that left something, `cut_short` of
            those that were interrupted, and could not remove what they may have left.
    """

    def __init__(self, run: Run, policy: Policy) -> None:
        self.run = run
        self.policy = policy
        self.keeper: Keeper | None = None
        self.ran: set[str] = {"run"}
        self.leaked: set[str] = set()
        self.cut_short: set[str] = set()
        self._result: Any = None
        self._listener: Listener = lambda report, judged: None

    @property
    def context_now(self) -> str:
        """The id of the context under way, for whoever looks on from another thread."""
        return open_contexts()[-1].id

    def _enter(self, id: str, scope: Scope) -> Context:
        self.ran.add(id)
        return self.run.enter(id, scope)

    def _close_unfinished(self, context: Context) -> None:
        """Close a context before its own clean-up, because it is skipped or interrupted."""
        if not isinstance(sys.exception(), Exception | None):
            self.cut_short.add(context.id)
        self._close(context)

    def _close(
        self, context: Context, test: Any = None
    ) -> tuple[ContextReport | None, ContextReport | None]:
        """Close a context; return what it left, all of it and what of that is new."""
        if self.keeper is not None:
            return self._close_and_keep(context, test, self.keeper)
        report = self.run.close(context)
        if report.is_empty:
            return _NOTHING
        return self._noted(report, self.policy.judge(report))

    def _close_and_keep(
        self, context: Context, test: Any, keeper: Keeper
    ) -> tuple[ContextReport | None, ContextReport | None]:
        early: list[ContextReport] = []

        def keep(report: ContextReport) -> None:
            early.append(self.policy.judge(report))
            fails = self.policy.failure(early[0]) is not None
            keeper.keep_registered(context, self._result, test, fails)

        report = self.run.close(context, keep)
        if not early:
            return _NOTHING
        return self._noted(report, only(report, early[0].leaks))

    def _noted(
        self, report: ContextReport, judged: ContextReport
    ) -> tuple[ContextReport, ContextReport]:
        if report.leaks:
            self.leaked.add(report.id)
        self._listener(report, judged)
        return report, judged
