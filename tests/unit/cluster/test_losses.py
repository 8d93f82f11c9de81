"""What runs again where a machine was lost, and what is given up."""

from __future__ import annotations

import json
import unittest
from typing import Any

from runner.cluster.adopted import attempt, translated, with_machine
from runner.cluster.losses import Losses
from runner.cluster.machines import Machine
from runner.remote.messages import Note
from runner.scheduling.plan import Unit


class Plain(unittest.TestCase):
    def test_1(self) -> None: pass
    def test_2(self) -> None: pass
    def test_3(self) -> None: pass


class Fixed(Plain):
    @classmethod
    def setUpClass(cls) -> None: pass


class Handler:
    """Keeps what it is fed."""

    stops = False

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def feed(self, unit: int, source: Any, lines: list[bytes]) -> None:
        self.lines += lines

    def feed_outside(self, source: Any, lines: list[bytes]) -> None:
        raise AssertionError

    def finish_unit(self, unit: int) -> None:
        raise AssertionError

    def advance(self) -> None:
        raise AssertionError

    @property
    def failed(self) -> list[str]:
        """The ids of the tests that were given up."""
        return [json.loads(line[1:])[2] for line in self.lines if line[:1] == b"a"]


def machine(name: str, units: list[Unit], running: int | None = None) -> Machine:
    found = Machine(0, name)
    found.begin("token", units)
    if running is not None:
        found.hear(Note("token", [running], [*range(running + 1)]))
    return found


class LossTests(unittest.TestCase):
    def setUp(self) -> None:
        self.handler = Handler()
        self.unit = Unit(0, "m.Plain", range(3))

    def losses(self, kind: type[unittest.TestCase] = Plain) -> Losses:
        self.tests = [*unittest.defaultTestLoader.loadTestsFromTestCase(kind)]
        return Losses(self.tests, self.handler)

    def lose(
        self, losses: Losses, unit: Unit, name: str, running: int | None = None
    ) -> Unit | None:
        lost = machine(name, [unit], running)
        return losses.lost(unit, lost, lost.started)

    def test_second_loss_has_the_unit_run_test_by_test(self) -> None:
        losses = self.losses()
        self.assertEqual(losses.part_of(self.unit), self.unit)
        self.assertEqual(self.lose(losses, self.unit, "a", 1), self.unit)
        self.assertEqual(losses.part_of(self.unit), self.unit)
        self.assertEqual(self.lose(losses, self.unit, "b"), self.unit)
        part = losses.part_of(self.unit)
        self.assertEqual((part.tests, losses.rest_of(part)), (range(1), range(1, 3)))
        self.assertEqual(dict(losses.again), {0: ["a"], 1: ["a"]})

    def test_third_loss_gives_up_the_test_and_goes_on(self) -> None:
        losses = self.losses()
        for name in "ab":
            self.lose(losses, self.unit, name)
        part = losses.part_of(self.unit)
        self.assertIsNone(self.lose(losses, part, "c"))
        self.assertEqual(self.handler.failed, [self.tests[0].id()])
        self.assertEqual(losses.rest_of(part), range(1, 3))

    def test_test_that_ran_in_a_class_with_fixtures_is_given_up(self) -> None:
        losses = self.losses(Fixed)
        for name in "ab":
            self.lose(losses, self.unit, name, 1)
        self.assertEqual(losses.part_of(self.unit), self.unit)
        before = self.lose(losses, self.unit, "c", 1)
        assert before is not None
        self.assertEqual((before.tests, self.handler.failed), (range(1), []))
        self.assertEqual(losses.rest_of(before), range(2, 3))
        self.assertEqual(self.handler.failed, [self.tests[1].id()])

    def test_whole_class_is_given_up_where_no_test_is_known(self) -> None:
        losses = self.losses(Fixed)
        for name in "ab":
            self.lose(losses, self.unit, name)
        self.assertIsNone(self.lose(losses, self.unit, "c"))
        self.assertEqual(self.handler.failed, [test.id() for test in self.tests])


class EventTests(unittest.TestCase):
    def test_each_test_names_its_machine_and_its_attempt(self) -> None:
        lines = with_machine([b"s0 1.0", b"p1.1 0", b"s1 1.2"], "m", {1: ["a", "b"]})
        self.assertEqual([*lines], [
            b"s0 1.0", b'm"m"', b"p1.1 0", b"s1 1.2", b'm"m, attempt 3: machines a, b lost"',
        ])  # fmt: skip
        self.assertEqual(attempt(["a"]), ", attempt 2: machine a lost")

    def test_paths_of_the_machine_become_those_of_the_parent(self) -> None:
        line = b'a[0, "in /there/\\u00e9/x.py"]'
        moved = {"/there/\u00e9": "/here", "/same": "/same"}
        self.assertEqual(translated(line, moved), b'a[0, "in /here/x.py"]')


if __name__ == "__main__":
    unittest.main()
