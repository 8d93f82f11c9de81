"""Ways of suites that do unusual things: patched functions, moved directories, shared owners."""

from __future__ import annotations

from tests.campaigns.zoo.rows import (
    BY_CHILD,
    EITHER,
    PROJECT,
    SCANNED,
    SLASH_TMP,
    TEMP,
    TRACED,
    UNNAMED,
    Expected,
    Limit,
    Way,
    innocent,
    line,
    way,
)

_CASE = "class Row(unittest.TestCase):\n"
_ONE = "    def test_leak(self):\n"
_MAKE = "open(leaf(), 'w').close()  # LEAK"
_HEAD = "import here, shutil, subprocess\nfrom unittest import mock\n" \
        "BEFORE = os.path.join(os.path.dirname(here.__file__), 'before.txt')\n"
_BY_ANY = {**BY_CHILD, PROJECT: Limit(UNNAMED, apart=True)}
_NEVER = {"never_closed": True}

OWNERS: tuple[Way, ...] = (
    way("made by one test, removed by the next",
        f"{_CASE}{_ONE}        {_MAKE}\n    def test_z(self): os.remove(leaf())\n", whole=True,
        vanishes=True),
    way("made by one test, opened by the next",
        f"{_CASE}{_ONE}        {_MAKE}\n    def test_z(self): open(leaf(), 'w').close()\n",
        whole=True),
    way("moved out of the class's directory by a test",
        f"{_CASE}    @classmethod\n    def setUpClass(cls):\n"
        "        cls.d = cls.enterClassContext(tempfile.TemporaryDirectory(dir=place()))\n"
        "        open(cls.d + '/x', 'w').close()\n"
        f"{_ONE}        os.rename(self.d + '/x', leaf())  # LEAK\n", whole=True,
        call=("os.rename",)),
    way("TemporaryDirectory at import time",
        f"kept = tempfile.TemporaryDirectory(prefix=SLUG, dir=place())  # LEAK\n{_CASE}{_ONE}"
        "        pass\n", whole=True, scope=("run",), function=("<module>",), name="{stem}*",
        type="directory", call=("tempfile.TemporaryDirectory",), extra=_NEVER, vanishes=True,
        alone=True, limits=dict.fromkeys((TEMP, PROJECT), Limit(
            "its own finaliser removed it at the end of the process", absent=True))),
    way("TemporaryDirectory of a class",
        f"{_CASE}    @classmethod\n    def setUpClass(cls):\n"
        f"        cls.d = tempfile.TemporaryDirectory(prefix=SLUG, dir=place())  # LEAK\n{_ONE}"
        "        pass\n", whole=True, scope=("class",), function=("setUpClass",), name="{stem}*",
        type="directory", call=("tempfile.TemporaryDirectory",), extra=_NEVER, vanishes=True),
    innocent("removed by atexit",
             "import atexit, shutil\nd = tempfile.mkdtemp(dir=place())\n"
             f"atexit.register(shutil.rmtree, d)\n{_CASE}    def test_x(self): "
             "open(d + '/x', 'w').close()\n", whole=True, silent=("Traceback",), alone=True),
    innocent("removed by an atexit of a test",
             f"import atexit, shutil\n{_CASE}    def test_x(self):\n"
             "        d = tempfile.mkdtemp(dir=place())\n"
             "        atexit.register(shutil.rmtree, d)\n",
             whole=True, silent=("Traceback",), alone=True),
    way("the same class in two modules", "import base_case\nfrom base_case import Row\n",
        whole=True, files={"base_case.py": "import here, unittest\nclass Row(unittest.TestCase):\n"
        "    def test_leak(self): open(here.place() + '/{stem}', 'w').close()  # LEAK\n"},
        file="base_case.py", test=(".base_case.Row.test_leak",), alone=True),
    way("in a package", "", whole=True, args=("discover",), file="deep/test_deep.py", alone=True,
        files={"deep/__init__.py": "", "deep/test_deep.py": "import here, unittest\n"
               "class Row(unittest.TestCase):\n    def test_leak(self):\n"
               "        open(here.place() + '/{stem}', 'w').close()  # LEAK\n"},
        test=(".deep.test_deep.Row.test_leak",)),
    way("a doctest", "import doctest\ndef documented():\n    '''\n"
        "    >>> open(leaf(), 'w').close()\n    '''  # LEAK\n"
        "def load_tests(loader, tests, pattern): return doctest.DocTestSuite(__name__)\n",
        whole=True, origin=False, test=(".{module}.documented",), function=("*",), alone=True,
        file="*"),
)

