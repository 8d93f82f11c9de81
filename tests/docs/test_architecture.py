"""The page about the architecture: its trees, its drawing and the code that it names are real."""

from __future__ import annotations

import importlib
import itertools
import re
import sys
import unittest
from typing import Any

from tests.support import documentation
from tests.support.projects import ProjectTestCase
from tests.unit.test_imports import LAYERS

DOCS = documentation.PROJECT / "docs"
PAGE = DOCS / "architecture.md"
REMEDY = "run `python docs/generate.py`"
LEAK = """
    import os, tempfile, unittest
    class T(unittest.TestCase):
        def test(self):
            with open(os.path.join(tempfile.gettempdir(), "report.csv"), "w"):
                pass
"""
# Prints the modules of both products on the stack, outermost first, at three calls.
FOLLOW = """
    import runpy, sys
    stops = {
        "created": "tempfiles.observation.paths", "left_by": "tempfiles.detection.leak_finder",
        "context_lines": "runner.output.lines",
    }
    def follow(frame, event, argument):
        name, module = frame.f_code.co_name, frame.f_globals.get("__name__")
        if event == "call" and stops.get(name) == module:
            del stops[name]
            modules = []
            while module.split(".")[0] in ("runner", "tempfiles"):
                modules.insert(0, module)
                frame = frame.f_back
                module = frame.f_globals.get("__name__", "")
            print("WAY", *modules)
    def add(hook):
        hook.__cantrace__ = True  # else no hook is profiled
        original(hook)
    original, sys.addaudithook = sys.addaudithook, add
    sys.setprofile(follow)
    runpy.run_module("runner", run_name="__main__", alter_sys=True)
"""


def from_docs(name: str) -> Any:
    """Import a module of the documentation's build."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


def find(name: str) -> Any:
    """Return the module, class or function of a dotted name.

    Raises:
        AttributeError: there is none.
    """
    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], 2):
        if not hasattr(found, part):
            try:
                importlib.import_module(".".join(parts[:number]))
            except ModuleNotFoundError:
                raise AttributeError(name) from None
        found = getattr(found, part)
    return found


class GeneratedPartTests(unittest.TestCase):
    def test_files_are_what_the_generator_writes(self) -> None:
        for path, text in from_docs("generate").files().items():
            with self.subTest(path.name):
                self.assertEqual(path.read_text(encoding="utf-8"), text, REMEDY)

    def test_every_package_is_in_the_trees(self) -> None:
        for product, names in from_docs("packages").ORDER.items():
            packages = {path.parent.name for path in (documentation.PROJECT / product).glob(
                "*/__init__.py")}  # fmt: skip
            self.assertEqual(set(names), packages, product)

    def test_order_of_the_trees_is_that_of_the_layers(self) -> None:
        for product, names in from_docs("packages").ORDER.items():
            layers = [LAYERS[f"{product}.{name}"] for name in names]
            self.assertEqual(layers, sorted(layers), product)

    def test_captions_fit_on_a_line(self) -> None:
        packages = from_docs("packages")
        for product, names in packages.ORDER.items():
            for name in names:
                with self.subTest(f"{product}.{name}"):
                    self.assertRegex(packages.caption(product, name), r"^.{10,85}\.$")

    def test_arrows_that_longer_ways_imply_are_left_out(self) -> None:
        packages = from_docs("packages")
        empty: dict[str, set[str]] = {name: set() for name in packages.graph("runner")}
        graph = empty | {"cli": {"session", "baseline"}, "session": {"baseline", "cli"}}
        expected = empty | {"cli": {"session"}, "session": {"baseline"}}
        self.assertEqual(packages.reduced("runner", graph), expected)


class PageTests(unittest.TestCase):
    def test_code_that_it_names_exists(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        names = set(re.findall(r"`((?:runner|tempfiles)(?:\.\w+)+)`", text))
        self.assertGreater(len(names), 10)
        for name in sorted(names):
            with self.subTest(name):
                self.assertIsNotNone(find(name))

    def test_files_that_it_names_exist(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        for name in re.findall(r"`((?:runner|tempfiles|tests|docs)/[\w/]+(?:\.py)?)`", text):
            with self.subTest(name):
                path = documentation.PROJECT / name
                self.assertTrue(path.exists() or path.with_suffix(".py").exists())


class WayOfALeakTests(ProjectTestCase):
    def test_a_leak_passes_the_ten_modules_of_the_page_once(self) -> None:
        self.write("follow.py", FOLLOW)
        self.write("test_a.py", LEAK)
        outcome = self.run_python("follow.py", "-v", "test_a")
        lines = (line.split()[1:] for line in outcome.out.splitlines() if line[:4] == "WAY ")
        passed = [module for line in lines for module, _ in itertools.groupby(line)]
        self.assertEqual(len(passed), len(set(passed)), outcome.err)
        text = PAGE.read_text(encoding="utf-8")
        written = re.findall(r"^\d+\. `((?:\w+\.){2}\w+)", text, re.MULTILINE)
        self.assertEqual(passed, written)
        self.assertEqual(len(written), 10)


if __name__ == "__main__":
    unittest.main()
