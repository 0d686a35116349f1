"""Histories of two instances in which it matters what a heartbeat says: one dies, and the other goes by its mark.

A mark speaks of packs. So jobs fire often and seldom change, and schedulers live long enough to arm a minute ahead.
"""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.history import STORMY_MS, History
from tests.support.memory_stack import every
from tests.support.stall import Stall
from tidewheel.domain.jobs.job import Definition
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import SECOND_MS, SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.engine.scheduler.loop import SchedulerLoop

_TAKEN_OVER_MS = 15 * SECOND_MS
"""How long (ms) the other one has to see that the first is dead, and to go on with its shards."""


class Marked(History):
    """Users are few, writes are mostly quick, no store stalls and no route is missing: nearly every beat has a mark."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users, self.rate, self.stall_rate, self.executor.slow = 0.005, 0.0, 0.0, (0.02, WRITE_BOUND_MS)
        self.fleet.instances, self.missing_rate = 2, 0.0

    def _storm(self) -> None:
        while self.stack.clock.now_ms() < self.start_ms + STORMY_MS:
            first, second = (self.fleet.start(instance, skew_ms=self._skew_ms()) for instance in range(2))
            self._until_the_first_dies()
            self._die(first)
            self._run(_TAKEN_OVER_MS)
            self._until_the_second_dies()
            self._die(second)
            self.executor.processes_died()
            self._outage()

    def _skew_ms(self) -> int:
        return self.rng.randrange(-SKEW_MS // 2, SKEW_MS // 2 + 1)

    def _die(self, number: int) -> None:
        if number in self.fleet.running:  # else it could not renew its heartbeat
            self.fleet.kill(number)

    def _until_the_first_dies(self) -> None:
        self._run(self.rng.choice([20, 40, 60]) * SECOND_MS)

    def _until_the_second_dies(self) -> None:
        """It dies as soon as it has taken over."""

    def _outage(self) -> None:
        """Others follow at once."""

    def _schedule(self, now: int) -> Schedule:
        return Schedule(every(self.rng.choice([1, 2, 7]) * SECOND_MS, now), None, self.end_ms)


class CutOff(Marked):
    """For its last seconds a scheduler reaches no queue: it dies while much is on its way."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.cut = Stall(self.stack.clock)

    def _outfit(self, scheduler_loop: SchedulerLoop) -> SchedulerLoop:
        outfitted = super()._outfit(scheduler_loop)
        return replace(outfitted, queue=self.cut.of(outfitted.queue))

    def _until_the_first_dies(self) -> None:
        super()._until_the_first_dies()
        self.cut.begin(6 * SECOND_MS)
        self._run(6 * SECOND_MS)


class Unaccounted(Marked):
    """After an outage all that was missed is skipped, and a scheduler dies before the ledger has taken any of it.

    Before the outage the ledger takes rows: else what a job was created with would rest in the late slot for ever, be
    planned anew by every owner, and stand for whatever a mark conceals.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.row_rate = 0.0
        self.ledger = Stall(self.stack.clock)

    def _outfit(self, scheduler_loop: SchedulerLoop) -> SchedulerLoop:
        outfitted = super()._outfit(scheduler_loop)
        stores = outfitted.stores
        return replace(outfitted, stores=replace(stores, executions=self.ledger.of(stores.executions)))

    def _until_the_first_dies(self) -> None:
        self._run(15 * SECOND_MS)

    def _until_the_second_dies(self) -> None:
        self._run(self.rng.choice([20, 40]) * SECOND_MS)

    def _outage(self) -> None:
        self._run(self.rng.choice([20, 60]) * SECOND_MS)
        self.ledger.begin(15 * SECOND_MS + _TAKEN_OVER_MS)

    def _builder(self, id: str, now: int, existing: Definition | None) -> Definition:
        return replace(super()._builder(id, now, existing), misfire=Misfire(Policy.SKIP, SECOND_MS, 1))
