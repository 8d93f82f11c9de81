"""Callbacks: what each receives, and that a failing one stops nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import tempfiles
from tempfiles import ContextRecord, ContextReport, RunReport, Summary
from tempfiles.registry import callbacks
from tests.support.isolation import IsolatedTestCase


class CallbackTests(IsolatedTestCase):
    def listen(self, register: Any, callback: Any) -> None:
        self.assertIs(register(callback), callback)
        self.addCleanup(tempfiles.remove_callback, callback)

    def test_callback_receives_a_frozen_record(self) -> None:
        heard: list[Any] = []
        self.listen(tempfiles.on_context_open, heard.append)
        self.listen(tempfiles.on_context_close, heard.append)
        with tempfiles.context("A"), tempfiles.context("B"):
            tempfiles.create_with_content("12345")
        opened_a, opened_b, closed_b, closed_a = heard
        self.assertEqual(opened_b, ContextRecord("B", "context", "A"))
        self.assertEqual(opened_a.id, "A")
        self.assertIsInstance(closed_b, ContextReport)
        self.assertEqual((closed_b.id, closed_b.registered, closed_b.bytes_made), ("B", 1, 5))
        self.assertEqual((closed_b.removal.files, closed_b.removal.bytes), (1, 5))
        self.assertEqual(closed_a.removal.removed, 0)
        with self.assertRaises(dataclasses.FrozenInstanceError):
            opened_a.id = "x"

    def test_exception_in_callback_is_logged_and_stops_nothing(self) -> None:
        heard: list[object] = []

        def broken(_: object) -> None:
            raise RuntimeError("mine")

        for register in (tempfiles.on_context_open, tempfiles.on_context_close):
            self.listen(register, broken)
            self.listen(register, heard.append)
        with self.assertLogs("tempfiles", "ERROR") as logs, tempfiles.context("A"):
            path = tempfiles.create_with_content("")
        self.assertEqual(len(heard), 2)
        self.assertEqual(len(logs.records), 2)
        self.assertIn("mine", logs.output[0])
        self.assertFalse(path.exists())

    def test_removed_callback_is_not_called(self) -> None:
        heard: list[object] = []
        self.listen(tempfiles.on_context_open, heard.append)
        tempfiles.remove_callback(heard.append)  # another bound method, equal to the first
        tempfiles.remove_callback(print)
        with tempfiles.context("A"):
            pass
        self.assertEqual(heard, [])

    def test_run_callback_receives_the_report(self) -> None:
        heard: list[RunReport] = []
        self.listen(tempfiles.on_run_close, heard.append)
        report = RunReport(Summary(tests=3))
        callbacks.run_closed(report)
        self.assertEqual(heard, [report])

    def test_registration_works_as_decorator(self) -> None:
        heard: list[str] = []

        @tempfiles.on_context_close
        def closed(report: ContextReport) -> None:
            heard.append(report.id)

        self.addCleanup(tempfiles.remove_callback, closed)
        with tempfiles.context("A"):
            pass
        self.assertEqual(heard, ["A"])

    def test_registration_refuses_what_is_not_callable(self) -> None:
        with self.assertRaises(TypeError):
            tempfiles.on_context_open("print")  # type: ignore[type-var]
