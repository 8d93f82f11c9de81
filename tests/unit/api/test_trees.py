"""Create trees from dictionaries, read them, and compare them."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import tempfiles
from tempfiles import (
    ContentError,
    EscapeError,
    InvalidNameError,
    NotFoundError,
    PathTypeError,
    SpecialFile,
    Symlink,
    assert_tree,
    read_tree,
    temp_tree,
)
from tests.support.isolation import IsolatedTestCase

TREE: dict[str, Any] = {"config.json": "{}\r\n", "empty/": None, "scripts/x.py": b"print()"}


class CreateAndReadTests(IsolatedTestCase):
    def test_tree_is_read_as_it_was_given(self) -> None:
        made = temp_tree(TREE)
        self.assertIsInstance(made, Path)
        self.assertEqual(read_tree(made), TREE)
        self.assertTrue(tempfiles.is_registered(made))
        self.assertEqual((made / "config.json").read_bytes(), b"{}\r\n")

    def test_plain_path_reads_valid_utf8_as_text(self) -> None:
        made = temp_tree({"a": b"text", "b": b"\xff", "c": "ü"})
        self.assertEqual(read_tree(str(made)), {"a": "text", "b": b"\xff", "c": "ü"})

    def test_nested_dictionaries_are_read_flat(self) -> None:
        made = temp_tree({"a": {"b": {"c": "x", "d": {}}}, "e": None, "a/f": "y"})
        self.assertEqual(read_tree(made), {"a/b/c": "x", "a/b/d/": None, "a/f": "y", "e/": None})

    def test_context_manager_removes_the_tree(self) -> None:
        with self.assertRaisesRegex(KeyError, "mine"), temp_tree(TREE) as path:
            self.assertTrue((path / "empty").is_dir())
            raise KeyError("mine")
        self.assertEqual(self.left(), [])

    def test_derived_paths_are_ordinary_paths(self) -> None:
        made = temp_tree(TREE)
        self.assertEqual(made / "x", Path(str(made), "x"))
        if sys.version_info >= (3, 12):
            self.assertNotIsInstance(made.parent, tempfiles.TempTree)

    def test_symlinks_are_read_and_not_followed(self) -> None:
        tree = {"link": Symlink("/etc"), "broken": Symlink("nowhere"), "x": "y"}
        made = temp_tree(tree)
        self.assertEqual(read_tree(made), dict(sorted(tree.items())))
        os.mkfifo(made / "fifo")
        self.assertEqual(read_tree(made)["fifo"], SpecialFile("fifo"))

    def test_key_that_escapes_is_refused_before_creation(self) -> None:
        for bad in ("../x", "/x", "a/../../x", "C:\\x", "C:/x"):
            with self.subTest(bad), self.assertRaises(EscapeError):
                temp_tree({"good": "x", bad: "y"})
        self.assertEqual(self.left(), [])

    def test_invalid_tree_is_refused_before_creation(self) -> None:
        trees: list[dict[Any, Any]] = [
            {"": "x"}, {"a\0": "x"}, {"a/": "x"}, {"a": "x", "a/b": "y"}, {"a/b": "y", "a": "x"},
            {"a": "x", "a/": None}, {"a/b": "x", "a": {"b": "y"}}, {"a\\b": "x"}, {"x" * 256: "y"},
            {"link": Symlink("/"), "link/x": "y"}, {1: "x"}, {Path("a"): "x"}, {"a": {None: "x"}},
        ]
        for tree in trees:
            with self.subTest(tree), self.assertRaises(InvalidNameError):
                temp_tree(tree)
        links = [Symlink(target) for target in ("a\0b", "\ud800", Path("x"))]  # type: ignore[arg-type]
        for value in (3, ["x"], object(), SpecialFile("fifo"), "\ud800", *links):
            with self.subTest(value), self.assertRaises(ContentError):
                temp_tree({"good": "x", "bad": value})
        with self.assertRaises(ContentError):
            temp_tree(["x"])  # type: ignore[arg-type]
        self.assertEqual(self.left(), [])

    def test_only_directories_can_be_read(self) -> None:
        path = tempfiles.create_with_content("x")
        with self.assertRaises(PathTypeError):
            read_tree(path)
        missing = self.outside / "missing"
        with self.assertRaises(NotFoundError) as caught:
            read_tree(missing)
        reported = f"[Errno {errno.ENOENT}] No such file or directory: {str(missing)!r}"
        self.assertEqual(str(caught.exception), reported)

    def test_names_that_are_not_utf8_are_read(self) -> None:
        made = temp_tree({})
        name = os.fsdecode(b"\xff\n")
        (made / name).write_text("x")
        self.assertEqual(read_tree(made), {name: "x"})
        assert_tree(made, {name: "x"})


class CompareTests(IsolatedTestCase):
    def message(self, found: dict[str, Any], expected: dict[str, Any]) -> str:
        with self.assertRaises(AssertionError) as caught:
            assert_tree(temp_tree(found), expected)
        return str(caught.exception)

    def test_equal_trees_pass_in_any_form(self) -> None:
        made = temp_tree(TREE)
        assert_tree(made, TREE)
        assert_tree(made, {"scripts": {"x.py": "print()"}, "empty": None, "config.json": "{}\r\n"})
        assert_tree(made, {**TREE, "scripts/": None})
        assert_tree(temp_tree({}), {})
        os.mkfifo(made / "fifo")
        assert_tree(made, read_tree(made))

    def test_message_lists_each_difference(self) -> None:
        message = self.message(
            {"same": "x", "extra/y": "x", "changed": "one\ntwo\n"},
            {"same": "x", "gone/": None, "changed": "one\n2\n"},
        )
        for line in (
            "missing: gone/", "unexpected: extra/y", "different: changed",
            "--- expected/changed", "+++ found/changed", "-2", "+two", " one",
        ):
            self.assertIn(line, message)
        self.assertNotIn("same", message)

    def test_difference_in_type_content_or_line_ends_fails(self) -> None:
        cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"a": "x"}, {"a/": None}), ({"a": Symlink("b")}, {"a": "b"}),
            ({"a": "x\r\n"}, {"a": "x\n"}),
            ({"a": b"\xff\0"}, {"a": b"\xff\1"}), ({"a": "x"}, {"a": "x\n"}),
            ({"a/b": ""}, {"a/": None}),
        ]
        for found, expected in cases:
            with self.subTest(found):
                lines = self.message(found, expected).splitlines()
                self.assertGreaterEqual(len(lines), 2)
                self.assertEqual(len(lines), len(set(lines)), "lines that look alike tell nothing")

    def test_terminal_sequences_are_escaped(self) -> None:
        self.assertNotIn("\x1b", self.message({"\x1b[31m": "\x1b[0m"}, {"x": "y"}))
        self.assertNotIn("\x1b", self.message({"x": "\x1b[0m"}, {"x": "y"}))

    def test_missing_tree_is_a_failure(self) -> None:
        with self.assertRaisesRegex(AssertionError, "no directory"):
            assert_tree(self.outside / "missing", {})
