"""The lists of methods that a run calls for each event."""

from __future__ import annotations

import unittest

from runner.session.listener import Events, Listener
from runner.session.outcomes import Outcome
from tempfiles import ContextReport


class OnlyOutcomes(Listener):
    def __init__(self) -> None:
        self.statuses: list[str] = []

    def outcome(self, outcome: Outcome) -> None:
        self.statuses.append(outcome.status)


class DrawsItself(Listener):
    replaces_dots = True


class EventsTests(unittest.TestCase):
    def test_only_methods_that_a_class_defines_are_called(self) -> None:
        listener = OnlyOutcomes()
        events = Events([listener, DrawsItself()])
        self.assertEqual(events.outcome, [listener.outcome])
        defined = {name for name, calls in vars(events).items() if calls}
        self.assertEqual(defined, {"outcome", "replaces_dots"})

    def test_every_method_of_a_listener_is_an_event(self) -> None:
        names = {name for name in vars(Listener) if not name.startswith("_")}
        self.assertEqual(names, vars(Events()).keys())

    def test_the_printer_is_called_first_while_its_block_runs(self) -> None:
        called: list[str] = []

        class Last(Listener):
            def context_closed(self, report: ContextReport, new: ContextReport) -> None:
                called.append("listener")

        def printer(report: ContextReport, new: ContextReport) -> None:
            called.append("printer")

        events = Events([Last()])
        report = ContextReport("a", "test")
        with events.closing_contexts_to(printer):
            for notify in events.context_closed:
                notify(report, report)
        self.assertEqual(called, ["printer", "listener"])
        self.assertEqual(len(events.context_closed), 1)
