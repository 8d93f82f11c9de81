"""False accusations: what must never be reported as a leak."""

from __future__ import annotations

from tests.campaigns.zoo.rows import PROJECT, TEMP, Way, innocent

_ALL = "from pathlib import Path\nimport contextlib, errno, shutil, sqlite3, subprocess, socket\n" \
       "import here\nBEFORE = os.path.join(os.path.dirname(here.__file__), 'before.txt')\n"


def _quiet(name: str, body: str, /, **more: object) -> Way:
    imports = _ALL + str(more.pop("imports", ""))
    return innocent(name, body, **{"imports": imports, **more})


def _failing(name: str, call: str) -> Way:
    return _quiet(f"failed {name}", f"with self.assertRaises(OSError):\n    {call}")


_MODULE = "class Row(unittest.TestCase):\n"

PASSING: tuple[Way, ...] = (
    _quiet("made and removed", "open(leaf(), 'w').close()\nos.remove(leaf())"),
    _quiet("made and removed by a cleanup",
           "self.addCleanup(os.remove, leaf())\nopen(leaf(), 'w').close()"),
    _quiet("made and removed by a child",
           "subprocess.check_call(['touch', leaf()])\nsubprocess.check_call(['rm', leaf()])"),
    _quiet("made by a child, removed here",
           "subprocess.check_call(['touch', leaf()])\nos.remove(leaf())"),
    _quiet("made and removed by rmtree", "os.makedirs(leaf() + '/a')\nshutil.rmtree(leaf())"),
    _quiet("made and renamed away, then removed", "open(leaf(), 'w').close()\n"
           "os.rename(leaf(), leaf('-n'))\nos.remove(leaf('-n'))"),
    _quiet("made and removed by dir_fd", "fd = os.open(place(), os.O_RDONLY)\n"
           "os.close(os.open(SLUG, os.O_CREAT, dir_fd=fd))\nos.unlink(SLUG, dir_fd=fd)\n"
           "os.close(fd)"),
    _quiet("TemporaryDirectory closed by a cleanup",
           "d = tempfile.TemporaryDirectory(dir=place())\nself.addCleanup(d.cleanup)\n"
           "open(d.name + '/x', 'w').close()"),
    _quiet("TemporaryDirectory by enterContext",
           "open(self.enterContext(tempfile.TemporaryDirectory(dir=place())) + '/x','w').close()"),
    _quiet("TemporaryFile and Spooled", "kept = tempfile.TemporaryFile(dir=place()), "
           "tempfile.SpooledTemporaryFile(1, dir=place())\nkept[1].write(b'12')\n"
           "type(self).kept = kept"),
    _quiet("NamedTemporaryFile in a with",
           "with tempfile.NamedTemporaryFile(dir=place()) as f: f.write(b'x')"),
    _quiet("sqlite in memory", "c = sqlite3.connect(':memory:')\nc.execute('create table t(x)')\n"
           "c.close()\nc = sqlite3.connect('')\nc.execute('create table t(x)')\nc.close()"),
    _quiet("sqlite opened and never written", "sqlite3.connect('file:' + BEFORE + '?mode=ro', "
           "uri=True).close()"),
    _quiet("abstract socket", "s = socket.socket(socket.AF_UNIX)\ns.bind('\\0' + SLUG)\ns.close()\n"
           "s = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.close()"),
    _quiet("devices", "open('/dev/null', 'w').close()\nopen(os.devnull, 'ab').close()\n"
           "os.close(os.open('/dev/zero', os.O_RDWR))\nr, w = os.pipe()\n"
           "os.fdopen(w, 'w').close()\nos.close(r)"),
    _quiet("proc and fd paths", "f = tempfile.TemporaryFile()\n"
           "open(f'/proc/self/fd/{f.fileno()}', 'w').close()\nf.close()"),
    _quiet("made in a process that ends",
           "pid = os.fork()\nif not pid:\n    open(leaf(), 'w').close(); os.remove(leaf())\n"
           "    os._exit(0)\nos.waitpid(pid, 0)"),
    _quiet("registered", "import tempfiles\ntempfiles.create_with_content('x')\n"
           "tempfiles.create_temp_directory()\nopen(leaf(), 'w').close()\n"
           "tempfiles.register_file(leaf())"),
)

EXISTING: tuple[Way, ...] = (
    *(_quiet(f"opened before {mode}", f"open(BEFORE, {mode!r}).close()", alone=True)
      for mode in ("a", "r+", "w")),
    _quiet("rewritten by write_text", "Path(BEFORE).write_text('new')", alone=True),
    _quiet("renamed over an existing file", "open(leaf(), 'w').close()\nos.replace(leaf(), BEFORE)",
           places=(PROJECT,), alone=True),
    _quiet("removed and made again", "os.remove(BEFORE)\nopen(BEFORE, 'w').close()", alone=True,
           places=(PROJECT,)),
    _quiet("copied over", "shutil.copy(here.__file__, BEFORE)", alone=True),
    _quiet("rewritten by a child", "subprocess.check_call(['sh', '-c', 'echo x > \"$0\"', BEFORE])",
           alone=True),
    _quiet("touched by a child", "subprocess.check_call(['touch', BEFORE])", alone=True),
    _quiet("existing directories", "os.makedirs(place(), exist_ok=True)\n"
           "Path(place()).mkdir(parents=True, exist_ok=True)"),
    _quiet("renamed and back", "os.rename(BEFORE, BEFORE + 'x')\nos.rename(BEFORE + 'x', BEFORE)",
           alone=True),
)

