"""Remedies, pasted where their comments say, make the tests pass without leaks."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import tarfile
import textwrap
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

from tests.support.projects import ProjectTestCase

# Each is the body of a test; what it imports is what it names.
IN_TESTS = {
    "tuple": "fd, name = tempfile.mkstemp(); os.close(fd)",
    "attribute": "self.fd, self.path = tempfile.mkstemp(); os.close(self.fd)",
    "second": "path = tempfile.mkstemp()[1]",
    "pair": "pair = tempfile.mkstemp()\nos.close(pair[0])",
    "unbound": "os.close(tempfile.mkstemp(suffix='.dat')[0])",
    "spanning": "fd, name = tempfile.mkstemp(\n    suffix='.x',  # a note\n)\nos.close(fd)",
    "spread": "os.close(\n    tempfile.mkstemp(\n        suffix='.x',\n    )[0]\n)",
    "fdopen": "with os.fdopen(tempfile.mkstemp()[0], 'w') as out:\n    out.write('x')",
    "listed": "made = [tempfile.mkstemp() for _ in range(2)]",
    "looped": "for n in range(3):\n    fd, name = tempfile.mkstemp()\n    os.close(fd)",
    "alias": "from tempfile import mkstemp as make\nfd, p = make()",
    "named": "with tempfile.NamedTemporaryFile(delete=False) as fh:\n    fh.write(b'x')",
    "named_variable": "out = tempfile.NamedTemporaryFile('w', delete=False)\nout.close()",
    "named_name": "path = tempfile.NamedTemporaryFile(delete=False).name",
    "named_unbound": "tempfile.NamedTemporaryFile('w', delete=False).write('text')",
    "never_closed": "file = tempfile.NamedTemporaryFile()\nsys.modules.setdefault('held', file)",
    "directory": "tempfile.mkdtemp()",
    "directory_bound": "path: str = tempfile.mkdtemp(prefix='teardown-')\nos.listdir(path)",
    "directory_in_path": "root = pathlib.Path(tempfile.mkdtemp())\n(root / 'x').touch()",
    "two": "a, b = tempfile.mkdtemp(), tempfile.mkdtemp(suffix='b')",
    "directories": "made = [tempfile.mkdtemp() for _ in range(2)]",
    "in_lambda": "make = lambda: tempfile.mkdtemp()\nmake()",
    "nested": "def make():\n    return tempfile.mkdtemp()\nself.assertTrue(make())",
    "in_header": "with open(os.path.join(tempfile.mkdtemp(), 'x'), 'w') as out:\n    pass",
    "conditional": "if not tempfile.mkdtemp():\n    self.fail()",
    "object": "made = tempfile.TemporaryDirectory()\nsys.modules.setdefault('made', made)",
    "literal": "open('literal1.txt', 'w').close()",
    "text": "pathlib.Path('text2.txt').write_text('x')",
    "text_attribute": "self.out = pathlib.Path('out3.txt')\nself.out.write_text('x')",
    "written": "p = pathlib.Path(tempfile.gettempdir()) / 'written21'\np.write_text('x')",
    "touched": "target = pathlib.Path.cwd()\n(target / 'touched4').touch()",
    "as_file": "name = 'as-file.log'\nwith open(name, 'a') as fh:\n    fh.write('x')",
    "random": "os.mkdir(tempfile.mktemp(prefix='db-'))",
    "random_file": "with open(tempfile.mktemp(), 'w') as out:\n    out.write('x')",
    "database": "db = os.path.join(tempfile.gettempdir(), 'a.db')\n"
                "sqlite3.connect(db).execute('create table t (a)').connection.close()",
    "sub": "d = tempfile.gettempdir()\nos.mkdir(os.path.join(d, 'sub5'))",
    "deep_variable": "path = os.path.join(tempfile.gettempdir(), 'deep7', 'b')\nos.makedirs(path)",
    "copied_bound": "made = shutil.copy(os.__file__, tempfile.gettempdir())",
    "zipped": "p = pathlib.Path('zipped.zip')\nwith zipfile.ZipFile(p, 'w') as archive:\n    pass",
    "linked": "os.symlink('nowhere', 'linked10')",
    "bound": "s = socket.socket(socket.AF_UNIX)\n"
             "s.bind(tempfile.gettempdir() + '/bound11')\ns.close()",
    "shelf": "with shelve.open(os.path.join(tempfile.gettempdir(), 'shelf')) as shelf:\n"
             "    shelf['a'] = 1",
    "logged": "handler = logging.FileHandler('logged12.log')\nhandler.close()",
    "child": "subprocess.run(['touch', 'o0.log'])",
    "child_shell": "os.system('touch $TMPDIR/shellfile')",
    "text_like_a_comment": "os.close(tempfile.mkstemp(suffix='  # x')[0])",
    "deep_sum": f"open('sum18' + {' + '.join(['str()'] * 900)}, 'w').close()",
    "tracked": "path = os.path.join(tempfile.gettempdir(), 'tracked.csv')\n"
               "with open(path, 'w', newline='') as out:\n    csv.writer(out).writerow('ab')",
}  # fmt: skip
# Where the name, an argument or a variable is easily taken for the path.
TRAPS = {
    "rotating": "import logging.handlers\nname = os.path.join(tempfile.gettempdir(), 'rot.log')\n"
                "h = logging.handlers.RotatingFileHandler(name, maxBytes=10, backupCount=2)\n"
                "for i in range(5):\n    h.emit(logging.makeLogRecord({'msg': 'x' * 20}))\n"
                "h.close()",
    "delayed": "log = logging.getLogger('delayed')\nself.addCleanup(log.handlers.clear)\n"
               "log.addHandler(logging.FileHandler(os.path.join(\n"
               "    tempfile.gettempdir(), 'app.log'), delay=True))\nlog.error('settings.ini')",
    "two_files": "with tempfile.NamedTemporaryFile(delete=False) as a, \\\n"
                 "        tempfile.NamedTemporaryFile(delete=False) as b:\n    a.write(b'x')",
    "two_opened": "with open(__file__) as a, \\\n"
                  "        open(os.path.join(tempfile.gettempdir(), 'out.ini'), 'w') as b:\n"
                  "    b.write(a.read())",
    "one_of_two": "with tempfile.NamedTemporaryFile() as a, \\\n"
                  "        tempfile.NamedTemporaryFile(delete=False) as b:\n    pass",
    "thread": "t = threading.Thread(target=tempfile.mkdtemp)\nt.start()\nt.join()",
    "elif": "if not self:\n    pass\nelif tempfile.mkdtemp():\n    pass",
    "long": f"path = tempfile.mkdtemp(), '{'x' * 250}'",
    "url": "import urllib.request\nurllib.request.urlretrieve('file://' + __file__,\n"
           "    os.path.join(tempfile.gettempdir(), 'dl.bin'))",
    "extracted": "with tarfile.open('own.tar') as archive:\n"
                 "    archive.extract('settings.ini', tempfile.gettempdir())",
    "extracted_tree": "with zipfile.ZipFile('own.zip') as archive:\n"
                      "    archive.extract('data/rows.csv', tempfile.gettempdir())",
    "zipapp": "zipapp.create_archive('app', os.path.join(tempfile.gettempdir(), 'app'))",
    "own_names": "path = file = directory = 'settings.ini'\n"
                 "top = os.path.dirname(tempfile.mkstemp()[1])",
    "in_an_object": "class Made:\n    def __init__(self):\n        self.top = tempfile.mkdtemp()\n"
                    "made = Made()",
    "removed_at_times": "for n in range(3):\n    fd, name = tempfile.mkstemp()\n    os.close(fd)\n"
                        "    if n:\n        os.unlink(name)",
    "bytes": "for n in range(2):\n    fd, name = tempfile.mkstemp(b'.x')\n    os.close(fd)",
    "written_again": "for n in range(3):\n    open('again20.txt', 'a').close()",
}  # fmt: skip
# The source does not tell the path; what is reported has `...` for it, or is in words.
UNTOLD = {
    "fixed": "work()",
    "deep": "os.makedirs('deep6/a/b')",
    "tree": "here = pathlib.Path('tree8-in')\nhere.mkdir()\nshutil.copytree(here, 'tree8-out')",
    "in_f_string": "for n in range(3):\n    with open(f'step{n}.log', 'w') as out:\n        pass",
    "random_here": "pathlib.Path(f'{uuid.uuid4()}.txt').touch()",
    "copied": "target = os.getcwd()\nshutil.copy(os.__file__, target)",
    "archive": "shutil.make_archive('archive9', 'zip', os.path.dirname(json.__file__))",
    "child_variable": "name = f'child-{uuid.uuid4()}'\nsubprocess.run(['touch', name])",
    "moved": "self.addCleanup(os.chdir, os.getcwd())\nos.mkdir('moved13')\nos.chdir('moved13')\n"
             "os.chdir('..')\nopen('in-moved13.txt', 'w').close()\nos.chdir('/')",
    "one_line": "for n in 'ab': open(f'one-line-{n}', 'w').close()",
}  # fmt: skip
HELPERS = {
    "returned": ("def work():\n    path = tempfile.mkdtemp()\n    return path",
                 "made = work()"),
    "returned_file": ("def work():\n    fd, name = tempfile.mkstemp()\n    os.close(fd)\n"
                      "    return pathlib.Path(name)", "self.made = work()"),
    "returned_at_once": ("def work():\n    return tempfile.mkstemp()", "fd, name = work()"),
    "not_returned": ("def work():\n    return len(tempfile.mkdtemp())", "self.assertTrue(work())"),
    "not_bound": ("def work():\n    return tempfile.mkdtemp()", "self.assertTrue(work())"),
    "twice": ("def work():\n    return tempfile.mkdtemp()", "first, second = work(), work()"),
    "object_of": ("class work:\n    def __init__(self):\n        self.top = tempfile.mkdtemp()",
                  "with_files = work()"),
    "forked": ("def work():\n    tempfile.mkdtemp()",
               "p = multiprocessing.get_context('fork').Process(target=work)\n"
               "p.start()\np.join()"),
}  # fmt: skip
FIXTURES = {
    "in_setup": "def setUp(self):\n    self.top = tempfile.mkdtemp()",
    "in_teardown": "def tearDown(self):\n    tempfile.mkstemp()",
    "of_class": "@classmethod\ndef setUpClass(klass):\n    klass.path = tempfile.mkstemp()[1]",
    "of_class_2": "@classmethod\ndef setUpClass(cls):\n    open('class15.txt', 'w').close()",
    "helper_of_class": "@classmethod\ndef setUpClass(cls):\n    cls.p = work()",
    "helper_of_class_2": "@classmethod\ndef setUpClass(cls):\n    print(work())",
    "helper_of_setup": "def setUp(self):\n    print(work())",
    "positional": "def setUp(me, /):\n    me.top = tempfile.mkdtemp()",
    "positional_class": "@classmethod\ndef setUpClass(k, /):\n    k.path = tempfile.mkstemp()[1]",
    "own_helper": "def setUp(self):\n    self.make()\ndef make(self):\n    tempfile.mkdtemp()",
}  # fmt: skip
MODULES = {
    "of_module": "def setUpModule():\n    open('module16.txt', 'w').close()",
    "of_module_2": "def setUpModule():\n    global made\n    fd, made = tempfile.mkstemp()",
    "helper_of_module": "def setUpModule():\n    global made\n    made = work()",
    "at_import": "TOP = tempfile.mkdtemp()",
    "at_import_2": "open('import17.txt', 'w').close()",
}
# What is made here is no test's, or is kept for later ones.
KEPT = {
    "mapped": "A, B = map(work, 'ab')",
    "of_the_loader": "def load_tests(loader, tests, pattern):\n    work('a')\n    return tests",
    "of_an_object": "class U(unittest.TestCase):\n    def __init__(self, *names):\n"
                    "        super().__init__(*names)\n        self.top = tempfile.mkdtemp()\n"
                    "    def test_it(self):\n        os.listdir(self.top)",
    "cached": "@functools.lru_cache\ndef made():\n    return tempfile.mkdtemp()\n"
              "class U(unittest.TestCase):\n"
              "    def test_1(self):\n        made()\n    def test_2(self):\n        made()",
    "global": "top = None\ndef made():\n    global top\n    top = top or tempfile.mkdtemp()\n"
              "class U(unittest.TestCase):\n"
              "    def test_1(self):\n        made()\n    def test_2(self):\n        made()",
    "in_the_class": "class U(unittest.TestCase):\n    def setUp(self):\n"
                    "        if not hasattr(U, 'top'): U.top = tempfile.mkdtemp()\n"
                    "    def test_1(self):\n        os.listdir(U.top)",
    "in_a_dictionary": "KEPT = {}\ndef made():\n"
                       "    if 'x' not in KEPT: KEPT['x'] = tempfile.mkdtemp()\n"
                       "    return KEPT['x']\nclass U(unittest.TestCase):\n"
                       "    def test_1(self):\n        made()",
    "in_a_default": "def made(kept=[]):\n    kept += kept or [tempfile.mkdtemp()]\n"
                    "class U(unittest.TestCase):\n    def test_1(self):\n        made()",
}  # fmt: skip
RETURNING = "def work():\n    fd, path = tempfile.mkstemp()\n    os.close(fd)\n    return path"
WORK_OF = "from helper_{} import work"
# Everything is reported, not only the worst.
RUN = """
import json, runpy, sys
from runner import advice
from runner.advice import remedies, where_to_begin

