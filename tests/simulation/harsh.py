"""Histories with more faults than usual: each kind makes one thing frequent that is rare in the others."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.faults import SLOW_BUT_ALIVE, HeldUpClock, HoldUp
from tests.simulation.history import STORMY_MS, History
from tests.support.memory_stack import TENANT
from tidewheel.domain.errors import NotFound
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.job import Definition
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS, SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.wheel.levels import LATE_EVERY_MS, MINUTES
from tidewheel.ports import Call


class Harsh(History):
    """Busy users, nearly always slow writes, and schedulers that live long enough to retire slots of late writes."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users, self.executor.slow, self.lives_ms = 0.04, SLOW_BUT_ALIVE, [50_000, 100_000]


class Rush(Harsh):
    """Users act only in the seconds before a minute is loaded, so that entries are armed at the last moment."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users = 0.6

    def _act(self) -> None:
        if MINUTES.slot_ms - MINUTES.lead_ms - 2_000 <= self.stack.clock.now_ms() % MINUTES.slot_ms < 50_000:
            super()._act()


class Brittle(Harsh):
    """All schedulers die again and again, before they have finished what they began."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users, self.lives_ms = 0.08, [9_000, 15_000]

    def _strike(self) -> None:
        for number in self.fleet.running:
            self.fleet.kill(number)
        self.executor.processes_died()


class Doomed(Brittle):
    """Users act while only the next minute's owner may still put into it; then that owner dies."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users = 0.6

    def _act(self) -> None:
        now = self.stack.clock.now_ms()
        start = MINUTES.start_of(now) + MINUTES.slot_ms
        if MINUTES.open_until(start) <= now < start - MINUTES.lead_ms:
            super()._act()


class Outages(Brittle):
    """After a crash nobody runs for a minute; the next schedulers die while they slowly account for what was missed."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.row_rate = 0.8

    def _strike(self) -> None:
        super()._strike()
        if self.rng.random() < 0.6:
            self._run(self.rng.choice([20_000, 70_000]))


class Retouch(Harsh):
    """Users edit jobs but not their schedules, while a minute is loaded and the next entries are being armed."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users = 0.4

    def _act(self) -> None:
        if self.stack.clock.now_ms() % MINUTES.slot_ms < MINUTES.slot_ms - MINUTES.lead_ms:
            return
        try:
            self._edited(self._api().jobs.edit(TENANT, self.rng.choice(self.ids), _retouched))
        except NotFound:
            return


def _retouched(_id: str, _now: int, existing: Definition | None) -> Definition:
    assert existing is not None
    return replace(existing, timeout_ms=3 * SECOND_MS - existing.timeout_ms)


_AHEAD_MS = SKEW_MS // 2
"""How far the clock of a scheduler is ahead that wakes beside another one. They read the late slot half a second apart,
so that only one of them finds what the other has armed and removed by then."""


class Undead(Harsh):
    """A frozen scheduler wakes beside the one that took over, whose clock is slower; that one dies, and none follows.

    Shortly before a minute is loaded users create jobs that only the one with the slower clock still arms into it.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users, self.rate, self.executor.slow = 0.2, 0.0, (0.0, WRITE_BOUND_MS)

    def _storm(self) -> None:
        while self.stack.clock.now_ms() < self.start_ms + STORMY_MS:
            self._until_second(10)
            first = self.fleet.start(0, skew_ms=_AHEAD_MS)
            self._until_second(20)
            self.fleet.suspend(first, 8 * SECOND_MS)
            second = self.fleet.start(0, skew_ms=_AHEAD_MS - SKEW_MS + LATE_EVERY_MS // 2)
            self._until_second(52)
            self.fleet.kill(second)
            self._run(MINUTE_MS + 12 * SECOND_MS)
            for number in self.fleet.running:
                self.fleet.kill(number)

    def _until_second(self, second: int) -> None:
        now = self.stack.clock.now_ms()
        self._run((second * SECOND_MS - now) % MINUTE_MS)

    def _act(self) -> None:
        if 47 * SECOND_MS <= self.stack.clock.now_ms() % MINUTE_MS < 51 * SECOND_MS:
            self._create()

    def _schedule(self, now: int) -> Schedule:
        minute = MINUTES.start_of(now) + MINUTE_MS
        timing = self.rng.choice([Cron("* * * * *", "Europe/Paris"), At(minute + self.rng.randrange(0, 4 * SECOND_MS))])
        return Schedule(timing, None, self.end_ms)


class Sluggish(Harsh):
    """Users' writes take longer than any write may, though not so long that their slot is over."""

    def _hold_up(self) -> HoldUp:
        longest = WRITE_BOUND_MS + 2 * SKEW_MS + SECOND_MS // 2
        clock = HeldUpClock(self.stack.clock, self.rng.randrange(WRITE_BOUND_MS + SKEW_MS, longest))
        return HoldUp(clock, self.holds.randrange(2), under_way=True)


class Torpid(Harsh):
    """Whatever serves the users freezes for 20 s and more at nearly every request, before its write or during it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.freeze_rate, self.users = 0.9, 0.06


class Unrouted(History):
    """Routes are missing often; in other histories so seldom that twenty of them may meet none."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.missing_rate = 0.02


class Forsaken(History):
    """Nobody starts a scheduler but once at the beginning; all stores stall for everybody again and again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.stall_rate, self.settling_ms, self._started = 0.5, 15 * SECOND_MS, False

    def _fill_instances(self, probability: float, most: int = 3) -> None:
        if not self._started:
            self._started = True
            super()._fill_instances(1.0, most)

    def _strike(self) -> None:
        """Schedulers neither die nor freeze."""

    def _storm(self) -> None:
        self._fill_instances(1.0)
        while self.stack.clock.now_ms() < self.start_ms + STORMY_MS:
            self._run(self.rng.choice(self.lives_ms))
            self._stall()


class Contended(History):
    """No job lets its runs overlap, and targets fail often."""

    def _builder(self, id: str, now: int, existing: Definition | None) -> Definition:
        builder = super()._builder(id, now, existing)
        overlap = self.overlaps.choice([policy for policy in Overlap if policy is not Overlap.ALLOW])
        self.policies[id] = (self.policies[id] - {builder.overlap}) | {overlap}
        return replace(builder, overlap=overlap)

    def _answer(self, call: Call) -> Answer:
        if self.faults.strikes("target failed", 0.3):
            return Answer(Result.FAILED, 500, "", "HTTP 500")
        return super()._answer(call)
