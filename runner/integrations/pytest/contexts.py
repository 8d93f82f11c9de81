"""Open and close a context for each item and collector of pytest, and for what fixtures create.

pytest sets a node up and tears it down by its `setup` and `teardown`; the teardown is the first
finalizer of a node, so it runs last, and before those of the enclosing nodes. Both are replaced on
the node: plugins that repeat or replace the protocol of an item still call them.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tempfiles import Context

from ...marks import judges_leaks, leaks_of
from ...session.policy import ClosedContext
from ...session.session import Session
from ...unittest_api import examples_of
from . import subtests as pytest_subtests
from .anyio import uses_anyio, within
from .reports import ClosedContexts, fail_call, section

_MODES = ("off", "report", "fail")
_HAS_FAILED = pytest.StashKey[bool]()
_LEFT = pytest.StashKey[ClosedContext]()
_CALL = pytest.StashKey[pytest.TestReport]()


class _Later:
    """Stands for `log=True`, and has that answered with no: the report is logged later.

    The flaky plugin asks it only about reports that it does not hide.

    Attributes:
        phase: the phase of the last report.
        phases: those of the reports that would be logged now.
    """

    def __init__(self) -> None:
        self.phase: str | None = None
        self.phases: set[str | None] = set()

    def __bool__(self) -> bool:
        self.phases.add(self.phase)
        return False


class PytestContexts:
    """Opens and closes the contexts of a session that runs tests.

    Args:
        session: judges the contexts.
        closed: collects what they left.
        fails: whether leaks fail their tests, where no marker says otherwise.

    Attributes:
        open_contexts: by their nodes.
    """

    def __init__(self, session: Session, closed: ClosedContexts, fails: bool) -> None:
        self._run = session.run
        self._session = session
        self._closed = closed
        self._fails = fails
        self._process = os.getpid()
        self.open_contexts: dict[Any, Context] = {}
        self._protocol: Any = None
        self._has_markers = True
        self._later = _Later()

    def pytest_sessionstart(self) -> None:
        """Have the reports of a test logged after its teardown, which decides on its leaks."""
        from _pytest import runner

        self._stop_naming = pytest_subtests.follow(self._run)
        original: Any = runner.runtestprotocol  # not `bool` alone is passed as `log`
        self._protocol = original

        def log_later(item: pytest.Item, log: bool = True, nextitem: Any = None) -> Any:
            if not log or not self._may_fail(item):
                return original(item, log=log, nextitem=nextitem)
            self._later = later = _Later()
            reports = original(item, log=later, nextitem=nextitem)
            for report in reports:
                if report.when in later.phases:
                    item.ihook.pytest_runtest_logreport(report=report)
            return reports

        runner.runtestprotocol = log_later

    def pytest_unconfigure(self) -> None:
        """Restore what was replaced."""
        if self._protocol is not None:
            from _pytest import runner

            runner.runtestprotocol = self._protocol
            self._stop_naming()

    def _may_fail(self, item: pytest.Item) -> bool:
        return self._fails or self._mode(item) == "fail"

    def _mode(self, node: Any) -> str | None:
        """Return how a node is judged; None as the session."""
        return _mode(node) if self._has_markers or judges_leaks() else None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse wrong markers before any test runs."""
        marked = [item for item in session.items if "leaks" in item.keywords]
        self._has_markers = bool(marked)
        for item in marked:
            marker = item.get_closest_marker("leaks")
            if marker is not None and _mode_of(marker) is None:
                right = 'leaks("off"), leaks("report") or leaks("fail")'
                raise pytest.UsageError(f"{item.nodeid}: the marker is {right}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Prepare the nodes that are about to be set up."""
        if os.getpid() != self._process:
            return
        for node in item.listchain():
            if "_tidytest" not in node.__dict__:
                node.__dict__["_tidytest"] = True
                self._follow(node)
        item.stash[_HAS_FAILED] = False

    def _follow(self, node: Any) -> None:
        scope = scope_of(node)
        if scope is None:
            return
        set_up, tear_down = node.setup, node.teardown

        def open_and_set_up() -> None:
            self.open(node, scope)
            set_up()

        def tear_down_and_close() -> None:
            try:
                tear_down()
            finally:
                self.close(node)

        node.setup, node.teardown = open_and_set_up, tear_down_and_close

    def open(self, node: Any, scope: str) -> None:
        """Open the context of a node, as a marker says that it is judged."""
        id = node.nodeid if scope != "session" else "session"
        context = self._session.enter(id, scope, source=source_of(node))
        mode = self._mode(node)
        if mode is not None:
            self._session.judge_as(context, mode)
        self.open_contexts[node] = context

    def close(self, node: Any, is_reported: bool = True) -> None:
        """Close the context of a node, and keep what it left for the report of a test.

        Args:
            node: an item or a collector.
            is_reported: whether a report in this process can say that a test failed.
        """
        context = self.open_contexts.pop(node, None)
        if context is None or os.getpid() != self._process:
            return
        has_failed = node.stash.get(_HAS_FAILED, False)
        closed = self._session.close(context, failed=has_failed)
        if is_reported and isinstance(node, pytest.Item):
            node.stash[_LEFT] = closed
        elif closed.failure is not None:
            self._closed.has_failed = True
        if self._session.retention is not None and not closed.is_empty:
            has_failed |= closed.failure is not None
            self._session.keep_leaks(context, closed, has_failed, lambda text: False)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[Any]:
        """Attribute what a fixture of a wider scope creates to its node, not to the test."""
        context = self.open_contexts.get(request.node)
        if context is None:
            return (yield)
        function = fixturedef.func
        if uses_anyio(request):
            fixturedef.func = within(function, context)
        try:
            if fixturedef.scope == "function":
                return (yield)
            self._run.attribute_new_to(Context.current())
            with self._run.activate(context):
                try:
                    return (yield)
                finally:
                    self._run.attribute_new_to(context)
        finally:
            fixturedef.func = function

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Fail the call of a test for what it left, which is known when its teardown is over."""
        report = yield
        if os.getpid() != self._process:
            return report
        item.stash[_HAS_FAILED] = item.stash.get(_HAS_FAILED, False) or report.failed
        self._later.phase = report.when
        if report.when != "teardown":
            item.stash[_CALL] = report
            return report
        closed = item.stash.get(_LEFT, None)
        if closed is not None and not closed.is_empty:
            del item.stash[_LEFT]
            call = item.stash[_CALL]
            if closed.failure is not None and not item.stash[_HAS_FAILED]:
                fail_call(call, closed)
            section(report, closed)
        elif not item.stash[_HAS_FAILED] and item.stash[_CALL].passed:
            self._session.succeeded(item.nodeid)
        return report


def scope_of(node: Any) -> str | None:
    """Return the scope of a node's context; None if it has none, as a plain directory."""
    if isinstance(node, pytest.Item):
        return "test"
    for kind, scope in (
        (pytest.Class, "class"), (pytest.Module, "module"), (pytest.Package, "package"),
        (pytest.Session, "session"),
    ):
        if isinstance(node, kind):
            return scope
    return None


def source_of(node: Any) -> Any:
    """Return the code that defines a node: its function, class or file, or a doctest's examples."""
    doctest = getattr(node, "dtest", None)
    if doctest is not None:
        return examples_of(doctest)
    if isinstance(node, pytest.Item | pytest.Class):
        code = getattr(node, "obj", None)
        return getattr(code, "__func__", code)
    return str(node.path) if isinstance(node, pytest.Module) else None


def _mode(node: Any) -> str | None:
    """Return how a node is judged, by its marker or that of `runner.leaks`; None as the session."""
    marker = node.get_closest_marker("leaks")
    if marker is not None:
        return _mode_of(marker)
    if not judges_leaks():
        return None
    marked = (getattr(each, "obj", None) for each in reversed(node.listchain()))
    return leaks_of(*marked)


def _mode_of(marker: pytest.Mark) -> str | None:
    mode = marker.args[0] if len(marker.args) == 1 and not marker.kwargs else None
    return str(mode) if mode in _MODES else None
