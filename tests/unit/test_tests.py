"""The layout of the tests: their folders, and the lengths of their names."""

from __future__ import annotations

import ast
import unittest
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
PACKAGES = {
    f"{package}.{path.parent.name}": path.parent.name
    for package in ("tempfiles", "runner")
    for path in TESTS.parent.glob(f"{package}/*/__init__.py")
}
LONGEST_NAME = 60  # characters


def names_of_tests() -> Iterator[tuple[str, str]]:
    """Yield the file and the name of each test."""
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield path.name, node.name


class LayoutTests(unittest.TestCase):
    def test_each_folder_of_unit_tests_is_a_package_of_the_product(self) -> None:
        for folder in sorted(path.parent for path in TESTS.glob("unit/*/__init__.py")):
            with self.subTest(folder.name):
                words = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
                package = (words or "").strip("`.")
                self.assertEqual(PACKAGES.get(package), folder.name)

    def test_each_folder_with_tests_is_a_package(self) -> None:
        folders = {path.parent for path in TESTS.rglob("test_*.py")}
        self.assertEqual([f for f in folders if not (f / "__init__.py").exists()], [])

    def test_names_of_tests_are_short(self) -> None:
        self.assertEqual([name for name in names_of_tests() if len(name[1]) > LONGEST_NAME], [])


if __name__ == "__main__":
    unittest.main()
