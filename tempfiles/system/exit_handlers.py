"""Record the exit handlers (`atexit`) of a process, to find the paths that they may remove.

`atexit` tells nobody what is registered, so `atexit.register` is replaced while a run is open.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_MOST_OBJECTS = 2000  # to look at for one path; more is not what a handler is about

_genuine = atexit.register
_registered: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []


def _register(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Callable[..., Any]:
    registered = _genuine(func, *args, **kwargs)
    _registered.append((func, args, kwargs))
    return registered


def start() -> None:
    """Record exit handlers from now on."""
    _registered.clear()
    atexit.register = _register


def stop() -> None:
    """Record no more of them."""
    if atexit.register is _register:
        atexit.register = _genuine
    _registered.clear()


def may_remove(path: str) -> bool:
    """Return whether a handler has a path within reach: as an argument, or in a variable."""
    return any(_reaches(path, _starts(*handler)) for handler in _registered)


def _starts(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Return where to look: not into variables of the standard library, which has handlers too."""
    if isinstance(func, partial):
        return _starts(func.func, (args, func.args), {**kwargs, **func.keywords})
    module = str(getattr(func, "__module__", "")).partition(".")[0]
    if module not in sys.stdlib_module_names or module == "__main__":
        return [func, args, kwargs]
    owner = getattr(func, "__self__", None)  # of `directory.cleanup`
    return [args, kwargs] if isinstance(owner, type) else [owner, args, kwargs]


def _reaches(path: str, pending: list[Any]) -> bool:
    name, seen = os.path.basename(path), set[int]()
    while pending and len(seen) < _MOST_OBJECTS:
        found = pending.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, (str, bytes, os.PathLike)):
            if _is_path(found, path, name):
                return True
        else:
            pending += _held_by(found)
    return False


def _is_path(found: Any, path: str, name: str) -> bool:
    try:
        text = os.fsdecode(found).rstrip(os.sep)
        if os.path.basename(text) != name:
            return False
        directory = os.path.realpath(os.path.dirname(os.path.abspath(text)))
    except Exception:  # a path of the user's own class
        return False
    return os.path.join(directory, name) in (path, os.path.join(os.path.realpath(
        os.path.dirname(path)), name))


def _held_by(found: Any) -> Iterator[Any]:
    """Yield what an object holds: items, attributes, variables of a function."""
    if isinstance(found, dict):
        yield from [*found.keys(), *found.values()]
    elif isinstance(found, (tuple, list, set, frozenset)):
        yield from list(found)
    elif isinstance(found, MethodType):
        yield from (found.__self__, found.__func__)
    elif isinstance(found, partial):
        yield from (found.func, found.args, found.keywords)
    elif isinstance(found, FunctionType):
        yield from _variables(found)
    elif isinstance(found, type):
        yield from [value for value in vars(found).values() if not callable(value)]
    elif not isinstance(found, ModuleType):
        yield from list(getattr(found, "__dict__", {}).values())


def _variables(function: FunctionType) -> Iterator[Any]:
    yield from (function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # it is empty
            continue
    for name in _names(function.__code__):
        value = function.__globals__.get(name)
        if not isinstance(value, (type, ModuleType)):
            yield value


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
