"""A remedy fits the call and the place that created a leak, and is valid Python."""

from __future__ import annotations

import ast
import os
import tempfile
import unittest
from unittest import mock

from runner.advice.remedies import remedy
from runner.advice.where_to_begin import advice
from tempfiles.records import Leak, Origin, ResourceType, Scope, Where

FIRST = "self.enterContext(tempfiles.redirect())  # first in test_it; import tempfiles"
CHDIR = FIRST.replace("redirect()", "redirect(chdir=True)")
CALLER = "the test or setUp"


def leak(
    call: str, path: str = "/tmp/tidy-a/0/x.csv", kind: ResourceType = "file", *,
    line: int = 3, function: str = "test_it", file: str = "unit/test_a.py",
    context: str = "unit.test_a.T.test_it", scope: Scope = "test", where: Where = "temp",
) -> Leak:
    origin = Origin(file, line, function, call) if call else None
    return Leak(path, kind, 1, 1, context, scope, origin, where=where)


class RemedyTests(unittest.TestCase):
    def assert_remedy(self, expected: str, *leaks: Leak) -> None:
        reported = remedy(leaks)
        self.assertEqual(reported.line, expected)
        ast.parse(reported.code.removeprefix("@"))

    def written(self, *lines: str) -> str:
        """Return the file of a test with these lines, of which the first is the third there."""
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "test_a.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n        ".join(["class T:\n    def test_it(self):", *lines]))
        return path

    def test_in_a_test(self) -> None:
        for call, written, expected in (
            ("open", "open(NAME)", FIRST),
            ("open", "p = gettempdir() + '/a'\n        with open(p, 'w'):\n            pass",
             "self.addCleanup(os.unlink, p)  # import os"),
            ("pathlib.Path.touch", "p = q = Path(gettempdir(), 'a')\n        p.touch()", FIRST),
            ("pathlib.Path.touch", "p = Path(gettempdir()); p = Path('a')\n        p.touch()",
             FIRST),
            ("shelve.open", "shelve.open(NAME)", FIRST),
            ("tempfile.mkstemp", "tempfile.mkstemp(dir=TOP)", FIRST),
            ("subprocess tar", "run(['tar', gettempdir()])", FIRST),
            ("tempfile.mkdtemp", "self.top = tempfile.mkdtemp('a', dir=TOP)",
             'self.enterContext(tempfile.TemporaryDirectory(\'a\', dir=TOP))'
             "  # instead of tempfile.mkdtemp(...)"),
            ("tempfile.NamedTemporaryFile", "f = NamedTemporaryFile(delete=False)",
             "self.addCleanup(os.unlink, f.name)  # import os"),
            ("tempfile.mkstemp", "for n in 'ab':\n            path = mkstemp()[1]",
             "self.addCleanup(pathlib.Path(path).unlink, missing_ok=True)  # import pathlib"),
        ):  # fmt: skip
            with self.subTest(written):
                lines = written.split("\n")
                line = 3 + max(n for n, text in enumerate(lines) if "pass" not in text)
                self.assert_remedy(expected, leak(call, file=self.written(written), line=line))

    def test_in_pytest(self) -> None:
        for call, where, written, expected in (
            ("tempfile.mkdtemp", "temp", "top = tempfile.mkdtemp('a')",
             "tempfile.mkdtemp('a', dir=tmp_path)"
             "  # instead of tempfile.mkdtemp(...); takes tmp_path"),
            ("open", "outside", "open('a.csv', 'w')",
             "monkeypatch.chdir(tmp_path)"
             "  # first in the test; takes monkeypatch and tmp_path"),
            ("open", "temp", "open(NAME, 'w')",
             "@tempfiles.redirect()  # above the test; import tempfiles"),
        ):  # fmt: skip
            file = self.written(written)
            with self.subTest(written):
                made = leak(call, file=file, context=f"{file}::T::test_it[a-b]", where=where)  # type: ignore[arg-type]
                self.assert_remedy(expected, made)

    def test_long_call_is_left_in_its_place(self) -> None:
        text = f"tempfile.mkdtemp({'x' * 80!r})"
        self.assert_remedy(FIRST, leak("tempfile.mkdtemp", file=self.written(text)))

    def test_arguments_are_left_alone(self) -> None:
        for call in ("h.emit(x.csv)", "open('x.csv') or open(y)", "log.error('x.csv')"):
            for name in ("open", "logging.Handler.emit", "logging.Logger.error"):
                reported = remedy([leak(name, "/tmp/tidy-a/0/y.csv", file=self.written(call))])
                self.assertNotIn("x.csv", reported.line)

    def test_remedy_for_other_code_is_pasted_into_its_caller(self) -> None:
        file = self.written("pass")
        whose: tuple[tuple[Scope, str, str, str], ...] = (
            ("test", "unit.test_a.U.test_it", "self.enterContext", CALLER),
            ("class", "unit.test_a.U", "cls.enterClassContext", "setUpClass"),
            ("module", "unit.test_a", "unittest.enterModuleContext", "setUpModule"),
        )
        for scope, context, enter, where in whose:
            made = leak("make", file=file, function="export", scope=scope, context=context)
            code = f"{enter}(tempfiles.redirect())  # first in {where}"
            imports = "; import tempfiles" if scope != "module" else ""  # no room: and unittest
            self.assert_remedy(code + imports, made)

    def test_remedy_at_import_runs_at_exit(self) -> None:
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "test_a.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write("TOP = mkdtemp()\nmkdtemp()\n")
        for line, expected in (
            (1, "atexit.register(shutil.rmtree, TOP, ignore_errors=True)  # import atexit, shutil"),
            (2, "# create it in setUpModule, setUpClass or setUp, and clean up there"),
        ):
            made = leak("tempfile.mkdtemp", kind="directory", function="<module>", scope="run",
                        context="run", file=path, line=line)  # fmt: skip
            self.assert_remedy(expected, made)

    def test_remedy_in_a_function_uses_no_self(self) -> None:
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "test_a.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write("def test_it():\n    fd, path = tempfile.mkstemp()\n    open(NAME)\n")
        made = leak("tempfile.mkstemp", file=path, context="test_a.test_it", line=2)
        self.assert_remedy("tempfiles.register_file(path)  # import tempfiles", made)
        made = leak("open", file=path, context="test_a.test_it")
        self.assert_remedy("@tempfiles.redirect()  # above the test; import tempfiles", made)

    def test_import_below_the_line_is_not_used(self) -> None:
        file = self.written("fd, p = tempfile.mkstemp()", "import os", "os.close(fd)")
        self.assert_remedy("self.addCleanup(os.unlink, p)  # import os",
                           leak("tempfile.mkstemp", file=file))

    def test_variable_that_is_rebound_on_the_line_is_not_used(self) -> None:
        file = self.written("fd, p = tempfile.mkstemp(); p = 'settings.ini'")
        self.assertNotIn("unlink", remedy([leak("tempfile.mkstemp", file=file)]).code)

    def test_outside_path_is_named_only_if_it_is_in_the_source(self) -> None:
        for path, reported in (
            (os.path.abspath("debug.log"), '"debug.log"'),
            (os.path.abspath("a/é.log"), '"a/é.log"'),
            (os.path.abspath('q"/debug.log'), "'q\"/debug.log'"),
            (os.path.abspath("by_variable"), "..."),
            (os.path.abspath("tmpab3_x9z1"), "..."),
            (os.path.abspath("bug.log"), "..."),
            ("/elsewhere/debug.log", "..."),
        ):
            with self.subTest(path):
                file = self.written("import os", "by_variable('debug.log', 'é.log')")
                made = leak("make", path, where="outside", file=file, line=4)
                line = CHDIR if reported == "..." else f"self.addCleanup(os.unlink, {reported})"
                self.assert_remedy(line, made)
                moved = self.written("import os", "os.chdir('debug.log é.log')")
                made = leak("make", path, where="outside", file=moved, line=4)
                self.assert_remedy(CHDIR, made)


class DefectTests(unittest.TestCase):
    def test_failing_remedy_does_not_end_the_advice(self) -> None:
        leaks = [leak("tempfile.mkdtemp", context=f"unit.test_a.T.test_{n}") for n in range(5)]
        defect = RuntimeError("on purpose")
        with mock.patch("runner.advice.where_to_begin.remedy", side_effect=defect):
            reported = list(advice(leaks))
        line = "(no remedy, by a defect in tidytest: RuntimeError('on purpose'))"
        self.assertEqual([text.strip() for text in reported[2:-1]], [line])
