"""Warnings of workers: which are sent, and which a serial run would show."""

from __future__ import annotations

import io
import json
import unittest
import warnings
from typing import Any
from unittest import mock

from runner.workers import events
from runner.workers.shown_warnings import ShownWarnings, WarningSender


class SenderTests(unittest.TestCase):
    def setUp(self) -> None:
        module: Any = warnings
        replaced = ("_showwarnmsg_impl", "_filters_mutated", "_filters_mutated_lock_held")
        for name in filter(module.__dict__.__contains__, (*replaced, "showwarning")):
            self.enterContext(mock.patch.object(module, name, getattr(module, name)))
        self.lines: list[str] = []
        self.stderr = self.enterContext(mock.patch("sys.stderr", io.StringIO()))
        self.sender = WarningSender(self.lines.append, lambda: self.lines.append("before"))
        warnings.simplefilter("default")
        self.sender.begin_unit()

    def sent(self) -> list[list[object]]:
        lines = [line for line in self.lines if line != "before"]
        self.assertTrue(all(line.startswith(events.WARNING) for line in lines))
        return [json.loads(line[1:]) for line in lines]

    def test_warning_is_sent_once_a_unit(self) -> None:
        for _ in range(2):
            for _ in range(2):
                warnings.warn("here", stacklevel=1)
            self.sender.end_unit()
            self.sender.begin_unit()
        (first, changed, text), second = self.sent()
        self.assertEqual([first, changed, text], second)
        self.assertFalse(changed)
        self.assertIn("test_shown_warnings.py", str(first))
        self.assertIn("UserWarning: here\n", str(text))
        self.assertEqual(self.lines[0], "before")
        self.assertEqual(self.stderr.getvalue(), "")

    def test_change_of_the_filters_is_sent(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("always", stacklevel=1)
        self.sender.end_unit()
        self.assertEqual([entry[:2] for entry in self.sent()], [[None, True], [None, True]])

    def test_captured_warnings_stay_where_they_are(self) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.warn("recorded", stacklevel=1)
        self.assertEqual(len(caught), 1)
        with mock.patch("sys.stderr", io.StringIO()) as stream:
            warnings.warn("to another stream", stacklevel=1)
        self.assertIn("to another stream", stream.getvalue())
        self.assertEqual(self.sent(), [])


class ShownTests(unittest.TestCase):
    def test_each_location_is_shown_until_the_filters_change(self) -> None:
        shown = ShownWarnings()
        calls = [("a", False), ("a", False), ("b", False), ("a", True), ("b", False), (None, False),
                 (None, False)]  # fmt: skip
        found = [shown.show(*call) for call in calls]
        self.assertEqual(found, [True, False, True, True, True, True, True])


if __name__ == "__main__":
    unittest.main()
