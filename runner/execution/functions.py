"""Load plain functions as tests (`--functions`): every `test_*` function of a test module.

`setup_module` and `teardown_module` are the fixtures of the module, for its test cases too. The
attributes `setup` and `teardown` of a function are its own fixtures. A coroutine function runs in
an event loop. A module with `load_tests` chooses its tests itself: its functions are not loaded.
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

from ..errors import UsageError

__unittest = True  # frames of this module stay out of users' tracebacks

_PREFIX = "test_"
# Attributes of a function, of which the first is used: the names and the order of nose2.
_SETUPS = ("setUp", "setup", "setUpFunc")
_TEARDOWNS = ("tearDown", "teardown", "tearDownFunc")


class FunctionCase(unittest.TestCase):
    """One function as a test; its id is `pkg.mod.test_x`.

    Parameters:
        function: the function; it is called without arguments.
        name: its name in its module.
        module: the name of the module.
    """

    def __init__(self, function: Callable[[], object], name: str, module: str) -> None:
        super().__init__()
        self._testFunc = function
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
        return (self._testFunc.__doc__ or "").strip().partition("\n")[0].strip() or None

    def setUp(self) -> None:
        """Call the function's `setup`, `setUp` or `setUpFunc`."""
        if getattr(self._testFunc, "__unittest_skip__", False):
            self.skipTest(getattr(self._testFunc, "__unittest_skip_why__", ""))
        _call(_first_of(self._testFunc, _SETUPS))

    def tearDown(self) -> None:
        """Call the function's `teardown`, `tearDown` or `tearDownFunc`."""
        _call(_first_of(self._testFunc, _TEARDOWNS))

    def runTest(self) -> object:
        """Call the function; unittest warns if it returns a value."""
        return _call(self._testFunc)

    def __str__(self) -> str:
        return f"{self._name} ({self.id()})"

    def __repr__(self) -> str:
        return f"<FunctionCase {self.id()}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FunctionCase):
            return NotImplemented
        return self._testFunc is other._testFunc and self.id() == other.id()

    def __hash__(self) -> int:
        return hash(self.id())


class FunctionLoader(unittest.TestLoader):
    """A loader like unittest's, which also loads functions.

    Raises (from each method that loads):
        UsageError: a test function is a generator, has parameters or needs an argument.
    """

    def loadTestsFromModule(  # type: ignore[override,unused-ignore]
        self, module: ModuleType, *, pattern: str | None = None
    ) -> unittest.TestSuite:
        """Return the module's tests: its cases first, then its functions by name."""
        suite = _with_fixtures(super().loadTestsFromModule(module, pattern=pattern))
        _rename_fixtures(module)
        if hasattr(module, "load_tests") or not getattr(module, "__test__", True):
            return suite
        names = [name for name in vars(module) if _is_test(module, name)]
        names.sort(key=functools.cmp_to_key(self.sortTestMethodsUsing))
        chosen = [name for name in names if self._is_chosen(f"{module.__name__}.{name}")]
        suite.addTests(_case(module, name) for name in chosen)
        return suite

    def loadTestsFromName(self, name: str, module: ModuleType | None = None) -> Any:
        """Return the tests of a dotted name, which may be that of a function."""
        found = _find_function(name, module)
        if found is None:
            return _with_fixtures(super().loadTestsFromName(name, module))
        _rename_fixtures(found[0])
        return self.suiteClass([_case(*found)])

    def _is_chosen(self, id: str) -> bool:
        patterns = self.testNamePatterns
        return not patterns or any(fnmatchcase(id, pattern) for pattern in patterns)


def _first_of(function: Any, names: tuple[str, ...]) -> Any:
    return next((getattr(function, name) for name in names if hasattr(function, name)), None)


def _call(function: Any) -> object:
    if function is None:
        return None
    returned = function()
    if inspect.iscoroutine(returned):
        import asyncio

        return asyncio.run(returned)
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        raise TypeError("the function returned a generator, which does not run")
    return returned


def _is_test(module: ModuleType, name: str) -> bool:
    """Return whether a name of a module is a test function of that module.

    A function that another module created but does not define (by a decorator, a factory) counts.
    """
    function = vars(module)[name]
    if not name.startswith(_PREFIX) or not isinstance(function, FunctionType):
        return False
    if not getattr(function, "__test__", True):  # as nose has it
        return False
    home = sys.modules.get(function.__module__)
    if home is module or home is None:
        return True
    return not any(value is function for value in list(vars(home).values()))


def _case(module: ModuleType, name: str) -> FunctionCase:
    function = vars(module)[name]
    reason = _refusal(function)
    if reason:
        code = getattr(inspect.unwrap(function), "__code__", function.__code__)
        place = f"{code.co_filename}:{code.co_firstlineno}"
        raise UsageError(f"{module.__name__}.{name} ({place}) {reason}")
    return _class_of(module.__name__)(function, name, module.__name__)


def _refusal(function: Any) -> str:
    """Return why a function cannot be a test; empty if it can be one."""
    instead = "use self.subTest, or one function for each case"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return f"is a generator, which --functions does not run: {instead}"
    if getattr(function, "__unittest_skip__", False):
        return ""
    if getattr(function, "paramList", None) is not None:  # nose2's
        return f"has parameters (paramList), which --functions does not give: {instead}"
    if needed := _needed(function):
        return (
            f"needs {', '.join(needed)}, which --functions does not give: use a default, or set"
            " the function's __test__ to False if it is no test"
        )
    return ""


def _needed(function: Any) -> list[str]:
    """Return the names of the required arguments of a function."""
    # Not those of a wrapped function: a decorator, as `mock.patch`, may pass them.
    parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    return [
        one.name for one in parameters
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]  # fmt: skip


@functools.cache
def _class_of(module: str) -> type[FunctionCase]:
    """Return the class for the functions of a module, by which unittest finds their module."""
    return type("FunctionCase", (FunctionCase,), {"__module__": module})


def _with_fixtures(suite: unittest.TestSuite) -> unittest.TestSuite:
    """Rename the fixtures of the modules of all tests of a suite; return the suite."""
    waiting: list[Any] = [suite]
    while waiting:
        test = waiting.pop()
        if isinstance(test, unittest.BaseTestSuite):
            # Do not iterate: that would use up a suite that creates its tests as it goes.
            waiting += getattr(test, "_tests", ())
        elif type(test).__module__ in sys.modules:
            _rename_fixtures(sys.modules[type(test).__module__])
    return suite


def _rename_fixtures(module: ModuleType) -> None:
    """Give the fixtures of a module the names that unittest knows, where these are free."""
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
        except Exception:  # an import may raise anything; unittest's loader reports it
            return None
    elif home:
        return None
    return (module, last) if isinstance(vars(module).get(last), FunctionType) else None
