"""What a test has of what a function that it calls has made: the variable with the path."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

from tempfiles.records import Leak

from .path_arguments import argument, plain
from .sources import file_of_context
from .statements import Spot, called, path_of_result, spots

_FIXTURES = {"class": ("setUpClass",), "module": ("setUpModule",)}
_OF_TESTS = ("setUp", "asyncSetUp")


def calling(leak: Leak) -> str:
    """Return in what the call is that led to a leak: `test`, or the name of a fixture."""
    if leak.scope != "test":
        return _FIXTURES.get(leak.scope, ("code",))[0]
    names = {each.functions[-1].name for each in _calls(leak, _function(leak, None))}
    return next((name for name in _OF_TESTS if name in names), "test")


def path_in_callers(leaks: Sequence[Leak], spot: Spot | None, call: str) -> str | None:
    """Return the path as the callers have it, None unless all of them have it by one name.

    Args:
        leaks: of one line of code.
        spot: the call in that line.
        call: what it calls, as an origin says it.
    """
    if spot is None or not spot.functions:
        return None
    numbers = Counter(leak.context for leak in leaks)
    found: set[str | None] = set()
    for leak in {leak.context: leak for leak in leaks}.values():
        calls = list(_calls(leak, _function(leak, spot)))
        found |= {_path_in_caller(spot, call, caller) for caller in calls} or {None}
        if numbers[leak.context] > len(calls):
            return None
    return found.pop() if len(found) == 1 else None


def _function(leak: Leak, spot: Spot | None) -> str:
    """Return by which name the function of a line is called."""
    name = leak.origin.function if leak.origin is not None else ""
    return spot.owner if spot is not None and name == "__init__" else name


def _calls(leak: Leak, name: str) -> Iterator[Spot]:
    """Yield the calls of a function in the test or the fixture that a leak is of."""
    parts = leak.context.split(".")
    owners = {"test": parts[-2:-1], "class": parts[-1:]}.get(leak.scope, [""])
    callers = _FIXTURES.get(leak.scope, (parts[-1], *_OF_TESTS))
    for each in spots(file_of_context(leak.context), name):
        is_caller = each.functions and each.functions[-1].name in callers
        if is_caller and each.owner in owners:
            yield each


def _path_in_caller(spot: Spot, call: str, caller: Spot) -> str | None:
    if len(caller.functions) != 1:
        return None
    maker = call.rpartition(".")[2]
    if any(isinstance(node, ast.Return) for node in spot.above[: len(spot.between) + 1]):
        return path_of_result(caller, maker) if not spot.between else None
    path = path_of_result(spot, maker) or _given(spot, call)
    function = spot.functions[0]
    if function.name == "__init__" and path is not None and path.startswith("self."):
        made = path_of_result(caller, "")
        return made and made + path.removeprefix("self")
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    is_path = {value and _unwrapped(value) for value in returned} == {path}
    return path_of_result(caller, "") if is_path else None


def _given(spot: Spot, call: str) -> str | None:
    given = argument(spot, call)
    return ast.unparse(plain(given)) if given is not None else None


def _unwrapped(value: ast.expr) -> str:
    while isinstance(value, ast.Call) and called(value) in ("Path", "str", "fspath") and value.args:
        value = value.args[0]
    return ast.unparse(value)
