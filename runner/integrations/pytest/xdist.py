"""The controller of pytest-xdist: take what the workers report, merge it at their end."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

import pytest

from tempfiles import ContextReport

from ...session.session import Session
from ...session.worker_reports import report_of_dead
from .reports import ClosedContexts, take


class Controller:
    """Follows the workers of a session, which run the tests.

    Args:
        session: of the controller's own run; it judges what the workers' contexts left.
        closed: collects what they left.
    """

    def __init__(self, session: Session, closed: ClosedContexts) -> None:
        self._session = session
        self._closed = closed
        self._of_worker: dict[str, list[ContextReport]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what contexts left, which came with the report of a test."""
        for sent in getattr(report, "tidytest", ()):
            found = take(self._session, sent)
            self._of_worker.setdefault(_worker_of(report), []).append(found)
        if report.when == "teardown" and report.passed:
            self._session.ran.add(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Remember which items exist."""
        self._closed.loaded |= frozenset(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker sent at its end; a dead one has sent nothing."""
        output = getattr(node, "workeroutput", {}).get("tidytest")
        if output is not None:
            self._closed.add_output(output, self._session)
        else:
            closed = self._of_worker.get(node.gateway.id, [])
            self._session.ended_elsewhere(report_of_dead(closed))


def _worker_of(report: Any) -> str:
    node = getattr(report, "node", None)
    return str(node.gateway.id) if node is not None else ""


def siblings() -> str:
    """Return the file that this worker shares with the others; empty if there is none.

    It is in the run root of the controller, whose temp directory the worker has.
    """
    root = os.path.dirname(tempfile.gettempdir())
    is_root = os.path.basename(root).startswith("tidy-")
    return os.path.join(root, "siblings") if is_root else ""


def is_controller(options: Any) -> bool:
    """Return whether the options make this session the controller of workers."""
    if is_worker():
        return False
    distributes = getattr(options, "dist", "no") != "no" and bool(getattr(options, "tx", None))
    return bool(getattr(options, "numprocesses", None) or distributes)


def is_worker() -> bool:
    """Return whether this process is a worker: it was sent the code that runs the session.

    A session that a test starts in a child process has the worker's environment, and is none.
    """
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__name__") == "__channelexec__":
            return True
    return False