def every(leaks):
    for group in where_to_begin.by_line(leaks):
        found, origin = remedies.remedy(group), group[0].origin
        assert len(found.line) <= 100 and found.line.startswith(found.code), found
        assert "..." not in found.code, found
        yield "Remedy: " + json.dumps([
            origin.file, origin.line, origin.function, found.code, found.place, found.imports
        ])

advice.advice = every
sys.argv[0] = "tidytest"
runpy.run_module("runner", run_name="__main__")
"""


class Remedy(NamedTuple):
    """A remedy, with the line of code and the function that it is for."""

    file: str
    line: int
    function: str
    code: str
    place: str
    imports: list[str]


def module(body: str, fixtures: str = "", top: str = "") -> str:
    """Return the source of a test module; it imports what it names, and no more."""
    indented = textwrap.indent(body, " " * 8)
    methods = textwrap.indent(fixtures, " " * 4)
    text = f"{top}\nclass T(unittest.TestCase):\n{methods}\n    def test_it(self):\n{indented}\n"
    return importing(text)


def importing(text: str) -> str:
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    imported = sorted(names & sys.stdlib_module_names)
    return "".join(f"import {name}\n" for name in imported) + text


def told_in(output: str) -> Iterator[Remedy]:
    for reported in re.findall(r"^Remedy: (.+)$", output, re.MULTILINE):
        yield Remedy(*json.loads(reported))


def statement_at(tree: ast.Module, line: int) -> ast.stmt:
    """Return the innermost statement that has a line."""
    around = [n for n in ast.walk(tree) if isinstance(n, ast.stmt)
              and n.lineno <= line <= (n.end_lineno or line)]  # fmt: skip
    return around[-1]


def pasted_first(text: str, function: str, code: str) -> str:
    """Paste a line before all others of a function."""
    lines, tree = text.split("\n"), ast.parse(text)
    found = next(n for n in ast.walk(tree)
                 if isinstance(n, ast.FunctionDef) and n.name == function)  # fmt: skip
    first = found.body[0]
    lines.insert(first.lineno - 1, " " * first.col_offset + code)
    return "\n".join(lines)


def pasted_instead(text: str, line: int, name: str, code: str) -> str:
    """Paste a line instead of a call."""
    call = next(n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)
                and n.lineno <= line <= (n.end_lineno or line)
                and ast.unparse(n.func) == name)  # fmt: skip
    lines = text.split("\n")
    end = lines[(call.end_lineno or line) - 1][call.end_col_offset :]
    start = lines[call.lineno - 1][: call.col_offset]
    lines[call.lineno - 1 : call.end_lineno] = [start + code + end]
    return "\n".join(lines)


def pasted_below(text: str, line: int, code: str) -> str:
    """Paste a line below a statement, or into its body."""
    lines, statement = text.split("\n"), statement_at(ast.parse(text), line)
    last = statement.end_lineno or statement.lineno
    if isinstance(statement, ast.With):
        first = statement.body[0]
        lines.insert(first.lineno - 1, " " * first.col_offset + code)
        return "\n".join(lines)
    head = lines[statement.lineno - 1][: statement.col_offset]
    rest = lines[last - 1][statement.end_col_offset or 0 :]
    if head.strip() or rest.strip():
        lines[last - 1] = lines[last - 1].removesuffix(rest) + f"; {code}{rest}"
    else:
        lines.insert(last, head + code)
    return "\n".join(lines)


class PastedRemedyTests(ProjectTestCase):
    def run_all(self) -> str:
        """Run every module with everything reported, and return what is reported."""
        return self.run_python("-c", RUN, "discover").err

    def paste(self, reported: Remedy) -> None:
        """Paste a line at the place that is reported."""
        path = self.project / re.sub("^helper_", "test_", reported.file)
        text, where = path.read_text("utf-8"), reported.place
        if where.startswith("first in "):
            function = where.split()[2].replace("the", "test_it")
            if function == "test_it" and "def setUp(self" in text:
                function = "setUp"
            text = pasted_first(text, function, reported.code)
        elif where.startswith("instead of "):
            name = where.split()[2].partition("(")[0]
            text = pasted_instead(text, reported.line, name, reported.code)
        else:
            text = pasted_below(text, reported.line, reported.code)
        path.write_text(text, "utf-8")

    def paste_all(self) -> str:
        """Paste what is reported everywhere, and return it."""
        before = set(self.files())
        output = self.run_all()
        self.assertIn("\nOK\n", output, output)
        self.remove_all_but(before)
        every = sorted(told_in(output), key=lambda reported: (reported.file, -reported.line))
        imports: dict[str, set[str]] = {}
        for reported in every:
            file = re.sub("^helper_", "test_", reported.file)
            self.paste(reported)
            imports.setdefault(file, set()).update(map("import {}".format, reported.imports))
        for file, lines in imports.items():
            text = (self.project / file).read_text("utf-8")
            (self.project / file).write_text("\n".join([*sorted(lines), text]), "utf-8")
        return "\n".join(map(str, every))

    def assert_mends(self) -> None:
        before = set(self.files())
        shown = self.paste_all()
        for runner in ("unittest", "runner"):
            outcome = self.run_python("-m", runner, "discover")
            self.assertEqual(outcome.code, 0, f"{outcome.err}\n{shown}")
            self.assertEqual(set(self.files()), before, f"{outcome.err}\n{shown}")
        self.assertNotIn("left 1", outcome.err, shown)

    def files(self) -> Iterator[str]:
        for top in (self.project, self.base):
            yield from map(str, top.rglob("*"))

    def remove_all_but(self, before: set[str]) -> None:
        for path in sorted(set(self.files()) - before, reverse=True):
            os.rmdir(path) if os.path.isdir(path) else os.unlink(path)

    def test_in_tests(self) -> None:
        for name, body in IN_TESTS.items():
            self.write(f"test_{name}.py", module(body))
        self.assert_mends()

    def write_own_files(self) -> None:
        """Make files of the user's, and archives with files of the same names."""
        self.write("settings.ini", "the user's")
        self.write("data/rows.csv", "the user's")
        self.write("app/__main__.py", "")
        with tarfile.open(self.project / "own.tar", "w") as tar:
            tar.add(self.project / "settings.ini", "settings.ini")
        with zipfile.ZipFile(self.project / "own.zip", "w") as archive:
            archive.write(self.project / "data/rows.csv", "data/rows.csv")

    def test_where_something_else_looks_like_the_path(self) -> None:
        self.write_own_files()
        for name, body in TRAPS.items():
            self.write(f"test_{name}.py", module(body))
        self.assert_mends()

    def test_what_is_not_known_removes_nothing(self) -> None:
        self.write_own_files()
        before = set(self.files())
        self.write("helper_fixed.py", "def work(): open('debug14.log', 'w').close()")
        top = WORK_OF.format("fixed")
        for name, body in UNTOLD.items():
            self.write(f"test_{name}.py", module(f"path = 'settings.ini'\n{body}", top=top))
        shown = self.paste_all()
        self.assertGreaterEqual(len(shown.splitlines()), len(UNTOLD), shown)
        self.run_python("-m", "unittest", "discover")
        self.assertLessEqual(before, set(self.files()), shown)

    def test_kept_files_are_reported_in_words(self) -> None:
        for name, top in KEPT.items():
            helper = "def work(name):\n    return tempfile.mkdtemp(prefix=name)\n"
            self.write(f"test_{name}.py", module("pass", top=helper + top))
        reported = {remedy.code for remedy in told_in(self.run_all())}
        words = "# create it in setUpModule, setUpClass or setUp, and clean up there"
        self.assertEqual(reported, {words})

    def test_in_helpers(self) -> None:
        for name, (helper, body) in HELPERS.items():
            self.write(f"helper_{name}.py", importing(helper))
            self.write(f"test_{name}.py", module(body, top=WORK_OF.format(name)))
        self.assert_mends()

    def test_in_fixtures(self) -> None:
        for name, fixture in FIXTURES.items():
            self.write(f"helper_{name}.py", importing(RETURNING))
            top = WORK_OF.format(name)
            self.write(f"test_{name}.py", module("pass", fixture, top))
        for name, top in MODULES.items():
            self.write(f"helper_{name}.py", importing(RETURNING))
            self.write(f"test_{name}.py", module("pass", top=f"{WORK_OF.format(name)}\n{top}"))
        self.assert_mends()
