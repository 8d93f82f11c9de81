"""Changes of test code keep its formatting, and what cannot be changed safely is refused."""

from __future__ import annotations

import contextlib
import linecache
import os
import tempfile
import textwrap
import unittest
from unittest import mock

from runner.fix.plan import Change, plan
from runner.fix.rewrite import rewritten
from runner.source_code import tree_of
from tempfiles.records import Leak, Origin, ResourceType, Scope, Where

ENTER = "self.enterContext(tempfile.TemporaryDirectory({}))"
UNSAFE = "it is not created by the code of the test itself"


class RewriteTests(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(contextlib.chdir(self.enterContext(tempfile.TemporaryDirectory())))

    def changes(
        self, text: str, call: str, *, function: str = "test_it", scope: Scope = "test",
        where: Where = "temp", context: str = "test_a.T.test_it",
    ) -> list[Change]:
        """Write `test_a.py`, and return the plan for the lines that end with `# here`."""
        text = textwrap.dedent(text)
        with open("test_a.py", "w", encoding="utf-8", newline="") as file:
            file.write(text)
        linecache.clearcache()
        tree_of.cache_clear()
        lines = [n for n, line in enumerate(text.splitlines(), 1) if line.endswith("# here")]
        path = os.path.abspath("debug.log") if where == "outside" else "/tmp/tidy-a/0/x"
        kind: ResourceType = "directory" if call.endswith("mkdtemp") else "file"
        return plan([
            Leak(path, kind, 1, 1, context, scope, Origin("test_a.py", line, function, call),
                 where=where)
            for line in lines
        ])  # fmt: skip

    def new(self, changes: list[Change]) -> str:
        self.assertEqual([change.refusal for change in changes], [""] * len(changes))
        with open("test_a.py", "rb") as file:
            return rewritten(file.read(), changes).decode()

    def method(self, body: str, *, head: str = "import os\nimport tempfile\n") -> str:
        lines = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
        return f"{head}\n\nclass T(TestCase):\n    def test_it(self):\n{lines}\n"

    def assert_changed(self, call: str, body: str, expected: str, **more: str) -> None:
        changed = self.new(self.changes(self.method(body), call, **more))  # type: ignore[arg-type]
        self.assertEqual(changed, self.method(expected))

    def test_directories_are_entered(self) -> None:
        for body, expected in (
            ("top = Path(tempfile.mkdtemp())  # here", f"top = Path({ENTER.format('')})  # here"),
            ("a = tempfile.mkdtemp(); b = a  # here", f"a = {ENTER.format('')}; b = a  # here"),
            ("f = lambda: tempfile.mkdtemp('ü')  # here",
             f"f = lambda: {ENTER.format(repr('ü'))}  # here"),
            ("if tempfile.mkdtemp().strip(): pass  # here",
             f"if {ENTER.format('')}.strip(): pass  # here"),
            ("""
             top = tempfile.mkdtemp(  # here
                 prefix="a",  # why
             )
             """, """
             top = self.enterContext(tempfile.TemporaryDirectory(  # here
                 prefix="a",  # why
             ))
             """),
        ):  # fmt: skip
            with self.subTest(body):
                self.assert_changed("tempfile.mkdtemp", body, expected)

    def test_files_have_a_clean_up_below(self) -> None:
        unlink, missing = "os.unlink, {}", "pathlib.Path({}).unlink, missing_ok=True"
        for call, body, where, removal in (
            ("tempfile.mkstemp", "fd, path = tempfile.mkstemp()  # here\n{}os.close(fd)\n",
             "path", unlink),
            ("tempfile.mkstemp", "self.p = tempfile.mkstemp()[1]  # here\n{}", "self.p", unlink),
            ("tempfile.NamedTemporaryFile",
             "with tempfile.NamedTemporaryFile(delete=False) as f:  # here\n    {}    f.seek(0)\n",
             "f.name", unlink),
            ("open", "open('debug.log', 'w').close()  # here\n{}", '"debug.log"', unlink),
            ("open", "with open('debug.log', 'w') as f:  # here\n    {}    # why\n    pass\n",
             '"debug.log"', unlink),
        ):  # fmt: skip
            with self.subTest(body):
                new = f"self.addCleanup({removal.format(where)})\n"
                place: Where = "temp" if call != "open" else "outside"
                self.assert_changed(call, body.format("").replace("        ", "    "),
                                    body.format(new).replace("        ", "    "), where=place)
        looped = "for n in range(2):\n    p = tempfile.mkstemp()[1]  # here\n"
        changed = self.new(self.changes(self.method(looped), "tempfile.mkstemp"))
        self.assertIn(f"    self.addCleanup({missing.format('p')})\n", changed)
        self.assertTrue(changed.startswith("import os\nimport pathlib\nimport tempfile\n"), changed)

    def test_fixtures_have_calls_of_their_own(self) -> None:
        of_class = """\
            import tempfile
            class T(TestCase):
                @classmethod
                def setUpClass(klass):
                    klass.top = tempfile.mkdtemp()  # here
        """
        changed = self.new(self.changes(of_class, "tempfile.mkdtemp", function="setUpClass",
                                        scope="class", context="test_a.T"))  # fmt: skip
        self.assertIn("= klass.enterClassContext(tempfile.TemporaryDirectory())  # here", changed)
        of_module = """\
            from tempfile import mkdtemp
            def setUpModule():
                global top
                top = mkdtemp()  # here
        """
        changed = self.new(self.changes(of_module, "tempfile.mkdtemp", function="setUpModule",
                                        scope="module", context="test_a"))  # fmt: skip
        self.assertIn("= unittest.enterModuleContext(tempfile.TemporaryDirectory())", changed)
        self.assertTrue(changed.startswith("import tempfile\nimport unittest\ndef"), changed)

    def test_line_ends_of_windows_stay(self) -> None:
        body = self.method("fd, p = tempfile.mkstemp()  # here\nos.close(fd)")
        with mock.patch("textwrap.dedent", str):  # from 3.14 on it changes the ends of empty lines
            changed = self.new(self.changes(body.replace("\n", "\r\n"), "tempfile.mkstemp"))
        expected = body.replace("# here\n", "# here\n        self.addCleanup(os.unlink, p)\n")
        self.assertEqual(changed, expected.replace("\n", "\r\n"))

    def test_imports_are_sorted_in_and_those_replaced_go(self) -> None:
        body = "\n\nclass T(TestCase):\n    def test_it(self):\n        a = mkdtemp()  # here\n"
        future = "from __future__ import annotations\n"
        for head, expected in (
            ("'Doc.'\n", "'Doc.'\nimport tempfile\n"),
            ("import sys\r\nimport zlib\r\n",
             "import sys\r\nimport tempfile\r\nimport zlib\r\n"),
            (f"{future}from tempfile import mkstemp, mkdtemp  # x\n",
             f"{future}import tempfile\nfrom tempfile import mkstemp  # x\n"),
            ("import tempfile\nfrom tempfile import mkdtemp\n", "import tempfile\n"),
            ("import tempfile\nfrom tempfile import mkdtemp\nother = mkdtemp\n", ""),
        ):  # fmt: skip
            with self.subTest(head):
                changed = self.new(self.changes(head + body, "tempfile.mkdtemp"))
                self.assertEqual(changed.partition("\n\nclass")[0], expected or head)

    def test_pytest_functions_take_tmp_path(self) -> None:
        for call, head, body, expected in (
            ("tempfile.mkdtemp", "def test_it(n, m=1):", "t = tempfile.mkdtemp('a')  # here",
             "def test_it(n, tmp_path, m=1):\n    t = tempfile.mkdtemp('a', dir=tmp_path)  # here"),
            ("tempfile.mkstemp", "def test_it(tmp_path):", "p = tempfile.mkstemp()  # here",
             "def test_it(tmp_path):\n    p = tempfile.mkstemp(dir=tmp_path)  # here"),
            ("open", "def test_it():", "'''Doc.'''\n    open('debug.log', 'w').close()  # here",
             "def test_it(monkeypatch, tmp_path):\n    '''Doc.'''\n"
             "    monkeypatch.chdir(tmp_path)\n    open('debug.log', 'w').close()  # here"),
        ):  # fmt: skip
            where: Where = "outside" if call == "open" else "temp"
            with self.subTest(body):
                text = f"import tempfile\n{head}\n    {body}\n"
                id = "test_a.py::test_it[1-a.b]"
                changes = self.changes(text, call, context=id, where=where)
                self.assertEqual(self.new(changes), f"import tempfile\n{expected}\n")

    def test_what_is_not_safe_is_refused(self) -> None:
        for call, text, function, refusal in (
            ("tempfile.mkdtemp", "def make():\n    return tempfile.mkdtemp()  # here\n", "make",
             UNSAFE),
            ("tempfile.mkdtemp", "class Helper:\n    def make(self):\n"
             "        return tempfile.mkdtemp()  # here\n", "make", UNSAFE),
            ("tempfile.mkdtemp", "TOP = tempfile.mkdtemp()  # here\n", "<module>",
             "it is created when the module is imported, outside of any test"),
            ("tempfile.mkstemp", self.method("os.close(tempfile.mkstemp()[0])  # here"), "test_it",
             "no variable has its path there"),
            ("tempfile.mkdtemp", self.method("global top\ntop = tempfile.mkdtemp()  # here"),
             "test_it", "its path may be kept in a cache, a global variable or another object"),
            ("tempfile.mkdtemp", self.method("def f(self): return tempfile.mkdtemp()  # here"),
             "f", UNSAFE),
            ("tempfile.mkdtemp", self.method("tempfile.mkdtemp()  # here"), "test_other",
             "its file has changed: run the tests again"),
            ("os.system", self.method("os.system('touch debug.log')  # here"), "test_it",
             "a child process creates it"),
            ("tempfile.mkdtemp", "def test_it(self: # here", "test_it",
             "its file cannot be read, or not be parsed"),
        ):  # fmt: skip
            with self.subTest(text):
                where: Where = "outside" if call == "os.system" else "temp"
                (change,) = self.changes(text, call, function=function, where=where)
                self.assertEqual(change.refusal, refusal)
