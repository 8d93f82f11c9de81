"""What is told is pasted where the words say: then the tests pass, and nothing is left."""

from __future__ import annotations

import ast
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from tests.projects import ProjectTestCase

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
    "never_closed": "file = tempfile.NamedTemporaryFile()\nsys.modules[__name__].file = file",
    "directory": "tempfile.mkdtemp()",
    "directory_bound": "path: str = tempfile.mkdtemp(prefix='teardown-')\nos.listdir(path)",
    "directory_in_path": "root = pathlib.Path(tempfile.mkdtemp())\n(root / 'x').touch()",
    "two": "a, b = tempfile.mkdtemp(), tempfile.mkdtemp(suffix='b')",
    "directories": "made = [tempfile.mkdtemp() for _ in range(2)]",
    "in_lambda": "make = lambda: tempfile.mkdtemp()\nmake()",
    "nested": "def make():\n    return tempfile.mkdtemp()\nself.assertTrue(make())",
    "in_header": "with open(os.path.join(tempfile.mkdtemp(), 'x'), 'w') as out:\n    pass",
    "conditional": "if not tempfile.mkdtemp():\n    self.fail()",
    "object": "made = tempfile.TemporaryDirectory()\nsys.modules[__name__].made = made",
    "literal": "open('literal1.txt', 'w').close()",
    "text": "pathlib.Path('text2.txt').write_text('x')",
    "text_attribute": "self.out = pathlib.Path('out3.txt')\nself.out.write_text('x')",
    "touched": "target = pathlib.Path.cwd()\n(target / 'touched4').touch()",
    "as_file": "name = 'as-file.log'\nwith open(name, 'a') as fh:\n    fh.write('x')",
    "in_f_string": "for n in range(3):\n    with open(f'step{n}.log', 'w') as out:\n        pass",
    "random": "os.mkdir(tempfile.mktemp(prefix='db-'))",
    "random_file": "with open(tempfile.mktemp(), 'w') as out:\n    out.write('x')",
    "random_here": "pathlib.Path(f'{uuid.uuid4()}.txt').touch()",
    "database": "db = os.path.join(tempfile.gettempdir(), 'a.db')\n"
                "sqlite3.connect(db).execute('create table t (a)').connection.close()",
    "sub": "d = tempfile.gettempdir()\nos.mkdir(os.path.join(d, 'sub5'))",
    "deep": "os.makedirs('deep6/a/b')",
    "deep_variable": "path = os.path.join(tempfile.gettempdir(), 'deep7', 'b')\nos.makedirs(path)",
    "tree": "here = pathlib.Path('tree8-in')\nhere.mkdir()\nshutil.copytree(here, 'tree8-out')",
    "copied": "target = os.getcwd()\nshutil.copy(os.__file__, target)",
    "copied_bound": "made = shutil.copy(os.__file__, tempfile.gettempdir())",
    "archive": "shutil.make_archive('archive9', 'zip', os.path.dirname(json.__file__))",
    "zipped": "p = pathlib.Path('zipped.zip')\nwith zipfile.ZipFile(p, 'w') as archive:\n    pass",
    "linked": "os.symlink('nowhere', 'linked10')",
    "bound": "s = socket.socket(socket.AF_UNIX)\n"
             "s.bind(tempfile.gettempdir() + '/bound11')\ns.close()",
    "shelf": "with shelve.open(os.path.join(tempfile.gettempdir(), 'shelf')) as shelf:\n"
             "    shelf['a'] = 1",
    "logged": "handler = logging.FileHandler('logged12.log')\nhandler.close()",
    "one_line": "for n in 'ab': open(f'one-line-{n}', 'w').close()",
    "moved": "self.addCleanup(os.chdir, os.getcwd())\nos.mkdir('moved13')\nos.chdir('moved13')\n"
             "os.chdir('..')\nopen('in-moved13.txt', 'w').close()\nos.chdir('/')",
    "child": "subprocess.run(['touch', 'o0.log'])",
    "child_variable": "name = f'child-{uuid.uuid4()}'\nsubprocess.run(['touch', name])",
    "child_shell": "os.system('touch $TMPDIR/shellfile')",
    "text_like_a_comment": "os.close(tempfile.mkstemp(suffix='  # x')[0])",
    "deep_sum": f"open('sum18' + {' + '.join(['str()'] * 900)}, 'w').close()",
    "tracked": "path = os.path.join(tempfile.gettempdir(), 'tracked.csv')\n"
               "with open(path, 'w', newline='') as out:\n    csv.writer(out).writerow('ab')",
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
    "fixed": ("def work():\n    open('debug14.log', 'w').close()", "work()"),
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
    "own_helper": "def setUp(self):\n    self.make()\ndef make(self):\n    tempfile.mkdtemp()",
}  # fmt: skip
MODULES = {
    "of_module": "def setUpModule():\n    open('module16.txt', 'w').close()",
    "of_module_2": "def setUpModule():\n    global made\n    fd, made = tempfile.mkstemp()",
    "helper_of_module": "def setUpModule():\n    global made\n    made = work()",
    "at_import": "TOP = tempfile.mkdtemp()",
    "at_import_2": "open('import17.txt', 'w').close()",
}
RETURNING = "def work():\n    fd, path = tempfile.mkstemp()\n    os.close(fd)\n    return path"
WORK_OF = "from helper_{} import work"
TOLD = re.compile(r"^    \d+ leaks?, .*?  (\S+):(\d+) in (\S+)  .*\n        (.+)$", re.MULTILINE)
# Everything is told, not only the worst.
RUN = """
import runpy, sys
from runner import advice
advice._MOST_TOLD = 999
sys.argv[0] = "tidytest"
runpy.run_module("runner", run_name="__main__")
"""


