"""Plain functions as tests (`--functions`): every `test_*` function of a test module.

`setup_module` and `teardown_module` are the module's fixtures, `setup` and `teardown` attributes
of a function are its own. A coroutine function is run in an event loop. A module with a
`load_tests` says itself what its tests are; its functions are left alone.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import unittest
from collections.abc import Callable
from fnmatch import fnmatchcase
from types import FunctionType, ModuleType
from typing import Any

from .errors import UsageError

__unittest = True  # frames of this module stay out of users' tracebacks

_PREFIX = "test_"


class FunctionCase(unittest.TestCase):
    """One function as a test; its id is `pkg.mod.test_x`.

    Parameters:
        function: called without arguments.
        name: the name it has in its module.
        module: the name of that module.
    """

    def __init__(self, function: Callable[[], object], name: str, module: str) -> None:
        super().__init__()
        self._function = function
        self._name = name
        self._module = module
        self.__unittest_expecting_failure__ = getattr(
            function, "__unittest_expecting_failure__", False
        )

    def id(self) -> str:
        """Return `pkg.mod.test_x`."""
        return f"{self._module}.{self._name}"

    def shortDescription(self) -> str | None:
        """Return the first line of the function's docstring."""
        return (self._function.__doc__ or "").strip().partition("\n")[0].strip() or None

    def setUp(self) -> None:
        """Call the function's `setup`."""
        if getattr(self._function, "__unittest_skip__", False):
            self.skipTest(getattr(self._function, "__unittest_skip_why__", ""))
        _call(getattr(self._function, "setup", None))

    def tearDown(self) -> None:
        """Call the function's `teardown`."""
        _call(getattr(self._function, "teardown", None))

    def runTest(self) -> object:
        """Call the function; unittest warns of what it returns."""
        return _call(self._function)

    def __str__(self) -> str:
        return f"{self._name} ({self.id()})"

    def __repr__(self) -> str:
        return f"<FunctionCase {self.id()}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FunctionCase):
            return NotImplemented
        return self._function is other._function and self.id() == other.id()

    def __hash__(self) -> int:
        return hash(self.id())


class FunctionLoader(unittest.TestLoader):
    """unittest's loader, which also finds functions.

    Raises (from each method that loads):
        UsageError: a test function is a generator.
    """

    def loadTestsFromModule(  # type: ignore[override]
        self, module: ModuleType, *, pattern: str | None = None
    ) -> unittest.TestSuite:
        """Return the module's tests: its cases first, then its functions by name."""
        suite = super().loadTestsFromModule(module, pattern=pattern)
        if hasattr(module, "load_tests") or not getattr(module, "__test__", True):
            return suite
        _adopt_fixtures(module)
        names = [name for name in vars(module) if _is_test(module, name)]
        names.sort(key=functools.cmp_to_key(self.sortTestMethodsUsing))
        chosen = [name for name in names if self._is_chosen(f"{module.__name__}.{name}")]
        suite.addTests(_case(module, name) for name in chosen)
        return suite

    def loadTestsFromName(self, name: str, module: ModuleType | None = None) -> Any:
        """Return the tests of a dotted name, which may be that of a function."""
        found = _find_function(name, module)
        if found is None:
            return super().loadTestsFromName(name, module)
        _adopt_fixtures(found[0])
        return self.suiteClass([_case(*found)])

    def _is_chosen(self, id: str) -> bool:
        patterns = self.testNamePatterns
        return not patterns or any(fnmatchcase(id, pattern) for pattern in patterns)


def _call(function: Any) -> object:
    if function is None:
        return None
    returned = function()
    if inspect.iscoroutine(returned):
        import asyncio

        return asyncio.run(returned)
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        raise TypeError("the function gave a generator; nothing of it has run")
    return returned


def _is_test(module: ModuleType, name: str) -> bool:
    """Return whether a name of a module is a test function, and not another module's."""
    function = vars(module)[name]
    if not name.startswith(_PREFIX) or not isinstance(function, FunctionType):
        return False
    if not getattr(function, "__test__", True):  # as nose has it
        return False
    home = sys.modules.get(function.__module__)
    return home is module or home is None or vars(home).get(name) is not function


def _case(module: ModuleType, name: str) -> FunctionCase:
    function = vars(module)[name]
    id = f"{module.__name__}.{name}"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        code = inspect.unwrap(function).__code__
        raise UsageError(
            f"{id} ({code.co_filename}:{code.co_firstlineno}) is a generator, which --functions"
            " does not run: use self.subTest, or one function for each case"
        )
    return _class_of(module.__name__)(function, name, module.__name__)


@functools.cache
def _class_of(module: str) -> type[FunctionCase]:
    """Return the class of a module's functions: by its class unittest finds a test's module."""
    return type("FunctionCase", (FunctionCase,), {"__module__": module})


def _adopt_fixtures(module: ModuleType) -> None:
    """Give a module's fixtures the names that unittest knows, where these are free."""
    for ours, stock in (("setup_module", "setUpModule"), ("teardown_module", "tearDownModule")):
        fixture = vars(module).get(ours)
        if callable(fixture) and not hasattr(module, stock):
            takes_module = bool(inspect.signature(fixture).parameters)
            adopted = functools.partial(fixture, module) if takes_module else fixture
            setattr(module, stock, functools.partial(_call, adopted))


def _find_function(name: str, module: ModuleType | None) -> tuple[ModuleType, str] | None:
    home, _, last = name.rpartition(".")
    if not last.startswith(_PREFIX):
        return None
    if module is None:
        if not home:
            return None
        try:
            module = importlib.import_module(home)
        except Exception:  # whatever an import may raise: unittest's own loader reports it
            return None
    elif home:
        return None
    return (module, last) if isinstance(vars(module).get(last), FunctionType) else None
