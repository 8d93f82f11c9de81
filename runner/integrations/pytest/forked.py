"""Follow the tests that pytest-forked runs in a child: their contexts are those of the parent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .contexts import PytestContexts


class ForkedTests:
    """Opens the contexts of tests that run in a child; registered only where that plugin is.

    Args:
        contexts: opens and closes contexts.
    """

    def __init__(self, contexts: PytestContexts) -> None:
        self._contexts = contexts

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """Open the context of an item here; its leaks fail the session, for want of a report."""
        if not (item.config.getoption("forked", False) or item.get_closest_marker("forked")):
            return (yield)
        self._contexts.open(item, "test")
        try:
            return (yield)
        finally:
            self._contexts.close(item, is_reported=False)