class Told(NamedTuple):
    """A line that is told: of which line of code, in which function; and the words behind it."""

    file: str
    line: int
    function: str
    code: str
    words: tuple[str, ...]


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


def told_in(output: str) -> Iterator[Told]:
    for file, line, function, told in TOLD.findall(output[output.index("Where to begin:"):]):
        code, _, words = told.replace("'  # x'", "'x'").partition("  # ")
        yield Told(file, int(line), function, code, tuple(words.split("; ") if words else ()))


def statement_at(tree: ast.Module, line: int) -> ast.stmt:
    """Return the innermost statement that has a line."""
    around = [n for n in ast.walk(tree) if isinstance(n, ast.stmt)
              and n.lineno <= line <= (n.end_lineno or line)]  # fmt: skip
    return around[-1]


def calling(tree: ast.Module, function: str, name: str) -> ast.stmt:
    """Return the statement of a function that calls another by its name, else its first."""
    caller = next(n for n in ast.walk(tree)
                  if isinstance(n, ast.FunctionDef) and n.name == function)  # fmt: skip
    return next((n for n in caller.body if f"{name}(" in ast.unparse(n)), caller.body[0])


def pasted(lines: list[str], statement: ast.stmt, code: str, how: str) -> None:
    """Paste a line below a statement, above it, or instead of it."""
    body = getattr(statement, "body", None)
    first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
    indent = " " * statement.col_offset
    head = lines[first][: statement.col_offset]
    if body and body[0].lineno > statement.lineno:
        last = body[0].lineno - 1
        indent = " " * (body[0].col_offset if how == "below" else statement.col_offset)
    if how == "above":
        lines[first:first] = [indent + code]
    elif how == "instead":
        tail = lines[last - 1][statement.end_col_offset :] if not body else ""
        lines[first:last] = [head + code + tail]
    elif head.strip() or (lines[last - 1][statement.end_col_offset or 0 :].strip() and not body):
        at = statement.end_col_offset
        lines[last - 1] = f"{lines[last - 1][:at]}; {code}{lines[last - 1][at:]}"
    else:
        lines[last:last] = [indent + code]


class Pasted(ProjectTestCase):
    def run_all(self) -> str:
        """Run every module with everything told, and return what is told."""
        return self.run_python("-c", RUN, "discover").err

    def paste(self, told: Told) -> None:
        """Paste a line at the place that is told."""
        caller = next((word for word in told.words if word.startswith("in the ")), "")
        file = re.sub("^helper_", "test_", told.file) if caller else told.file
        path = self.project / file
        text = path.read_text("utf-8")
        lines, tree = text.split("\n"), ast.parse(text)
        if caller:
            function = caller.split()[2].replace("test", "test_it")
            name = "work" if told.function in ("work", "__init__") else told.function
            statement = calling(tree, function, name)
            how = "above" if caller.endswith("before it does") else "below"
        else:
            statement = statement_at(tree, told.line)
            how = "instead" if "instead" in told.words else "below"
            how = "above" if "before it" in told.words else how
        pasted(lines, statement, told.code, how)
        imports = [word for word in told.words if word.startswith(("import ", "from "))]
        path.write_text("\n".join([*imports, *lines]), "utf-8")

    def assert_mends(self) -> None:
        before = set(self.files())
        output = self.run_all()
        self.assertIn("\nOK\n", output)
        self.remove_all_but(before)
        every = list(told_in(output))
        for told in sorted(every, key=lambda told: (told.file, -told.line)):
            self.paste(told)
        shown = "\n".join(map(str, every))
        for runner in ("unittest", "runner"):
            outcome = self.run_python("-m", runner, "discover")
            self.assertEqual(outcome.code, 0, f"{outcome.err}\n{shown}")
            left = set(self.files()) - before
            self.assertEqual(left, set(), f"{outcome.err}\n{shown}")
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
