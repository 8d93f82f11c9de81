"""Ways by time: fixtures, cleanups, import, load_tests, atexit, finalisers, subtests, endings."""

from __future__ import annotations

from tests.campaigns.zoo.rows import PROJECT, TEMP, Expected, Limit, Way, way

_MAKE = "open(leaf(), 'w').close()  # LEAK"
_CASE = "class Row(unittest.TestCase):\n"
_TESTS = "    def test_a_before(self): pass\n    def test_leak(self): pass\n" \
         "    def test_z_after(self): pass\n"


def _whole(name: str, source: str, function: str, scope: str = "test", /, **more: object) -> Way:
    """A row whose source is the whole module after the common head."""
    settings = {"whole": True, "function": (function,), "scope": (scope,),
                "alone": scope == "run", **more}
    return way(name, source, **settings)


def _method(name: str, head: str, function: str, scope: str) -> Way:
    body = f"{_CASE}    {head}\n        {_MAKE}\n{_TESTS}"
    return _whole(name, body, function, scope)


_ONE = "    def test_leak(self):\n"
_GATED = "        if self._testMethodName == 'test_leak':\n    "
_BETWEEN = ("test", "class", "module", "run")

FIXTURES: tuple[Way, ...] = (
    _whole("setUp", f"{_CASE}    def setUp(self):\n{_GATED}        {_MAKE}\n{_TESTS}", "setUp"),
    _whole("tearDown", f"{_CASE}    def tearDown(self):\n{_GATED}        {_MAKE}\n{_TESTS}",
           "tearDown"),
    _method("setUpClass", "@classmethod\n    def setUpClass(cls):", "setUpClass", "class"),
    _method("tearDownClass", "@classmethod\n    def tearDownClass(cls):", "tearDownClass", "class"),
    _whole("class cleanup", f"def clean():\n    {_MAKE}\n{_CASE}    @classmethod\n"
           f"    def setUpClass(cls): cls.addClassCleanup(clean)\n{_TESTS}", "clean", "class"),
    _whole("class of its own after another", f"{_CASE}{_TESTS}class Second(Row):\n"
           f"    @classmethod\n    def setUpClass(cls):\n        {_MAKE}\n", "setUpClass", "class",
           test=("Second",)),
    _whole("setUpModule", f"def setUpModule():\n    {_MAKE}\n{_CASE}{_TESTS}", "setUpModule",
           "module"),
    _whole("tearDownModule", f"def tearDownModule():\n    {_MAKE}\n{_CASE}{_TESTS}",
           "tearDownModule", "module"),
    _whole("module cleanup", f"def clean():\n    {_MAKE}\ndef setUpModule(): "
           f"unittest.addModuleCleanup(clean)\n{_CASE}{_TESTS}", "clean", "module"),
    _whole("class directory filled by a test",
           f"{_CASE}    @classmethod\n    def setUpClass(cls):\n        os.mkdir(leaf())  # LEAK\n"
           f"{_ONE}        open(leaf() + '/x', 'w').close()\n", "setUpClass", "class",
           type="directory", call=("os.mkdir",), entries=2),
    _whole("cleanup", f"{_CASE}    def clean(self):\n        {_MAKE}\n{_ONE}"
           "        self.addCleanup(self.clean)\n    def test_z(self): pass\n", "clean"),
    _whole("cleanup without a line of the user",
           f"{_CASE}{_ONE}        self.addCleanup(os.mkdir, leaf())  # LEAK\n"
           "    def test_z(self): pass\n", "test_leak", origin=False, type="directory",
           call=("*",)),
    _whole("cleanups done early", f"{_CASE}{_ONE}        self.addCleanup(print)\n"
           f"        self.doCleanups()\n        {_MAKE}\n    def test_z(self): pass\n",
           "test_leak"),
    _whole("enterContext", "import contextlib\n@contextlib.contextmanager\ndef made():\n"
           f"    {_MAKE}\n    yield\n{_CASE}{_ONE}        self.enterContext(made())\n", "made"),
    _whole("asyncSetUp", "class Row(unittest.IsolatedAsyncioTestCase):\n"
           f"    async def asyncSetUp(self):\n        {_MAKE}\n"
           "    async def test_leak(self): pass\n", "asyncSetUp"),
)

