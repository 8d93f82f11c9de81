"""Collect the text constants of a test's code: of its functions and of the helpers they call.

The words of a module are no evidence on one of its tests, so only constants that this code can use
count. Which helpers a function calls is read from the names in it, as far as they lead to functions
of the user: through the names of its module, its class and its closure. In other modules only
functions that it names itself count, since these lead to all of a product.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import inspect
import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from ..events import origins
from ..registry.contexts import Context

_FIXTURES = (
    "setUp", "asyncSetUp", "tearDown", "asyncTearDown", "setup_method", "teardown_method",
)  # fmt: skip
_CLASS_FIXTURES = ("setUpClass", "tearDownClass", "setup_class", "teardown_class")
_MODULE_FIXTURES = ("setUpModule", "tearDownModule", "setup_module", "teardown_module")
_IMPLICIT = ("__init__", "__post_init__", "__enter__", "__exit__", "__call__")
_PARTIAL = (functools.partial, functools.partialmethod)
_MOST_FUNCTIONS = 500


class _Helper(NamedTuple):
    """A function, and the class through which its methods are found."""

    function: FunctionType
    owner: type | None


_known: weakref.WeakKeyDictionary[Context, frozenset[str]] = weakref.WeakKeyDictionary()


def texts_of(context: Context) -> frozenset[str]:
    """Return the text constants of the code that a context runs, as its `source` tells."""
    found = _known.get(context)
    if found is None:
        found = _known[context] = frozenset(_texts_of(context))
    return found


def texts_in(code: CodeType) -> Sequence[str]:
    """Return the text constants of a function's code.

    The code of a module or of a class body has none: its words belong to no test.
    """
    return _constants(code) if code.co_flags & inspect.CO_OPTIMIZED else ()


def _texts_of(context: Context) -> Iterator[str]:
    source = context.source
    if isinstance(source, CodeType):
        yield from _constants(source)
    elif isinstance(source, tuple):
        for example in source:
            with contextlib.suppress(SyntaxError, ValueError):
                yield from _constants(compile(example.text, "<example>", "exec"))
    elif not isinstance(source, str):
        yield from _texts(source)
    for helper in _called(list(_functions_of(source, context))):
        yield from texts_in(helper.function.__code__)
        for value, _ in _named(helper):
            yield from _texts(value)


def _texts(value: object) -> Iterator[str]:
    """Yield the text that a value is, or the texts among the arguments of a partial function."""
    if isinstance(value, (str, bytes, PurePath)):
        yield os.fsdecode(value)
    elif isinstance(value, _PARTIAL):
        for argument in (*value.args, *value.keywords.values()):
            yield from _texts(argument)


def _functions_of(source: object, context: Context) -> Iterator[_Helper]:
    """Yield the functions that a host runs for a context: the test and its fixtures."""
    if isinstance(source, type):
        yield from _attributes(source, _CLASS_FIXTURES)
    elif isinstance(source, str):
        for module in tuple(sys.modules.values()):
            if getattr(module, "__file__", None) == source:
                for name in _MODULE_FIXTURES:
                    yield from _functions(vars(module).get(name), None)
    elif source is not None:
        owner = context.parent.source if context.parent is not None else None
        owner = owner if isinstance(owner, type) else None
        yield from _functions(source, owner)
        if owner is not None:
            yield from _attributes(owner, _FIXTURES)


def _called(pending: list[_Helper]) -> Iterator[_Helper]:
    """Yield some functions and the helpers that they call, each once."""
    modules = {helper.function.__module__ for helper in pending}
    modules |= {base.__module__ for _, owner in pending for base in inspect.getmro(owner or object)}
    seen: set[int] = set()
    while pending and len(seen) < _MOST_FUNCTIONS:
        helper = pending.pop()
        code = helper.function.__code__
        if id(helper.function) in seen or not origins.is_of_users(code.co_filename):
            continue
        seen.add(id(helper.function))
        yield helper
        if helper.function.__module__ in modules:
            for value, owner in _named(helper):
                pending.extend(_functions(value, owner))


def _named(helper: _Helper) -> Iterator[tuple[Any, type | None]]:
    """Yield what the names in a function lead to, and the class through which it was found."""
    function, owner = helper
    names = frozenset(name for code in _codes(function.__code__) for name in code.co_names)
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not yet assigned
            yield cell.cell_contents, owner
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield default, None
    if owner is not None:
        yield from ((inspect.getattr_static(owner, name, None), owner) for name in names)
    for name in names:
        value = function.__globals__.get(name)
        yield value, None
        yield from _members(value, names)


def _members(
    value: object, names: frozenset[str], depth: int = 3
) -> Iterator[tuple[Any, type | None]]:
    """Yield the members of a module, a class or an object that have one of some names."""
    if isinstance(value, ModuleType):
        members = [vars(value).get(name) for name in names]
        yield from ((member, None) for member in members)
        for member in members if depth else ():
            if isinstance(member, (ModuleType, type)):
                yield from _members(member, names, depth - 1)
        return
    owner = value if isinstance(value, type) else type(value)
    if owner.__module__.partition(".")[0] not in sys.stdlib_module_names:
        for name in (*names, *_IMPLICIT):
            yield inspect.getattr_static(owner, name, None), owner


def _attributes(owner: type, names: Iterable[str]) -> Iterator[_Helper]:
    for name in names:
        yield from _functions(inspect.getattr_static(owner, name, None), owner)


def _functions(value: Any, owner: type | None) -> Iterator[_Helper]:
    """Yield the functions that a value wraps: a method, a property, a decorated function."""
    for _ in range(20):
        if isinstance(value, FunctionType):
            yield _Helper(value, owner)
            value = vars(value).get("__wrapped__")
        elif isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        elif isinstance(value, property):
            value = value.fget
        elif isinstance(value, (*_PARTIAL, functools.cached_property)):
            value = value.func
        elif inspect.ismethod(value):
            owner = value.__self__ if isinstance(value.__self__, type) else type(value.__self__)
            value = value.__func__
        else:
            return


@functools.lru_cache(maxsize=4096)
def _constants(code: CodeType) -> Sequence[str]:
    """Return the texts in some code and in the functions in it, but no docstring."""
    found: list[str] = []
    for each in _codes(code):
        found += _flat(each.co_consts[_has_docstring(each) :])
    return found


def _has_docstring(code: CodeType) -> bool:
    """Whether the first constant may be the docstring: no instruction loads it."""
    if not code.co_consts or not isinstance(code.co_consts[0], str):
        return False
    return not any(
        step.opcode in dis.hasconst and step.arg == 0 for step in dis.get_instructions(code)
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _flat(constants: Iterable[object]) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, bytes):
            yield os.fsdecode(constant)
        elif isinstance(constant, (tuple, frozenset)):
            yield from _flat(constant)
