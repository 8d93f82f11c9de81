"""The constants of a test's code: those of its functions and helpers, and no other word."""

from __future__ import annotations

import functools
import sys
import types
import unittest

from tempfiles.detection.code_constants import texts_of
from tempfiles.registry.contexts import Context
from tempfiles.reports import Example

SOURCE = '''
"""module-docstring"""
import functools, os
from pathlib import Path
import helpers
from helpers import Maker

UNUSED = "unused-constant"
USED = "used-constant"
PLACE = Path("used-path")
maker = Maker()

def unused(): return "unused-function"
def helper(): return deeper()
def deeper(): return "word-deeper"
def decorated_by(function):
    @functools.wraps(function)
    def wrapper(*args): return function(*args), "word-wrapper"
    return wrapper
def bare(function):
    def wrapper(*args): return function(*args)
    return wrapper

class T:
    words = "unused-attribute"
    used = "word-attribute"
    def setUp(self): self.make("word-setup")
    def make(self, name="word-default", *, other="word-keyword"):
        """unused-docstring"""
        return name
    def other(self): return "unused-method"
    @property
    def prop(self): return "word-property"
    @staticmethod
    def static(): return "word-static"
    def test_it(self):
        """unused-own-docstring"""
        for name in ("word-tuple", b"word-bytes"):
            print(name)
        print({"word-in-set"}, USED, PLACE, self.used, self.prop)
        def inner(): return "word-inner"
        [lambda: "word-lambda"]
        self.static()
        helper()
        helpers.run()
        Maker().make()
        maker.use()
    def test_other(self): print("unused-test")
    @decorated_by
    def test_wrapped(self): return "word-wrapped"
    @bare
    def test_bare(self): return "word-bare"
    @classmethod
    def setUpClass(cls): print("word-class")
    partial = functools.partialmethod(make, "word-partial")
def setUpModule(): print("word-module")
'''
HELPERS = """
UNUSED = "unused-helpers"
def run(): return "word-foreign", product()
def product(): return "unused-product"
class Maker:
    def __init__(self): self.name = "word-init"
    def make(self): return "word-made"
    def use(self): return "word-instance"
    def unused(self): return "unused-made"
"""


class TextsTests(unittest.TestCase):
    def setUp(self) -> None:
        for name, text in (("helpers", HELPERS), ("constants_case", SOURCE)):
            module = types.ModuleType(name)
            module.__file__ = f"/project/{name}.py"
            sys.modules[name] = module
            self.addCleanup(sys.modules.pop, name)
            exec(compile(text, module.__file__, "exec"), vars(module))
        self.case = sys.modules["constants_case"].T

    def texts(self, source: object, parent: object = None) -> set[str]:
        around = Context("class")
        around.source = parent
        context = Context("it", "test", around)
        context.source = source
        return {text for text in texts_of(context) if text.startswith(("word", "used", "unused"))}

    def of_test(self, name: str) -> set[str]:
        return self.texts(getattr(self.case, name), self.case)

    def test_own_constants_and_those_of_helpers(self) -> None:
        self.assertEqual(self.of_test("test_it"), {
            "word-tuple", "word-bytes", "word-in-set", "used-constant", "used-path", "word-inner",
            "word-lambda", "word-attribute", "word-property", "word-static", "word-deeper",
            "word-foreign", "word-init", "word-made", "word-instance", "word-setup",
            "word-default", "word-keyword",
        })  # fmt: skip

    def test_decorated_functions(self) -> None:
        self.assertLessEqual({"word-wrapped", "word-wrapper"}, self.of_test("test_wrapped"))
        self.assertLessEqual({"word-bare"}, self.of_test("test_bare"))

    def test_fixtures_of_classes_and_modules(self) -> None:
        self.assertEqual(self.texts(self.case), {"word-class"})
        self.assertEqual(self.texts("/project/constants_case.py"), {"word-module"})

    def test_partial_function_has_its_arguments(self) -> None:
        partial = functools.partial(self.case.make, None, "word-argument")
        self.assertLessEqual({"word-argument", "word-default"}, self.texts(partial))

    def test_examples_of_a_doctest(self) -> None:
        examples = tuple(
            Example("<doctest a[0]>", "a.py", 3, text)
            for text in ('touch("word-example")\n', "syntax ( error")
        )
        self.assertEqual(self.texts(examples), {"word-example"})

    def test_code_of_a_module_body_is_no_helper(self) -> None:
        from tempfiles.detection.code_constants import texts_in

        self.assertEqual(list(texts_in(compile("x = 'word'", "x.py", "exec"))), [])


if __name__ == "__main__":
    unittest.main()
