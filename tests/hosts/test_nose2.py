"""The nose2 plugin: tests, classes, modules, layers, parameters, `such`, and worker processes."""

from __future__ import annotations

import json
import unittest
from pathlib import Path

from tests.hosts.sessions import has
from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

TESTS = """
import tempfile, unittest
from nose2.tools import params, such

def leave(name):
    tempfile.mkdtemp(prefix=name + "-")

def setUpModule(): leave("module")

class Layer:
    @classmethod
    def setUp(cls): leave("layer")

class Broken:
    @classmethod
    def setUp(cls): leave("broken"); 1 / 0

class T(unittest.TestCase):
    @classmethod
    def setUpClass(cls): leave("class")
    def test_leaks(self): leave("test")
    def test_clean(self): tempfile.TemporaryDirectory().cleanup()
    @params(1, 2)
    def test_params(self, n): leave(f"params{n}")
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.skip("no")
    def test_skipped(self): pass

class InLayer(unittest.TestCase):
    layer = Layer
    def test_in_layer(self): leave("within")

class InBroken(unittest.TestCase):
    layer = Broken
    def test_never(self): pass

with such.A("thing") as it:
    @it.has_setup
    def setup(): leave("group")
    @it.should("do")
    def test(case): leave("such")
it.createTests(globals())

def test_function(): leave("function")
"""
OF_TESTS = {
    "test": ("test", "test_a.T.test_leaks"),
    "params1": ("test", "test_a.T.test_params:1\n1"),
    "params2": ("test", "test_a.T.test_params:2\n2"),
    "within": ("test", "test_a.InLayer.test_in_layer"),
    "such": ("test", "test_a.A thing.test 0000: should do"),
    "function": ("test", "test_a.test_function"),
    "class": ("class", "test_a.T"),
    "module": ("module", "test_a"),
}
OF_LAYERS = {
    "layer": ("layer", "test_a.Layer"),
    "broken": ("layer", "test_a.Broken"),
    "group": ("layer", "test_a.A thing:layer"),
}


@unittest.skipUnless(has("nose2"), "nose2 is not installed: pip install 'tidytest[hosts]'")
class Nose2Tests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", TESTS)
        self.write("nose2.cfg", "[unittest]\nplugins = runner.integrations.nose2\n")

    def nose2(self, *words: str, code: int = 0) -> Outcome:
        """Run nose2, and hold that it leaves nothing in the temp directory."""
        outcome = self.run_python("-m", "nose2", "--leak-json", "leaks.json", *words)
        self.assertEqual(outcome.code, code, outcome.out + outcome.err)
        self.assertEqual(list(self.base.iterdir()), [], outcome.err)
        return outcome

    def leaks(self) -> dict[str, tuple[str, str]]:
        document = json.loads((self.project / "leaks.json").read_text("utf-8"))
        found: dict[str, tuple[str, str]] = {}
        for leak in document["leaks"]:
            name = Path(leak["path"]).name.partition("-")[0]
            self.assertNotIn(name, found, "reported twice")
            self.assertEqual(leak["origin"]["file"], "test_a.py")
            found[name] = leak["scope"], leak["context"]
        return found

    def test_each_scope_owns_what_it_leaves(self) -> None:
        outcome = self.nose2("--plugin", "nose2.plugins.layers", "--leak-lines", code=1)
        self.assertEqual(self.leaks(), OF_TESTS | OF_LAYERS)
        self.assertIn("FAILED (errors=1, skipped=1, expected failures=1)", outcome.err)
        self.assertRegex(outcome.out, r"(?m)^test_a\.py:6: 11 temporary files left by")

    def test_leaks_fail_tests_and_fixtures_where_asked(self) -> None:
        outcome = self.nose2("--plugin", "nose2.plugins.layers", "--leaks", "fail", code=1)
        for failed in (
            "FAIL: test_leaks (test_a.T.test_leaks)", "FAIL: test_in_layer",
            "AssertionError: layer test_a.Layer: left 1",
        ):
            self.assertIn(failed, outcome.err)
        self.assertNotIn("FAIL: test_clean", outcome.err)
        # nose2 names fixtures `_ErrorHolder`: of the class, the module and three layers.
        self.assertEqual(outcome.err.count("_ErrorHolder"), 5)
        self.assertIn("skipped=1, expected failures=1)", outcome.err)

    def test_workers_report_what_one_process_does(self) -> None:
        mp = ("--plugin", "nose2.plugins.mp", "-N", "2")
        outcome = self.nose2(*mp)
        self.assertEqual(self.leaks(), OF_TESTS)
        self.assertRegex(outcome.err, "Ran (9|10) tests")  # a skipped test counts on some Pythons
        outcome = self.nose2(*mp, "--leaks", "fail", code=1)
        self.assertIn("FAIL: test_leaks (test_a.T.test_leaks)", outcome.err)

    def test_known_leaks_fail_nothing(self) -> None:
        self.nose2("--update-baseline")
        outcome = self.nose2("--leaks", "fail")
        self.assertIn("Known leaks: 8 of 8", outcome.err)

    def test_the_plugins_section_holds_settings(self) -> None:
        self.write("nose2.cfg",
                   "[unittest]\nplugins = runner.integrations.nose2\n[tidytest]\nleaks = fail\n")
        self.nose2("test_a.T.test_clean", code=1)  # for its class
        self.write("nose2.cfg",
                   "[unittest]\nplugins = runner.integrations.nose2\n[tidytest]\nleaks = never\n")
        outcome = self.run_python("-m", "nose2")
        self.assertEqual(outcome.code, 2)
        self.assertRegex(outcome.err, r"(?m)^nose2: error: tidytest: .*leaks.*'never'.*$")


if __name__ == "__main__":
    unittest.main()