OUTSIDE_TESTS: tuple[Way, ...] = (
    _whole("import time", f"{_MAKE}\n{_CASE}{_TESTS}", "<module>", "run"),
    _whole("import time in a function", f"def make():\n    {_MAKE}\nmake()\n{_CASE}{_TESTS}",
           "make", "run"),
    _whole("class body", f"{_CASE}    {_MAKE}\n{_TESTS}", "Row", "run"),
    _whole("import inside a test", f"{_CASE}{_ONE}        import maker\n", "<module>",
           call=("open",), file="maker.py", alone=True,
           files={"maker.py": "import here\n"
                              "open(here.place() + '/{stem}', 'w').close()  # LEAK\n"}),
    _whole("load_tests", f"def load_tests(loader, tests, pattern):\n    {_MAKE}\n"
           f"    return tests\n{_CASE}{_TESTS}", "load_tests", "run"),
    _whole("load_tests by discovery", f"def load_tests(loader, tests, pattern):\n    {_MAKE}\n"
           f"    return tests\n{_CASE}{_TESTS}", "load_tests", "run", args=("discover",)),
    _whole("atexit", f"import atexit\n@atexit.register\ndef late():\n    {_MAKE}\n"
           f"{_CASE}{_TESTS}", "late", "run"),
    _whole("atexit registered by a test", f"import atexit\ndef late():\n    {_MAKE}\n"
           f"{_CASE}{_ONE}        atexit.register(late)\n", "late", "run", alone=True),
)

_MORTAL = f"class Mortal:\n    def __del__(self):\n        {_MAKE}\n"
_LATER = "    def test_z(self): pass\n"

FINALISERS: tuple[Way, ...] = (
    _whole("del", f"{_MORTAL}{_CASE}{_ONE}        Mortal()\n{_LATER}", "__del__"),
    _whole("del in a cycle", f"{_MORTAL}{_CASE}{_ONE}        m = Mortal(); m.me = m\n"
           f"        del m\n        import gc; gc.collect()\n{_LATER}", "__del__"),
    way("del on self", f"{_MORTAL}{_CASE}{_ONE}        self.m = Mortal()\n{_LATER}", whole=True,
        function=("__del__",), scope=_BETWEEN, alone=True),
    way("weakref finalize",
        f"import weakref\nclass C: pass\ndef late():\n    {_MAKE}\n{_CASE}{_ONE}"
        f"        weakref.finalize(C(), late)\n{_LATER}", whole=True, function=("late",)),
    way("generator closed at the end of its test",
        f"def gen():\n    try: yield\n    finally:\n        {_MAKE}\n{_CASE}{_ONE}"
        f"        g = gen(); next(g)\n{_LATER}", whole=True, function=("gen",)),
    way("generator closed by a later test",
        f"def gen():\n    try: yield\n    finally:\n        {_MAKE}\n{_CASE}    def test_a(self):\n"
        f"        Row.g = gen(); next(Row.g)\n{_ONE}        Row.g.close()\n", whole=True,
        function=("gen",)),
    way("finalised at the end of the process",
        "class Mortal:\n    def __init__(self): self.path, self.mkdir = leaf(), os.mkdir\n"
        f"    def __del__(self): self.mkdir(self.path)  # LEAK\n{_CASE}{_ONE}"
        "        global m\n        m = Mortal()\n", whole=True, function=("__del__",),
        type="directory", call=("os.mkdir",), scope=_BETWEEN, alone=True, places=(PROJECT,),
        limits={PROJECT: Limit(
            "the interpreter is shutting down: the report has been written", absent=True)}),
    way("asynchronous generator closed late",
        "import asyncio\nasync def gen():\n    try: yield\n    finally:\n"
        f"        {_MAKE}\nclass Row(unittest.IsolatedAsyncioTestCase):\n"
        "    async def test_leak(self):\n        self.g = gen(); await anext(self.g)\n"
        "    def test_z(self): pass\n", whole=True, function=("gen",), scope=_BETWEEN),
)

_SUB = "        with self.subTest({}):\n            " + _MAKE + "\n"


def _ends(name: str, rest: str, status: int, head: str = "") -> Way:
    return _whole(f"test that {name}", f"{_CASE}{head}{_ONE}        {_MAKE}\n{rest}", "test_leak",
                  status=status, alone=True)