CODE: tuple[Way, ...] = (
    way("a subclass of a library class",
        "class H(logging.FileHandler):\n    def _open(self):\n"
        "        return open(self.baseFilename, 'w')  # LEAK\nself.addCleanup(H(leaf()).close)",
        imports="import logging", function=("_open",)),
    way("a decorated test", f"{_CASE}    @mock.patch('os.getpid')\n    def test_leak(self, m):\n"
        f"        {_MAKE}\n", imports=_HEAD, whole=True),
    way("working directory changed for good",
        f"{_CASE}    def test_a(self):\n        os.chdir('/')\n{_ONE}        {_MAKE}\n",
        whole=True, alone=True),
    way("an unnamed file linked later",
        "fd = os.open(place(), os.O_TMPFILE | os.O_RDWR)\n"
        "proc = os.open('/proc/self/fd', os.O_RDONLY)\n"
        "os.link(str(fd), leaf(), src_dir_fd=proc, follow_symlinks=True)  # LEAK\n"
        "os.close(fd); os.close(proc)", call=("os.link",)),
    way("functions patched while the context closes",
        "def setUpModule():\n    for n in ('os.lstat', 'os.stat', 'os.listdir', 'os.scandir', "
        "'os.path.exists', 'os.path.lexists', 'os.path.realpath', 'os.getcwd'):\n"
        "        p = mock.patch(n, side_effect=ZeroDivisionError)\n"
        f"        p.start(); unittest.addModuleCleanup(p.stop)\n{_CASE}{_ONE}"
        f"        {_MAKE}\n", whole=True, alone=True,
        imports=_HEAD + "tempfile.gettempdir()"),
    way("temp directory reset by the suite",
        "tempfile.tempdir = None\nself.addCleanup(setattr, tempfile, 'tempdir', None)\n"
        "with mock.patch.dict(os.environ, clear=True):\n"
        "    tempfile.mkdtemp(prefix=SLUG)  # LEAK", imports=_HEAD, name="{stem}*",
        type="directory", call=("tempfile.mkdtemp",), places=(SLASH_TMP,), alone=True),
    way("descriptors closed in a forked child",
        "pid = os.fork()\nif not pid:\n    os.closerange(3, 256)\n    os._exit(0)\n"
        "os.waitpid(pid, 0)\nopen(leaf(), 'w').close()  # LEAK"),
    innocent("patched open", "with mock.patch('builtins.open', mock.mock_open()):\n"
             "    open(leaf(), 'w').write('x')", imports=_HEAD),
    innocent("patched mkdir", "with mock.patch('os.mkdir'): os.makedirs(leaf())", imports=_HEAD),
)

PLACES_IN_THE_PROJECT: tuple[Way, ...] = (
    way("deep in the project", "open('material/sub/' + SLUG, 'w').close()  # LEAK",
        places=(PROJECT,), extra={"path": "material/sub/{stem}"}),
    way("deep in the project by a child",
        "subprocess.check_call(['touch', 'material/sub/' + SLUG])  # LEAK", imports=_HEAD,
        places=(PROJECT,), call=("subprocess touch",), evidence=SCANNED,
        extra={"path": "material/sub/{stem}"}),
    way("copied onto a directory that was there",
        "shutil.copytree(here.MATERIAL + '/sub', here.MATERIAL, dirs_exist_ok=True)  # LEAK",
        imports=_HEAD, places=(PROJECT,), call=("shutil.copytree",), name="b.txt", alone=True,
        extra={"path": "material/b.txt"}),
    way("a script that names its file itself",
        "subprocess.check_call([sys.executable, 'script.py'])", imports=_HEAD,
        file="script.py", function=("<module>",), call=("open",), evidence=TRACED, alone=True,
        files={"script.py": "import here; open(here.place() + '/{stem}', 'w')  # LEAK\n"}),
    way("several files of one child",
        "subprocess.check_call(['sh', '-c', 'for i in 0 1 2; do : > \"$0$i\"; done', "
        "leaf()])  # LEAK", imports=_HEAD,
        leaks=tuple(Expected(f"{{stem}}{i}", call=("subprocess sh",), evidence=SCANNED)
                    for i in range(3)), limits=_BY_ANY),
    way("a child that makes up a name",
        "subprocess.check_call([sys.executable, '-c', 'import sys, uuid; '  # CALL\n"
        "    'open(sys.argv[1] + \"/u\" + uuid.uuid4().hex, \"w\")', place()])  # LEAK",
        imports=_HEAD, call=("subprocess python*",), evidence=TRACED, limits=_BY_ANY, alone=True,
        name="u????????????????????????????????", marks=("LEAK", "CALL")),
    line("sizes are exact", "open(leaf(), 'w').write('x' * 5001)", extra={"bytes": 5001}),
    way("sizes of a tree are exact",
        "os.makedirs(leaf() + '/a')  # LEAK\nopen(leaf() + '/a/x', 'w').write('x' * 10)\n"
        "os.symlink('/usr', leaf() + '/a/usr')", call=("os.makedirs",), type="directory",
        entries=4, places=(TEMP, PROJECT)),
    way("a fifo in a tree", "os.mkdir(leaf())  # LEAK\nos.mkfifo(leaf() + '/f')",
        call=("os.mkdir",), type="directory", entries=2),
    way("a directory without permissions", "os.mkdir(leaf())  # LEAK\n"
        "open(leaf() + '/x', 'w').close()\nos.chmod(leaf(), 0)", call=("os.mkdir",),
        type="directory", entries=2),
    way("a child that changes its directory",
        "subprocess.check_call(f'cd {place()} && mkdir -p {SLUG}/a', shell=True)  # LEAK",
        imports=_HEAD, call=("subprocess sh",), type="directory", evidence=EITHER, entries=2),
)

WAYS = OWNERS + CODE + PLACES_IN_THE_PROJECT
