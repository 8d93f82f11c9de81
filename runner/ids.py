"""What a test is known by, wherever it is asked for: in contexts, in the state file, in reports."""

from __future__ import annotations

from unittest import util

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FALLBACK = "_temp_id"  # in a test's attributes

__unittest = True


def test_id(test: Any) -> str:
    """Return the id of a test; where it does not give one, what `TestCase.id` would.

    `python -m unittest` asks no test for its id, so that one may need what `setUp` sets. Such a
    test keeps the id that it was known by at first, also when it could tell another later.

    Args:
        test: a TestCase, or whatever else a suite may hold; of what has no test method it is the
            name of its class.
    """
    attributes = getattr(test, "__dict__", {})
    if _FALLBACK in attributes:
        return str(attributes[_FALLBACK])
    try:
        id = test.id()
    except Exception:  # whatever a user's method may raise
        id = None
    if isinstance(id, str):
        return id
    method = getattr(test, "_testMethodName", "")
    attributes[_FALLBACK] = id = util.strclass(type(test)) + (f".{method}" if method else "")
    return id