ENDINGS: tuple[Way, ...] = (
    _whole("subTest", f"{_CASE}{_ONE}{_SUB.format('n=chr(97)')}    def test_z(self): pass\n",
           "test_leak", extra={"subtest": "(n='a')"}, says=("(n='a')",)),
    _whole("subTest with a message", f"{_CASE}{_ONE}{_SUB.format(chr(39) + 'why' + chr(39))}",
           "test_leak", extra={"subtest": "[why]"}),
    way("subTests and their test", f"{_CASE}{_ONE}        for n in 'ab':\n"
        "            with self.subTest(n=n): open(leaf(n), 'w').close()  # LEAK\n"
        "        open(leaf('-t'), 'w').close()  # LEAK\n", whole=True, leaks=(
            Expected("{stem}a", extra={"subtest": "(n='a')"}),
            Expected("{stem}b", extra={"subtest": "(n='b')"}),
            Expected("{stem}-t", extra={"subtest": None}))),
    way("nested subTests", f"{_CASE}{_ONE}        with self.subTest(n=1):\n"
        f"            with self.subTest(m=2):\n                {_MAKE}\n", whole=True,
        extra={"subtest": ("(n=1, m=2)", "(m=2, n=1)")}),
    _ends("fails", "        self.fail()\n", 1),
    _ends("errs", "        1 / 0\n", 1),
    _ends("is skipped within", "        self.skipTest('x')\n" + _LATER, 0),
    _ends("is expected to fail", "        self.fail()\n", 0,
          "    @unittest.expectedFailure\n"),
    _ends("exits", "        sys.exit(3)\n", 1),
    _ends("raises KeyboardInterrupt", "        raise KeyboardInterrupt\n", -1),
    _whole("setUp that fails", f"{_CASE}    def setUp(self):\n        {_MAKE}\n        1 / 0\n"
           f"{_ONE}        pass\n", "setUp", status=1, alone=True),
    _whole("setUpClass that fails", f"{_CASE}    @classmethod\n    def setUpClass(cls):\n"
           f"        {_MAKE}\n        1 / 0\n{_TESTS}", "setUpClass", "class", status=-1,
           alone=True),
    _whole("setUpClass that skips", f"{_CASE}    @classmethod\n    def setUpClass(cls):\n"
           f"        {_MAKE}\n        raise unittest.SkipTest\n{_TESTS}", "setUpClass", "class",
           status=-1, alone=True),
    _whole("setUpModule that fails", f"def setUpModule():\n    {_MAKE}\n    1 / 0\n"
           f"{_CASE}{_TESTS}", "setUpModule", "module", status=-1, alone=True),
    _whole("a run without super", f"{_CASE}    def run(self, result=None):\n"
           "        result.startTest(self)\n        getattr(self, self._testMethodName)()\n"
           "        result.addSuccess(self)\n        result.stopTest(self)\n"
           f"{_ONE}        {_MAKE}\n    def test_z(self): pass\n", "test_leak"),
    _whole("leaks fail", f"{_CASE}{_ONE}        {_MAKE}\n    def test_z(self): pass\n",
           "test_leak", status=1, alone=True, args=("--leaks", "fail"), says=("LEAK: test_",)),
    _whole("verbose", f"{_CASE}{_ONE}        {_MAKE}\n", "test_leak", alone=True, args=("-v",)),
    _whole("site-packages between", "sys.path.insert(0, os.path.join(os.path.dirname(__file__), "
           f"'site-packages'))\nimport third\n{_CASE}{_ONE}        third.make(leaf())  # LEAK\n",
           "test_leak", call=("third.make", "open"),
           files={"site-packages/third.py": "def make(path): open(path, 'w').close()\n"}),
    _whole("a project's own module", f"import maker\n{_CASE}{_ONE}        maker.make(leaf())\n",
           "make", file="maker.py", alone=True,
           files={"maker.py": "def make(path):\n    open(path, 'w').close()  # LEAK\n"}),
    _whole("FunctionTestCase", f"def leaking():\n    {_MAKE}\n"
           "def load_tests(loader, tests, pattern):\n"
           "    return unittest.TestSuite([unittest.FunctionTestCase(leaking)])\n", "leaking",
           test=(".leaking",), alone=True,
           places=(TEMP, PROJECT)),
)

WAYS = FIXTURES + OUTSIDE_TESTS + FINALISERS + ENDINGS
