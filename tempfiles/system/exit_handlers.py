"""Record the exit handlers (`atexit`) of a process, to find the paths that they may remove.

`atexit` tells nobody what is registered, so `atexit.register` is replaced while a run is open.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_MOST_OBJECTS = 2000  # to look at for one handler; more is not what a handler is about
_OWN = __name__.partition(".")[0]

_genuine = atexit.register
_registered: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []


def _register(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Callable[..., Any]:
    registered = _genuine(func, *args, **kwargs)
    if _package_of(func) != _OWN:  # what that removes is registered, and no leak
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


class Reach:
    """The paths that the handlers have within reach now: as an argument, or in a variable.

    They are read once, with the first question: a handler may hold many objects.
    """

    @cached_property
    def _texts(self) -> dict[str, set[str]]:
        """The paths by their last part."""
        texts: dict[str, set[str]] = {}
        for handler in _registered:
            for text in _paths_in(_starts(*handler)):
                texts.setdefault(os.path.basename(text), set()).add(text)
        return texts

    def may_remove(self, path: str) -> bool:
        """Return whether a handler may remove an absolute path."""
        found = self._texts.get(os.path.basename(path), ())
        return any(_is_path(text, path) for text in found)


def _package_of(func: Any) -> str:
    return str(getattr(func, "__module__", "")).partition(".")[0]


def _starts(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Return where to look: not into variables of the standard library, which has handlers too."""
    if isinstance(func, partial):
        return _starts(func.func, (args, func.args), {**kwargs, **func.keywords})
    module = _package_of(func)
    if module not in sys.stdlib_module_names or module == "__main__":
        return [func, args, kwargs]
    owner = getattr(func, "__self__", None)  # of `directory.cleanup`
    return [args, kwargs] if isinstance(owner, type) else [owner, args, kwargs]


def _paths_in(pending: list[Any]) -> Iterator[str]:
    """Yield the texts that may be paths in some objects, and in what these hold."""
    seen = set[int]()
    while pending and len(seen) < _MOST_OBJECTS:
        found = pending.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, (str, bytes, os.PathLike)):
            with contextlib.suppress(Exception):  # a path of the user's own class
                yield os.fsdecode(found).rstrip(os.sep)
        else:
            pending += _held_by(found)


def _is_path(text: str, path: str) -> bool:
    name = os.path.basename(path)
    try:
        directory = os.path.realpath(os.path.dirname(os.path.abspath(text)))
    except (OSError, ValueError):
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
