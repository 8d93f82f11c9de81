"""Records as dictionaries: a round trip through JSON loses nothing."""

from __future__ import annotations

import json
import os
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from tempfiles import ContextReport, Leak, RunReport, Summary
from tempfiles.records import Child, Finding, Modification, Origin, Rescued, Unattributed
from tempfiles.reports import RemovalFailure, RemovalReport

TEXT = st.text(max_size=8) | st.binary(max_size=4).map(os.fsdecode)
TYPES = st.sampled_from(["file", "directory", "symlink", "fifo", "socket", "other"])


def some(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


ORIGINS = st.builds(Origin, TEXT, st.integers(), TEXT, TEXT, some(TEXT))
CHILDREN = st.builds(Child, TEXT, st.none() | ORIGINS, st.floats(allow_nan=False))
LEAKS = st.builds(
    Leak, TEXT, TYPES, st.integers(), st.integers(), TEXT, TEXT, st.none() | ORIGINS,
    subtest=st.none() | TEXT, never_closed=st.booleans(), open_by=some(TEXT),
    children=some(CHILDREN), rescued=some(TEXT), reason=TEXT,
    since=st.floats(0, 1e10), written_by=some(TEXT),
)  # fmt: skip
FAILURES = st.builds(RemovalFailure, TEXT, TEXT, st.none() | st.integers())
MODIFICATIONS = st.builds(
    Modification, TEXT, st.sampled_from(["changed", "deleted"]), TEXT, TEXT, some(TEXT)
)
CONTEXTS = st.builds(
    ContextReport, TEXT, TEXT, st.integers(), leaks=some(LEAKS), modifications=some(MODIFICATIONS),
    removal=st.builds(RemovalReport, st.integers(), failed=some(FAILURES)),
)  # fmt: skip
RUNS = st.builds(
    RunReport, st.builds(Summary, *[st.integers(0, 99)] * 7), some(LEAKS),
    some(st.builds(Unattributed, TEXT, TYPES, st.integers(), some(CHILDREN))),
    some(MODIFICATIONS), some(LEAKS), some(FAILURES), some(st.builds(Rescued, TEXT, TEXT, TEXT)),
    some(st.builds(Finding, TEXT, TEXT, TEXT, TEXT, st.none() | ORIGINS)),
)  # fmt: skip


class RoundTripTests(unittest.TestCase):
    @given(LEAKS | CONTEXTS | RUNS)
    @settings(max_examples=60, deadline=None)
    def test_a_round_trip_through_json_loses_nothing(
        self, record: Leak | ContextReport | RunReport
    ) -> None:
        text = json.dumps(record.to_dict())
        self.assertEqual(type(record).from_dict(json.loads(text)), record)

    def test_unknown_keys_are_ignored_and_defaults_apply(self) -> None:
        report = ContextReport.from_dict({"id": "a", "scope": "test", "new": 1})
        self.assertEqual(report, ContextReport("a", "test"))

    def test_missing_and_wrong_fields_are_refused(self) -> None:
        for content in ({"id": "a"}, {"id": 1, "scope": "x"}, {"id": "a", "scope": "x", "leaks": 1},
                        {"id": "a", "scope": "x", "leaks": [3]}):
            with self.subTest(content), self.assertRaises(ValueError):
                ContextReport.from_dict(content)


class MergeTests(unittest.TestCase):
    LEAK = Leak("/tmp/x", "file", 3, 1, "a", "test")

    def test_totals_are_added_up(self) -> None:
        one = RunReport(Summary(2, 3, 1, 1, 1, 3, 1), (self.LEAK,))
        self.assertEqual(
            one.merge(one), RunReport(Summary(4, 6, 2, 2, 2, 6, 1), (self.LEAK, self.LEAK))
        )

    def test_a_leak_of_one_is_not_unattributed_in_another(self) -> None:
        found = Unattributed("/tmp/x", "file", 3), Unattributed("/tmp/y", "file", 3)
        other = RunReport(Summary(), unattributed=found)
        merged = other.merge(RunReport(Summary(), (self.LEAK,)), other)
        self.assertEqual(merged.unattributed, found[1:])

    @given(RUNS, RUNS, RUNS)
    @settings(max_examples=20, deadline=None)
    def test_the_order_of_merging_does_not_matter(
        self, one: RunReport, two: RunReport, three: RunReport
    ) -> None:
        self.assertEqual(one.merge(two, three).summary, one.merge(two).merge(three).summary)
        self.assertEqual(one.merge(two, three).leaks, one.merge(two).merge(three).leaks)