FAILED: tuple[Way, ...] = (
    _failing("mkdir EEXIST", "os.mkdir(place())"),
    _failing("open ENOENT", "open(leaf('/no/x'), 'w')"),
    _failing("open EISDIR", "open(place(), 'w')"),
    _failing("open EEXIST", "open(BEFORE, 'x')"),
    _failing("open ENOTDIR", "open(BEFORE + '/x', 'w')"),
    _failing("open ENAMETOOLONG", "open(leaf('n' * 300), 'w')"),
    _failing("rename ENOENT", "os.rename(leaf('-a'), leaf('-b'))"),
    _failing("link EEXIST", "os.link(BEFORE, here.__file__)"),
    _failing("symlink EEXIST", "os.symlink('x', BEFORE)"),
    _quiet("failed sqlite3.connect",
           "with self.assertRaises(sqlite3.Error): sqlite3.connect(leaf('/no/x'))"),
    _failing("bind EADDRINUSE", "with socket.socket(socket.AF_UNIX) as s: s.bind(BEFORE)"),
    _quiet("failed open EACCES", "os.mkdir(leaf(), 0)\nself.addCleanup(os.rmdir, leaf())\n"
           "if os.geteuid() == 0:\n    os.seteuid(65534)\n    self.addCleanup(os.seteuid, 0)\n"
           "with self.assertRaises(PermissionError): open(leaf('/x'), 'w')"),
    _quiet("failed read of what a later test makes",
           "with self.assertRaises(OSError): open(leaf(), 'r')"),
)

CACHES: tuple[Way, ...] = (
    _quiet("caches in the project", "for d in ('__pycache__', '.git', '.hypothesis', "
           "'.mypy_cache', '.pytest_cache', '.ruff_cache', 'sub/__pycache__'):\n"
           "    os.makedirs(d, exist_ok=True)\n    open(d + '/x', 'w').close()\n"
           "for n in ('x.pyc', '.coverage', '.coverage.host.1'): open(n, 'w').close()",
           places=(PROJECT,), files={"sub/keep": ""}),
    _quiet("caches by a child", "subprocess.check_call('mkdir -p .mypy_cache/3 __pycache__; "
           "touch .coverage.x .mypy_cache/3/x __pycache__/a.pyc y.pyc', shell=True)",
           places=(PROJECT,)),
    _quiet("a virtual environment", "import venv; venv.create('.venv', symlinks=True)",
           places=(PROJECT,)),
    _quiet("compiled by an import", "import fresh", files={"fresh.py": "x = 1\n"}),
    _quiet("compiled in a child", "subprocess.check_call([sys.executable, '-c', 'import fresh2'])",
           files={"fresh2.py": "x = 1\n"}),
    _quiet("ignored by a glob", "open(leaf('.ign'), 'w').close()\nos.mkdir(leaf('.d.ign'))\n"
           "subprocess.check_call(['touch', leaf('-c.ign')])",
           args=("--leak-ignore", "*.ign"), alone=True),
    _quiet("ignored by two globs",
           "open(leaf('.one'), 'w').close()\nopen(leaf('.two'), 'w').close()",
           args=("--leak-ignore", "*.one", "--leak-ignore", "*.two"), alone=True),
)

SHARED: tuple[Way, ...] = (
    innocent("class directory removed by tearDownClass",
             f"{_MODULE}    @classmethod\n    def setUpClass(cls): cls.d = "
             "tempfile.mkdtemp(dir=place())\n    @classmethod\n    def tearDownClass(cls): "
             "__import__('shutil').rmtree(cls.d)\n    def test_a(self): "
             "open(self.d + '/a', 'w').close()\n    def test_b(self): os.mkdir(self.d + '/b')\n",
             whole=True),
    innocent("module directory removed by a module cleanup",
             "def setUpModule():\n    global d\n    d = unittest.enterModuleContext("
             f"tempfile.TemporaryDirectory(dir=place()))\n{_MODULE}"
             "    def test_a(self): open(d + '/a', 'w').close()\n", whole=True),
    innocent("multiprocessing across tests",
             "import multiprocessing\nfrom multiprocessing.connection import Listener, Client\n"
             "def work(x): return x\n"
             f"{_MODULE}    def use(self):\n        with multiprocessing.Manager() as m:\n"
             "            self.assertEqual(m.list([1])[0], 1)\n"
             "        with multiprocessing.Pool(1) as p: self.assertEqual(p.map(work, [1]), [1])\n"
             "        with Listener(family='AF_UNIX') as l: pass\n"
             "    def test_a(self): self.use()\n    def test_b(self): self.use()\n"
             "class Other(Row): pass\n", whole=True, places=(TEMP,)),
    *(innocent(f"{method} across tests",
               "import multiprocessing\ndef work(x): return x\n"
               f"{_MODULE}    def use(self):\n"
               f"        with multiprocessing.get_context({method!r}).Pool(1) as p:\n"
               "            self.assertEqual(p.map(work, [1]), [1])\n"
               "    def test_a(self): self.use()\n    def test_b(self): self.use()\n",
               whole=True, places=(TEMP,)) for method in ("spawn", "forkserver")),
    innocent("working directory deleted", f"{_MODULE}    def test_a(self):\n"
             "        self.addCleanup(os.chdir, os.getcwd())\n"
             "        d = tempfile.mkdtemp(dir=place()); os.chdir(d); os.rmdir(d)\n"
             "        with self.assertRaises(OSError): open('x', 'w')\n"
             "    def test_b(self): os.getcwd()\n", whole=True),
    innocent("made by one test, removed by its thread in time", f"{_MODULE}    def test_a(self):\n"
             "        import threading\n        open(leaf(), 'w').close()\n"
             "        t = threading.Thread(target=os.remove, args=(leaf(),))\n"
             "        t.start(); t.join()\n",
             whole=True),
)

WAYS = PASSING + EXISTING + FAILED + CACHES + SHARED
