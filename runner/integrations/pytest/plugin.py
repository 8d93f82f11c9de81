"""The pytest plugin: its options, the start of a judged run before the first conftest, its end.

pytest imports this module in every session where tidytest is installed, so it imports nothing else
until a run starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .tidy import Tidy

_run = pytest.StashKey[Any]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the ini settings."""
    from ...settings.options import BY_NAME
    from ..host_settings import OPTIONS, SETTINGS

    group = parser.getgroup("tidytest", "temporary files that tests leave (tidytest)")
    for name in OPTIONS:
        option = BY_NAME[name]
        given: dict[str, Any] = {"dest": f"tidytest_{option.field}", "default": None}
        if option.is_switch:
            given.update(action="store_const", const=True)
        elif option.repeatable:
            given.update(action="append", metavar=option.metavar)
        else:
            given.update(metavar=option.metavar)
        group.addoption(f"--{name}", help=option.help, **given)
    group.addoption(
        "--html-leaks", dest="tidytest_html", metavar="FILE", help="write a page on the leaks"
    )
    for name in SETTINGS:
        option = BY_NAME[name]
        parser.addini(f"tidytest_{option.field}", option.help, default=None)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the run, so that it sees what the conftest files leave when they are imported."""
    from .run import start

    early_config.stash[_run] = start(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and follow the session."""
    config.addinivalue_line(
        "markers", 'leaks(mode): "off", "report" or "fail": how to judge what this test leaves'
    )
    run = config.stash.get(_run, None)
    if run is not None:
        run.begin(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End a run whose session never began."""
    run = config.stash.get(_run, None)
    if run is not None:
        run.end()


@pytest.fixture
def tidy(request: pytest.FixtureRequest) -> Iterator[Tidy]:
    """Create files and directories that are removed after the test; see `TrackedTestCase`."""
    from .tidy import Tidy, opened

    with opened(request.node.nodeid):
        yield Tidy()
