"""The state between runs: which tests failed or leaked, and choosing them again."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

from runner.cache import DIRECTORY, OLD_STATE, TESTS
from runner.selection.state import State, read, select, write


class StateFileTests(unittest.TestCase):
    def setUp(self) -> None:
        self.place = self.enterContext(tempfile.TemporaryDirectory())

    def test_read_returns_what_write_wrote(self) -> None:
        state = State(frozenset({"t.a", "t.\udcff"}), frozenset({"t.b"}))
        write(self.place, state)
        self.assertEqual(read(self.place), state)
        self.assertEqual(os.listdir(self.place), [DIRECTORY])

    def test_an_empty_state_removes_the_file(self) -> None:
        write(self.place, State())
        write(self.place, State(frozenset({"t.a"})))
        write(self.place, State())
        self.assertFalse(os.path.exists(os.path.join(self.place, TESTS)))
        self.assertEqual(read(self.place), State())

    def test_a_damaged_file_is_an_empty_state_with_a_reason(self) -> None:
        for text in ("", "{", "[]", '{"version": 9}', '{"version": 1, "failed": 3, "leaked": []}',
                     "[" * 9000):
            os.makedirs(os.path.join(self.place, DIRECTORY), exist_ok=True)
            (Path(self.place) / TESTS).write_text(text)
            with self.subTest(text=text):
                state = read(self.place)
                self.assertEqual(state, State(damaged=state.damaged))
                self.assertTrue(state.damaged)

    def test_a_file_of_an_earlier_version_is_read_and_replaced(self) -> None:
        old = Path(self.place) / OLD_STATE
        old.write_text('{"version": 1, "failed": ["t.a"], "leaked": []}')
        state = read(self.place)
        self.assertEqual(state, State(frozenset({"t.a"})))
        write(self.place, state)
        self.assertFalse(old.exists())
        self.assertEqual(read(self.place), state)

    def test_a_file_that_is_not_ours_is_left_and_not_read(self) -> None:
        old = Path(self.place) / OLD_STATE
        for text in "{}", '{"version": 7, "failed": ["t.a"], "leaked": []}', "[1]", "my notes":
            with self.subTest(text):
                old.write_text(text)
                self.assertEqual(read(self.place), State())
                write(self.place, State(frozenset({"t.b"})))
                self.assertEqual(old.read_text(), text)
                write(self.place, State())

    def test_a_run_changes_only_what_it_ran(self) -> None:
        before = State(frozenset({"a", "b"}), frozenset({"a", "c"}))
        after = before.after(ran=["a", "d"], failed=["d"], leaked=["a"])
        self.assertEqual(after, State(frozenset({"b", "d"}), frozenset({"a", "c"})))


class SelectTests(unittest.TestCase):
    def setUp(self) -> None:
        class One(unittest.TestCase):
            def test_a(self) -> None: ...
            def test_b(self) -> None: ...

        class OneMore(unittest.TestCase):
            def test_a(self) -> None: ...

        self.tests = [One("test_a"), One("test_b"), OneMore("test_a")]
        self.one = f"{One.__module__}.{One.__qualname__}"

    def test_a_test_is_selected_by_its_id(self) -> None:
        self.assertEqual(select(self.tests, [self.tests[1].id()]), [self.tests[1]])
        self.assertEqual(select(self.tests, ["t.unknown"]), [])

    def test_a_class_or_module_selects_all_its_tests(self) -> None:
        self.assertEqual(select(self.tests, [self.one]), self.tests[:2])
        self.assertEqual(select(self.tests, [__name__]), self.tests)


if __name__ == "__main__":
    unittest.main()
