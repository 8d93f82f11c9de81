"""What is told to paste fits what made the leak, and where, and is Python."""

from __future__ import annotations

import ast
import os
import unittest
from unittest import mock

from runner.advice import advice
from runner.remedies import remedy
from tempfiles.records import Leak, Origin, ResourceType, Scope, Where

ENTER = "directory = self.enterContext(tempfile.TemporaryDirectory())"


def leak(
    call: str, path: str = "/tmp/tidy-a/0/x.csv", kind: ResourceType = "file", *,
    function: str = "test_it", file: str = "unit/test_a.py",
    context: str = "unit.test_a.T.test_it", scope: Scope = "test", where: Where = "temp",
) -> Leak:
    origin = Origin(file, 3, function, call) if call else None
    return Leak(path, kind, 1, 1, context, scope, origin, where=where)


class Remedies(unittest.TestCase):
    def assert_remedy(self, expected: str, *leaks: Leak) -> None:
        told = remedy(leaks)
        self.assertEqual(told, expected)
        ast.parse(told)

    def test_in_a_test(self) -> None:
        for call, kind, expected in (
            ("tempfile.mkdtemp", "directory", ENTER),
            ("tempfile.mkstemp", "file", "self.addCleanup(os.unlink, path)"),
            ("tempfile.NamedTemporaryFile", "file", "self.addCleanup(os.unlink, file.name)"),
            ("open", "file", 'path = self.createTempFile(extension="csv")  # of TrackedTestCase'),
            ("shelve.open", "file", f"{ENTER}  # and make it in there"),
            ("pathlib.Path.mkdir", "directory", "self.addCleanup(shutil.rmtree, path)"),
            ("shutil.copytree", "directory", "self.addCleanup(shutil.rmtree, path)"),
            ("os.mkfifo", "fifo", "self.addCleanup(os.unlink, path)"),
            ("os.symlink", "symlink", "self.addCleanup(os.unlink, path)"),
            ("socket.bind", "socket", "self.addCleanup(os.unlink, path)"),
            ("sqlite3.connect", "file", "self.addCleanup(os.unlink, path)"),
        ):
            with self.subTest(call):
                self.assert_remedy(expected, leak(call, kind=kind))  # type: ignore[arg-type]

    def test_in_fixtures_of_classes_and_modules(self) -> None:
        of_class = leak("tempfile.mkdtemp", kind="directory", function="setUpClass", scope="class",
                        context="unit.test_a.T")  # fmt: skip
        self.assert_remedy("directory = cls.enterClassContext(tempfile.TemporaryDirectory())",
                           of_class)  # fmt: skip
        of_module = leak("open", function="setUpModule", scope="module", context="unit.test_a")
        self.assert_remedy("unittest.addModuleCleanup(os.unlink, path)", of_module)

    def test_in_code_that_is_no_tests_it_is_for_who_calls_it(self) -> None:
        whose: tuple[tuple[Scope, str, str, str], ...] = (
            ("test", "unit.test_a.T.test_it", "self.addCleanup", "test"),
            ("class", "unit.test_a.T", "cls.addClassCleanup", "setUpClass"),
            ("module", "unit.test_a", "unittest.addModuleCleanup", "setUpModule"),
        )
        for scope, context, clean_up, caller in whose:
            for kind, remove in (("directory", "shutil.rmtree"), ("file", "os.unlink")):
                self.assert_remedy(
                    f"{clean_up}({remove}, path)  # in the {caller} that calls it",
                    leak("make", "/tmp/tidy-a/0/tmpab3_x9z1", kind, file="shop.py",  # type: ignore[arg-type]
                         function="export", scope=scope, context=context),
                )  # fmt: skip

    def test_at_import_it_is_for_the_end_of_the_process(self) -> None:
        made = leak("tempfile.mkdtemp", kind="directory", function="<module>", scope="run",
                    context="run")  # fmt: skip
        self.assert_remedy("atexit.register(shutil.rmtree, path)", made)

    def test_in_a_function_that_is_a_test_there_is_no_self(self) -> None:
        kinds = (("tempfile.mkdtemp", "directory"), ("open", "file"), ("os.link", "file"))
        for call, kind in kinds:
            made = leak(call, kind=kind, context="unit.test_a.test_it")  # type: ignore[arg-type]
            self.assertNotIn("self", remedy([made]))
            ast.parse(remedy([made]))

    def test_of_a_child_goes_by_the_name_unless_that_is_random(self) -> None:
        self.assert_remedy(
            'self.addCleanup(os.unlink, os.path.join(tempfile.gettempdir(), "out.txt"))',
            leak("subprocess sh", "/tmp/tidy-a/0/out.txt"),
        )
        for name in ("tmp.vnHWoRREQu", "x-4711.txt"):
            self.assert_remedy(f"{ENTER}  # as TMPDIR of the child",
                               leak("os.system", f"/tmp/tidy-a/0/{name}"))  # fmt: skip

    def test_outside_a_path_is_told_only_if_it_is_the_projects_and_always_the_same(self) -> None:
        for path, told in (
            (os.path.abspath("debug.log"), '"debug.log"'),
            (os.path.abspath("a/é.log"), '"a/é.log"'),
            (os.path.abspath('q"\n.log'), "'q\"\\n.log'"),
            (os.path.abspath("tmpab3_x9z1"), "path"),
            (os.path.expanduser("~/.shoprc"), "path"),
            ("/elsewhere/x.txt", "path"),
        ):
            with self.subTest(path):
                made = leak("open", path, where="outside")
                self.assert_remedy(f"self.addCleanup(os.unlink, {told})", made)
        several = [leak("open", os.path.abspath(f"loop{n}"), where="outside") for n in range(3)]
        self.assert_remedy("self.addCleanup(os.unlink, path)", *several)
        drawn = leak("tempfile.mkdtemp", os.path.abspath("tmpx"), "directory", where="outside")
        self.assert_remedy(ENTER, drawn)


class Defects(unittest.TestCase):
    def test_a_remedy_that_cannot_be_found_does_not_end_the_advice(self) -> None:
        leaks = [leak("tempfile.mkdtemp", context=f"unit.test_a.T.test_{n}") for n in range(5)]
        with mock.patch("runner.advice.remedy", side_effect=RuntimeError("on purpose")):
            told = list(advice(leaks))
        self.assertIn("(no remedy, by a defect in tidytest: RuntimeError('on purpose'))", told[3])
        self.assertIn("  tests:", told)


if __name__ == "__main__":
    unittest.main()
