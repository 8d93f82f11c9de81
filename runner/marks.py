"""Marks for parallel runs: limits of tests, the set-up of a worker, the number of this worker.

Tests import them from `runner`. Under another runner they change nothing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

WORKER, RUN = "TIDYTEST_WORKER", "TIDYTEST_RUN"
"""The environment variables of a worker and its children; they are no settings."""

_TIMEOUT, _SERIAL, _RESOURCES = "_tidytest_timeout", "_tidytest_serial", "_tidytest_resources"
_LEAKS = "_tidytest_leaks"

Marked = TypeVar("Marked", bound=Callable[..., Any])
Setup = TypeVar("Setup", bound=Callable[[], Any])


class ResourceUse(NamedTuple):
    """A resource that a test uses; an exclusive use allows no other at the same time."""

    name: str
    exclusive: bool = False


class WorkerIdentity(NamedTuple):
    """The process that runs the tests.

    Attributes:
        number: from 0 to N-1 in a run of N workers; a worker that replaces a dead one has its
            number. 0 where there are no workers.
        run: one word for the whole run, the same in all its workers, another one in each run.
    """

    number: int
    run: str


_setups: list[Callable[[], Any]] = []
_worker: WorkerIdentity | None = None
_used: set[str] = set()
_has_timeouts = False


def timeout(seconds: float | None) -> Callable[[Marked], Marked]:
    """Limit how long a test may take, in place of `--timeout`; a decorator.

    Args:
        seconds: more than 0; None is without limit. On a class it holds for each of its tests.

    Raises:
        ValueError: `seconds` is not a number above 0.
    """
    if seconds is not None and not 0 < seconds < math.inf:
        raise ValueError(f"timeout needs a number of seconds above 0, not {seconds!r}")
    global _has_timeouts
    _has_timeouts = _has_timeouts or seconds is not None
    return _marking(_TIMEOUT, seconds)


def leaks(mode: str) -> Callable[[Marked], Marked]:
    """Judge what a test or the tests and fixtures of a class leave, in place of `--leaks`.

    A decorator. `off` reports none of their leaks, and blames no other test for them; `report` only
    reports them; `fail` lets them fail. It has no effect with `--leaks off`.

    Args:
        mode: `off`, `report` or `fail`.

    Raises:
        ValueError: `mode` is another word.
    """
    if mode not in ("off", "report", "fail"):
        raise ValueError(f"leaks must be 'off', 'report' or 'fail', not {mode!r}")
    return _marking(_LEAKS, mode)


def serial(marked: Marked) -> Marked:
    """Run a class or a test alone: after all others, while no other worker runs a test."""
    return _marking(_SERIAL, True)(marked)


def resource(name: str, *, exclusive: bool = False) -> Callable[[Marked], Marked]:
    """Name a resource that the tests of a class, or one test, use; a decorator.

    A test that uses a resource exclusively runs while no other test uses it. The settings say how
    many other tests may use it at the same time (`[tool.tidytest.resources]`).

    Args:
        name: the name of the resource.
        exclusive: whether no other test may use it meanwhile.

    Raises:
        ValueError: the name is empty.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"resource needs a name, not {name!r}")

    def mark(marked: Marked) -> Marked:
        inherited = getattr(marked, _RESOURCES, ())
        return _marking(_RESOURCES, (*inherited, ResourceUse(name, exclusive)))(marked)

    return mark


def worker_setup(function: Setup) -> Setup:
    """Have each worker call a function once, before its first test; a decorator.

    A worker that replaces a dead one calls it again. A run without workers calls it once as well.
    The part of a generator function after `yield` runs when the worker ends in order.

    Args:
        function: takes no argument; it may call `worker()`.
    """
    _setups.append(function)
    return function


def worker() -> WorkerIdentity:
    """Return the number of this worker and the word of its run.

    A child process of a worker has those of the worker.
    """
    global _worker
    number = os.environ.get(WORKER, "")
    if _worker is None and number.isdecimal():
        return WorkerIdentity(int(number), os.environ.get(RUN, ""))
    if _worker is None:
        _worker = WorkerIdentity(0, os.urandom(4).hex())
    return _worker


# For the runner.


def become_worker(identity: WorkerIdentity) -> None:
    """Make this process a worker, for itself and for its children."""
    global _worker
    _worker = identity
    os.environ[WORKER], os.environ[RUN] = str(identity.number), identity.run


def worker_setups() -> tuple[Callable[[], Any], ...]:
    """Return the functions marked with `worker_setup`, in the order of their definition."""
    return tuple(_setups)


def has_timeouts() -> bool:
    """Return whether anything is marked with a timeout in seconds."""
    return _has_timeouts


def keeps_apart() -> bool:
    """Return whether anything is marked as serial or with a resource."""
    return not _used.isdisjoint((_SERIAL, _RESOURCES))


def judges_leaks() -> bool:
    """Return whether anything is marked with `leaks`."""
    return _LEAKS in _used


def leaks_of(*marked: Any) -> str | None:
    """Return how the first of several objects that is marked with `leaks` is judged."""
    return next((getattr(each, _LEAKS) for each in marked if hasattr(each, _LEAKS)), None)


def leaks_of_test(test: Any) -> str | None:
    """Return how a test is judged, by its own mark or its class's; None as the run."""
    return leaks_of(*_marked(test))


def timeout_of(test: Any, default: float | None) -> float | None:
    """Return how many seconds a test may take; None is without limit.

    Args:
        test: a TestCase, or any other object that a suite holds.
        default: the limit of tests that are not marked.
    """
    for marked in _marked(test):
        if hasattr(marked, _TIMEOUT):
            limit: float | None = getattr(marked, _TIMEOUT)
            return limit
    return default


def is_serial(test: Any) -> bool:
    """Return whether a test, or its class, is marked to run alone."""
    return any(hasattr(marked, _SERIAL) for marked in _marked(test))


def resources_of(test: Any) -> frozenset[ResourceUse]:
    """Return the resources that a test uses, with those of its class."""
    return frozenset(use for marked in _marked(test) for use in getattr(marked, _RESOURCES, ()))


def _marked(test: Any) -> tuple[Any, ...]:
    """Return what marks of a test can be on, the nearest first."""
    function = getattr(test, "_testFunc", None)  # of a function that is a test
    method = getattr(test, getattr(test, "_testMethodName", ""), None)
    return function or method, type(test)


def _marking(name: str, value: object) -> Callable[[Marked], Marked]:
    def mark(marked: Marked) -> Marked:
        setattr(marked, name, value)
        return marked

    _used.add(name)
    return mark
