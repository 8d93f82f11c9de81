"""Hand out chunks to the machines of a cluster, and take what they bring, as `pool.Pool` does.

The parent keeps one chunk out for each machine. What a machine was running when it was lost runs
once more elsewhere: each unit by itself, then test by test; what loses a third machine is given up.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import zlib
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import filterfalse
from time import monotonic, perf_counter

from tempfiles import format_count

from ..engines.engine import Engine
from ..errors import UsageError
from ..pool.source import EventHandler
from ..remote.messages import (
    Answer,
    Call,
    Chunk,
    ChunkResult,
    EngineError,
    PlannedUnit,
)
from ..remote.versions import OURS, differing
from ..scheduling.schedule import Schedule
from ..unittest_api import test_id
from .adopted import AdoptedWorker
from .machines import Machine
from .results import Offer, Results

_TICK = 0.05
"""Seconds after which the parent looks around, if no answer comes."""
_LOOK = 0.2
"""Seconds between two looks at the list of machines."""
_PATIENCE = 1.5
"""Seconds without a machine after which a line says so."""
_SILENCE = 45.0
"""Seconds without a note after which a machine is lost. A note comes every 5 s; TCP repeats what a
cut link of 20 s has lost after 26 s."""
_END = 25.0
"""Seconds that machines have to end their part of the run."""


class Cluster:
    """The machines of one run, with the interface of `pool.Pool`.

    Args:
        offer: what to run.
        schedule: decides which units run next.
        engine: brings calls to machines.
        handler: takes the events.

    Attributes:
        is_closed: whether nothing of the local workers is left.
    """

    def __init__(
        self, offer: Offer, schedule: Schedule, engine: Engine, handler: EventHandler
    ) -> None:
        self._offer = offer
        self._schedule = schedule
        self._engine = engine
        self._handler = handler
        self._results = Results(offer, schedule, handler)
        self._machines: dict[str, Machine] = {}
        self._refused: dict[str, str] = {}  # why, by address
        self._lost: set[str] = set()  # those that are still listed
        self._trouble = ""
        self._answers: queue.SimpleQueue[tuple[Machine, Future[Answer]]] = queue.SimpleQueue()
        self._numbers = self._workers = 0
        self._looked = 0.0
        self._alone_since: float | None = None
        self._has_told = self._is_broken_off = False
        self.is_closed = False

    @property
    def ended(self) -> Sequence[AdoptedWorker]:
        """The local workers of the machines, with their last events."""
        return self._results.ended

    @property
    def failures(self) -> Sequence[str]:
        """What went wrong at the end of workers, in words."""
        return self._results.failures

    def run(self) -> None:
        """Run all units.

        Raises:
            UsageError: there is no machine, or none for too long.
            KeyboardInterrupt: ^C or SIGTERM came.
        """
        try:
            while not self._is_over:
                self._look_around()
                self._give_work()
                self._take_answers()
                self._handler.advance()
                if self._handler.stops:
                    self.stop_from(0)
            if self._schedule.is_stopped:
                self._finish_units()
        except BaseException:
            self._is_broken_off = True
            self._finish_units()
            raise

    @property
    def _is_over(self) -> bool:
        return self._handler.stops or self._schedule.is_over

    def stop_from(self, place: int) -> None:
        """Run nothing more from a place of the suite on."""
        self._schedule.stop_from(place)

    def _finish_units(self) -> None:
        for unit in self._offer.units:
            self._handler.finish_unit(unit.number)  # what has run is reported
        self._handler.advance()

    def finish(self) -> None:
        """End the run on all machines, and let go of the engine."""
        for machine in self._machines.values():
            if machine.future is not None:
                self._engine.cancel(machine.address, machine.future)
        if self._engine.is_pinned:
            self._end_machines()
        self._engine.close()

    def _end_machines(self) -> None:
        waiting = 0
        for machine in self._machines.values():
            if machine.cores or machine.future is not None:  # also while it imports the tests
                self._call(machine, Call(self._offer.plan.run, None, None, True, ""))
                waiting += 1
        deadline = monotonic() + (2.0 if self._is_broken_off else _END)
        while waiting and (left := deadline - monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                machine, future = self._answers.get(timeout=left)
                waiting -= machine.future is future

    def names_running(self) -> str:
        """Return the ids of the tests under way, as far as machines have said."""
        machines = list(self._machines.values())
        places = [place for machine in machines for place in machine.running]
        return ", ".join(test_id(self._offer.job.tests[place]) for place in places)

    def remove_files(self) -> None:
        """Remove what was written for the workers, so that the run root is as without them."""
        self.is_closed = True
        for worker in self.ended:
            for path in {*worker.paths}:
                with contextlib.suppress(OSError):
                    os.unlink(path)

    def _look_around(self) -> None:
        now = monotonic()
        notes = self._engine.notes()
        for note in notes or ():
            for machine in self._machines.values():
                machine.hear(note)
        if now - self._looked < _LOOK:
            return
        self._looked = now
        addresses: set[str] = set()
        self._trouble = f"{self._engine.name} has no worker"
        try:
            addresses.update(self._engine.machines())
        except EngineError as error:
            self._trouble = str(error)
        self._refused = {a: why for a, why in self._refused.items() if a in addresses}
        self._lost &= addresses
        for machine in list(self._machines.values()):
            if machine.address not in addresses:
                self._lose(machine, "lost")
            elif notes is not None and machine.future and now - machine.heard > _SILENCE:
                self._lost.add(machine.address)
                self._lose(machine, f"silent for {_SILENCE:.0f} s")
        for address in sorted(addresses - {*self._machines, *self._refused, *self._lost}):
            self._machines[address] = Machine(self._numbers, address)
            self._numbers += 1
        self._watch_number(now)

    def _watch_number(self, now: float) -> None:
        """Wait for machines where there is none, but not for ever."""
        if self._machines:
            self._alone_since, self._has_told = None, False
            return
        if self._refused and not self.ended:
            raise UsageError(f"--workers: {next(iter(self._refused.values()))}")
        wait = self._offer.wait
        if self._alone_since is None:
            self._alone_since = now
        alone = now - self._alone_since
        if alone > min(wait, _PATIENCE) and not self._has_told:
            self._has_told = True
            self._offer.say(f"{self._trouble}: waiting up to {wait:g} s")
        if alone > wait:
            done = sum(len(unit.tests) for unit, _ in self._schedule.finished)
            total = len(self._offer.job.tests)
            raise UsageError(
                f"--workers: {self._trouble}, for {wait:g} s; {done:,} of {total:,} tests ran"
            )

    def _lose(self, machine: Machine, how: str, *, is_gone: bool = True) -> None:
        """Have what a machine was running run elsewhere, and forget the machine if it is gone."""
        if machine.future is not None:
            self._engine.cancel(machine.address, machine.future)
        started = machine.started
        taken = machine.take_units()
        units = [*filterfalse(self._schedule.leaves_out, taken)]
        self._schedule.give_back(filter(self._schedule.leaves_out, taken))
        if is_gone:
            del self._machines[machine.address]
            self._change_workers(-machine.cores)
        if units:
            again = [self._results.losses.lost(unit, machine, started) for unit in units]
            tests = format_count(sum(len(unit.tests) for unit in again if unit), "test")
            what = f"{tests} run again elsewhere" if any(again) else "its tests are given up"
            self._offer.say(f"machine {machine.name} {how}: {what}")
            for unit, rest in zip(units, again, strict=True):
                self._results.go_on(unit, 0.0) if rest is None else self._schedule.give_back([rest])
        elif is_gone and machine.cores and not self._schedule.is_stopped:
            self._offer.say(f"machine {machine.name} {how}")

    def _change_workers(self, cores: int) -> None:
        self._workers += cores
        self._schedule.workers = max(self._workers, 2)

    def _give_work(self) -> None:
        for machine in self._machines.values():
            if machine.future is not None:
                continue
            if not machine.cores:
                machine.begin(os.urandom(6).hex(), [])
                plan = self._offer.plan
                ends = not self._engine.is_pinned
                self._call(machine, Call(plan.run, plan, None, ends, machine.token))
            else:
                self._send_chunk(machine)

    def _send_chunk(self, machine: Machine) -> None:
        units = self._schedule.take(machine.number, cores=machine.cores)
        if not units:
            return
        machine.begin(os.urandom(6).hex(), [self._results.losses.part_of(unit) for unit in units])
        known = self._offer.known
        planned = tuple(
            PlannedUnit(one.number, one.key, one.tests.start, one.tests.stop, known.get(one.number))
            for one in machine.units
        )
        chunk = Chunk(planned, perf_counter(), machine.first_worker)
        is_pinned = self._engine.is_pinned
        plan = None if is_pinned else self._offer.plan
        self._call(
            machine, Call(self._offer.plan.run, plan, chunk, not is_pinned, machine.token)
        )

    def _call(self, machine: Machine, call: Call) -> None:
        try:
            machine.future = future = self._engine.submit(machine.address, call)
        except Exception as error:  # the engine is about to be lost: the next look finds that
            machine.future = future = Future()
            future.set_exception(error)
        future.add_done_callback(lambda done: self._answers.put((machine, done)))

    def _take_answers(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._take(*self._answers.get(timeout=_TICK))
            while True:
                self._take(*self._answers.get_nowait())

    def _take(self, machine: Machine, future: Future[Answer]) -> None:
        if machine.future is not future:
            return  # of a call that was given up: its chunk runs elsewhere
        if future.cancelled():  # the scheduler has lost it
            self._lose(machine, "lost")
            return
        error = future.exception()
        if error is not None and not machine.units:
            self._refuse(machine, f"{type(error).__name__}: {error}".partition("\n")[0])
        elif error is not None:
            self._lose(machine, f"lost ({type(error).__name__})")
        else:
            self._take_answer(machine, future.result())

    def _take_answer(self, machine: Machine, answer: Answer) -> None:
        if answer.refusal:
            self._refuse(machine, answer.refusal)
        elif answer.broke is not None and not machine.units:
            self._refuse(machine, answer.broke)
        elif answer.broke is not None:
            self._lose(machine, f"lost: {answer.broke}", is_gone=False)
            self._unprepare(machine)
        elif machine.units and answer.result:
            self._take_result(machine, pickle.loads(zlib.decompress(answer.result)))
        elif machine.units and answer.facts is None:  # another process has its address
            self._lose(machine, "lost", is_gone=False)
            self._unprepare(machine)
        elif machine.units or answer.facts is None:
            self._schedule.give_back(machine.take_units())
            self._unprepare(machine)
        else:
            self._welcome(machine, answer)

    def _unprepare(self, machine: Machine) -> None:
        self._change_workers(-machine.cores)
        machine.cores, machine.future = 0, None

    def _welcome(self, machine: Machine, answer: Answer) -> None:
        assert answer.facts is not None
        machine.future = None
        ours, theirs = self._offer.plan.versions, answer.facts.versions
        if ours[OURS] != theirs[OURS]:
            self._refuse(machine, f"it has {differing({OURS: ours[OURS]}, theirs)}")
            return
        machine.name = answer.facts.host
        machine.cores = answer.facts.cores
        machine.first_worker = self._workers
        self._change_workers(machine.cores)
        if versions := differing(ours, theirs):
            self._offer.say(f"machine {machine.name} has other versions: {versions}")
        for line in answer.facts.remarks.splitlines():
            self._offer.say(f"machine {machine.name}: {line.removeprefix('tidytest: ')}")

    def _refuse(self, machine: Machine, why: str) -> None:
        """Do without a machine that cannot run the tests."""
        del self._machines[machine.address]
        self._change_workers(-machine.cores)
        line = f"machine {machine.name} cannot run the tests: {why}"
        self._refused[machine.address] = line
        if self._machines or self.ended:
            self._offer.say(line)

    def _take_result(self, machine: Machine, result: ChunkResult) -> None:
        self._results.take(machine, result)
        if result.signal:
            self._handler.advance()
            signal.raise_signal(result.signal)
