"""A file that an exit handler removes is judged after the exit handlers, and is then no leak."""

from __future__ import annotations

import unittest

from tests.support.projects import ProjectTestCase

HEAD = """
import atexit, functools, os, pathlib, shutil, tempfile, unittest
PATHS = []
class Holder:
    def __init__(self, path): self.path = path
    def close(self): shutil.rmtree(self.path)
def clean_all():
    for path in PATHS: shutil.rmtree(path)
def clean_one(path=None): os.remove(path)
atexit.register(clean_all)
class T(unittest.TestCase):
    def test(self):
        {}
"""
REMOVED = {
    "argument": "atexit.register(shutil.rmtree, tempfile.mkdtemp())",
    "keyword": "atexit.register(shutil.rmtree, path=tempfile.mkdtemp())",
    "path object": "atexit.register(shutil.rmtree, pathlib.Path(tempfile.mkdtemp()))",
    "closure": "path = tempfile.mkdtemp(); atexit.register(lambda: shutil.rmtree(path))",
    "global list, registered at import": "PATHS.append(tempfile.mkdtemp())",
    "method": "atexit.register(Holder(tempfile.mkdtemp()).close)",
    "partial": "atexit.register(functools.partial(shutil.rmtree, tempfile.mkdtemp()))",
    "cleanup": "T.kept = d = tempfile.TemporaryDirectory(); atexit.register(d.cleanup)",
    "outside": "open('debug.log', 'w').close(); atexit.register(os.remove, 'debug.log')",
    "outside, by a child": "os.system('echo > debug.log'); atexit.register(os.remove, 'debug.log')",
}
LEFT = {
    "another path": "atexit.register(shutil.rmtree, tempfile.mkdtemp()); tempfile.mkdtemp()",
    "no handler": "tempfile.mkdtemp()",
    "a finalizer of tempfile": "self.__class__.kept = tempfile.TemporaryDirectory()",
}


class ExitHandlerTests(ProjectTestCase):
    def test_what_a_handler_removes_is_no_failure(self) -> None:
        for way, body in REMOVED.items():
            with self.subTest(way):
                self.write("test_a.py", HEAD.format(body))
                outcome = self.tidytest("--leaks", "fail")
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertIn("1 created, 1 removed by their tests", outcome.err)
                self.assertFalse((self.project / "debug.log").exists())

    def test_what_no_handler_removes_fails_its_test(self) -> None:
        for way, body in LEFT.items():
            with self.subTest(way):
                self.write("test_a.py", HEAD.format(body))
                outcome = self.tidytest("--leaks", "fail")
                self.assertIn("LEAK: test_a.T.test\n", outcome.err)
                self.assertIn("1 leaked by 1 test", outcome.err)

    def test_what_a_handler_does_not_remove_after_all_fails_the_run(self) -> None:
        self.write("test_a.py", HEAD.format("atexit.register(print, tempfile.mkdtemp())"))
        outcome = self.tidytest("--leaks", "fail")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("FAILED: 1 leak was found after the tests", outcome.err)
        self.assertIn("1 created", outcome.err)
        self.assertIn("1 leaked by 1 test", outcome.err)


if __name__ == "__main__":
    unittest.main()
