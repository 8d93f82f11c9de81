"""An asynchronous test is over only when its event loop is: tasks cancelled, generators closed."""

from __future__ import annotations

import sys
from unittest.case import TestCase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def finish(test: TestCase) -> None:
    """Do now what `IsolatedAsyncioTestCase` does after the test: what it removes is no leak.

    unittest does it again later and finds nothing left to do.
    """
    runner = test.__dict__.get("_asyncioRunner")
    if runner is None:
        return
    runners: Any = sys.modules["asyncio.runners"]
    loop = runner.get_loop()
    if not loop.is_closed() and not loop.is_running():
        runners._cancel_all_tasks(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
