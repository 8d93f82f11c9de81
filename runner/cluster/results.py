"""Take the results of chunks: feed their events, keep their files, note which units are over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..pool.source import EventHandler
from ..remote.messages import ChunkResult, MachinePlan, WorkerOutput
from ..scheduling.plan import Unit
from ..scheduling.schedule import Schedule
from ..workers import events
from ..workers.worker import Job
from .adopted import AdoptedWorker, translated, unpack_kept, with_machine
from .losses import Losses
from .machines import Machine


class Offer(NamedTuple):
    """What the cluster is to run, and how.

    Attributes:
        job: the tests, and what belongs to the run.
        units: all units.
        plan: what each machine needs.
        known: how long units will take, in seconds, by their number.
        wait: how many seconds to wait for machines at most.
        names_machines: whether each test is to name its machine.
        say: prints a line for the user.
    """

    job: Job
    units: Sequence[Unit]
    plan: MachinePlan
    known: dict[int, float]
    wait: float
    names_machines: bool
    say: Callable[[str], None]


class Results:
    """The results of the machines.

    Args:
        offer: what the cluster runs.
        schedule: learns which units are over.
        handler: takes the events.

    Attributes:
        ended: the local workers of the machines, with their last events.
        failures: what went wrong at the end of workers, in words.
        losses: the units that have lost machines.
    """

    def __init__(self, offer: Offer, schedule: Schedule, handler: EventHandler) -> None:
        self._offer = offer
        self._schedule = schedule
        self._handler = handler
        self._files = 0
        self.ended: list[AdoptedWorker] = []
        self.failures: list[str] = []
        self.losses = Losses(offer.job.tests, handler)

    def take(self, machine: Machine, result: ChunkResult) -> None:
        """Take the result of a machine's chunk, which may stop the run."""
        units = {unit.number: unit for unit in machine.take_units()}
        offer = self._offer
        stops = [units[number].tests.start for number, _, lines in result.feeds
                 if number is not None and events.STOP.encode() in lines]  # fmt: skip
        if stops or result.stopped:
            self._schedule.stop_from(min(stops, default=0))
        workers = [self._adopted(machine, worker, result.moved) for worker in result.workers]
        for number, place, lines in result.feeds:
            lines = [translated(line, result.moved) for line in lines]
            if offer.names_machines:
                lines = [*with_machine(lines, machine.name, self.losses.again)]
            if number is None:
                self._handler.feed_outside(workers[place].source, lines)
            else:
                self._handler.feed(number, workers[place].source, lines)
        components = offer.job.components
        base = components.settings.keep_dir or offer.plan.temp
        unpack_kept(result, base, offer.plan.kept)
        self.failures += [f"machine {machine.name}: {text}" for text in result.failures]
        self._finish_units(units, result)

    def _finish_units(self, units: dict[int, Unit], result: ChunkResult) -> None:
        seconds: dict[int, float] = defaultdict(float)
        for number, each in result.finished:
            seconds[number] += each
        for number, unit in units.items():
            if number in seconds:
                self.go_on(unit, seconds[number])
            else:
                self._schedule.give_back([unit])

    def go_on(self, unit: Unit, seconds: float) -> None:
        """Run the rest of a unit that runs in parts, or note that it is over."""
        rest = self.losses.rest_of(unit)
        if rest:
            self._schedule.give_back([replace(unit, tests=rest)])
        else:
            self._schedule.done(unit, seconds)
            self._handler.finish_unit(unit.number)

    def _adopted(
        self, machine: Machine, result: WorkerOutput, moved: dict[str, str]
    ) -> AdoptedWorker:
        self._files += 1
        number = machine.first_worker + result.number
        root = self._offer.job.run.root.path
        worker = AdoptedWorker(result, number, root, self._files, moved)
        self.ended.append(worker)
        return worker
