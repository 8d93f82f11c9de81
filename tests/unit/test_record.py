"""Records: what a named tuple would give, without the time that defining one takes."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import unittest

from tempfiles.record import Record


class Point(Record):
    """A record of the tests."""

    x: int
    y: int = 2


class Records(unittest.TestCase):
    def test_fields_are_given_by_place_by_name_or_by_default(self) -> None:
        self.assertEqual((Point(1).x, Point(1).y), (1, 2))
        self.assertEqual(Point(1, y=3), Point(1, 3))
        self.assertEqual(Point(y=3, x=1)._asdict(), {"x": 1, "y": 3})
        self.assertEqual(repr(Point(1)), "Point(x=1, y=2)")

    def test_what_is_missing_unknown_or_given_twice_is_refused(self) -> None:
        for values, named in (((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((1,), {"x": 1})):
            with self.subTest(values=values, named=named), self.assertRaises(TypeError):
                Point(*values, **named)

    def test_its_signature_tells_the_fields_and_costs_nothing_before_it_is_asked_for(self) -> None:
        self.assertEqual(str(inspect.signature(Point)), "(x: 'int', y: 'int' = 2)")
        asked = "import sys, tempfiles.reports; print('inspect' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
        self.assertEqual(done.stdout, "False\n", done.stderr)

    def test_equality_and_hash_go_by_the_fields(self) -> None:
        self.assertEqual(len({Point(1), Point(1, 2), Point(2)}), 2)
        self.assertNotEqual(Point(1), (1, 2))

    def test_a_record_cannot_be_changed(self) -> None:
        point = Point(1)
        with self.assertRaises(AttributeError):
            point.x = 2  # type: ignore[misc]
        with self.assertRaises(AttributeError):
            del point.x
        self.assertEqual(point._replace(x=5), Point(5))
        self.assertEqual(point, Point(1))

    def test_a_record_can_be_sent_to_another_process(self) -> None:
        self.assertEqual(pickle.loads(pickle.dumps(Point(1, 7))), Point(1, 7))
        self.assertEqual(copy.deepcopy(Point(1, 7)), Point(1, 7))
