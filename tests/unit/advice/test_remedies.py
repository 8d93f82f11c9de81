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

ENTER = "self.enterContext(tempfile.TemporaryDirectory())"
TEMPDIR = f'self.enterContext(mock.patch("tempfile.tempdir", {ENTER}))'
CALLER = "in the test or setUp that calls it"


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
        self.assertEqual(reported, expected)
        ast.parse(reported)

    def written(self, *lines: str) -> str:
        """Return the file of a test with these lines, of which the first is the third there."""
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "test_a.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n        ".join(["class T:\n    def test_it(self):", *lines]))
        return path

    def test_in_a_test(self) -> None:
        for call, written, expected in (
            ("open", "open(NAME)", 'self.createTempFile(extension="csv")  # use its path; '
                                   "needs TrackedTestCase"),
            ("shelve.open", "shelve.open(NAME)", f"{ENTER}  # create it in there; import tempfile"),
            ("tempfile.mkstemp", "tempfile.mkstemp(dir=TOP)",
             f"{ENTER}  # create it in there; import tempfile"),
            ("tempfile.TemporaryDirectory", "with tempfile.TemporaryDirectory() as made: pass",
             f"{TEMPDIR}  # first in test_it; from unittest import mock; import tempfile"),
            ("os.mkdir", "os.mkdir(mktemp())",
             f"{TEMPDIR}  # first in test_it; from unittest import mock; import tempfile"),
            ("make", "make(gettempdir(), '/other')",
             f"{TEMPDIR}  # first in test_it; from unittest import mock; import tempfile"),
            ("subprocess tar", "run(['tar', gettempdir()])",
             f"{ENTER}  # as TMPDIR of the child; import tempfile"),
        ):  # fmt: skip
            with self.subTest(written):
                self.assert_remedy(expected, leak(call, file=self.written(written)))

    def test_arguments_are_left_alone(self) -> None:
        for call in ("h.emit(x.csv)", "open('x.csv') or open(y)", "log.error('x.csv')"):
            for name in ("open", "logging.Handler.emit", "logging.Logger.error"):
                reported = remedy([leak(name, "/tmp/tidy-a/0/y.csv", file=self.written(call))])
                self.assertNotIn("x.csv", reported)

    def test_remedy_for_other_code_is_pasted_into_its_caller(self) -> None:
        whose: tuple[tuple[Scope, str, str, str], ...] = (
            ("test", "unit.test_a.T.test_it", "self.addCleanup", CALLER),
            ("class", "unit.test_a.T", "cls.addClassCleanup", "in setUpClass"),
            ("module", "unit.test_a", "unittest.addModuleCleanup", "in setUpModule"),
        )
        for scope, context, clean_up, where in whose:
            for kind, remove in (("directory", "shutil.rmtree"), ("file", "os.unlink")):
                self.assert_remedy(
                    f"{clean_up}({remove}, ...)  # {where}: its path",
                    leak("make", "/tmp/tidy-a/0/tmpab3_x9z1", kind, file="shop.py",  # type: ignore[arg-type]
                         function="export", scope=scope, context=context),
                )  # fmt: skip

    def test_remedy_at_import_runs_at_exit(self) -> None:
        made = leak("tempfile.mkdtemp", kind="directory", function="<module>", scope="run",
                    context="run")  # fmt: skip
        self.assert_remedy("atexit.register(shutil.rmtree, ...)  # its path", made)

    def test_remedy_in_a_function_uses_no_self(self) -> None:
        here = f"{__name__}.leak"
        self.assert_remedy(
            "with tempfile.TemporaryDirectory() as directory: ...  # create it in there",
            leak("open", context=here),
        )
        self.assert_remedy("os.unlink(...)  # its path; in a `finally`",
                           leak("open", context=here, where="outside"))  # fmt: skip

    def test_import_below_the_line_is_not_used(self) -> None:
        file = self.written("fd, p = tempfile.mkstemp()", "import os", "os.close(fd)")
        self.assert_remedy("self.addCleanup(os.unlink, p)  # import os",
                           leak("tempfile.mkstemp", file=file))

    def test_variable_that_is_rebound_on_the_line_is_not_used(self) -> None:
        file = self.written("fd, p = tempfile.mkstemp(); p = 'settings.ini'")
        self.assertNotIn("unlink, p)", remedy([leak("tempfile.mkstemp", file=file)]))

    def test_remedy_for_a_child_uses_a_name_from_the_source(self) -> None:
        file = self.written("import os, tempfile; os.system('touch $TMPDIR/out.txt')")
        self.assert_remedy(
            'self.addCleanup(os.unlink, os.path.join(tempfile.gettempdir(), "out.txt"))',
            leak("os.system", "/tmp/tidy-a/0/out.txt", file=file),
        )
        self.assert_remedy(f"{ENTER}  # as TMPDIR of the child",
                           leak("os.system", "/tmp/tidy-a/0/out", file=file))  # fmt: skip

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
                words = "  # its path" if reported == "..." else ""
                self.assert_remedy(f"self.addCleanup(os.unlink, {reported}){words}", made)
                moved = self.written("import os", "os.chdir('debug.log é.log')")
                made = leak("make", path, where="outside", file=moved, line=4)
                self.assert_remedy("self.addCleanup(os.unlink, ...)  # its path", made)


class DefectTests(unittest.TestCase):
    def test_failing_remedy_does_not_end_the_advice(self) -> None:
        leaks = [leak("tempfile.mkdtemp", context=f"unit.test_a.T.test_{n}") for n in range(5)]
        defect = RuntimeError("on purpose")
        with mock.patch("runner.advice.where_to_begin.remedy", side_effect=defect):
            reported = list(advice(leaks))
        line = "(no remedy, by a defect in tidytest: RuntimeError('on purpose'))"
        self.assertIn(line, reported[3])
        self.assertIn("  tests:", reported)


if __name__ == "__main__":
    unittest.main()
