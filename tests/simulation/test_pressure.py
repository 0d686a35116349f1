"""Random histories under pressure: the health changes, schedulers are killed and freeze, old reports come late.

Nothing is lost or runs twice, what is not of priority ``low`` is never held back, and once all is well the health is.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, MemoryStack, every
from tidewheel.adapters.memory import MemoryControl
from tidewheel.domain.fleet.health import NOTHING, Health, HealthState, Measured, Signals, Switch
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import MINUTE_MS, PROMOTED_EVERY_MS, SECOND_MS
from tidewheel.ports import PortError

STORMY_MS, CALM_MS = 5 * MINUTE_MS, 3 * MINUTE_MS
AILMENTS = (
    NOTHING,
    NOTHING,
    Signals(throttled=60),
    Signals(throttled=2_000),
    Signals(failed=500),
    Signals(queue_age_ms=7_000, route="lambda-normal"),
    Signals(queue_age_ms=90_000, route="lambda-normal", overdue=30_000),
)
ANOTHER = 2
"""An instance that seems to be alive, turns nothing and reports what a history wants."""


@dataclass
class Pressed(MemoryControl):
    """Keeps the other instance alive, and lets reports fail now and then, before or after they are applied."""

    signals: Signals = NOTHING
    rng: random.Random = field(default_factory=random.Random)
    stored: list[Measured] = field(default_factory=list)
    fails: float = 0.1

    def lease(self, instance=0):
        if instance != ANOTHER:
            return super().lease(instance)
        now = self._leases.get(ANOTHER) or self.take(None, "another", "v1", ANOTHER)
        assert now is not None
        return self.renew(now, signals=self.signals)

    def report(self, measured):
        if self.rng.random() < self.fails:
            raise PortError("health.report", "health", "away")
        done = super().report(measured)
        if done:
            self.stored.append(measured)
        if self.rng.random() < self.fails:
            raise PortError("health.report", "health", "applied, and reported as failed")
        return done


class History:
    """A deployment of two schedulers, its jobs, and what befalls it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.stack = MemoryStack(shards=2)
        self.stack.control = self.control = Pressed(rng=random.Random(f"reports of {seed}"))
        self.stack.layouts = self.stack.fresh_layouts()
        self.fleet = Fleet(self.stack, 3)
        self.end_ms = START_MS + STORMY_MS
        self.jobs = [self._job(number) for number in range(6)]

    def _job(self, number: int) -> Job:
        priority = ("low", "normal", "high")[number % 3]
        interval_ms = self.rng.choice([2, 5, 10]) * SECOND_MS
        misfire = Misfire(Policy.ALL, limit=1_000)
        return self.stack.create(every(interval_ms), priority=priority, misfire=misfire, end=self.end_ms)

    def play(self) -> None:
        while self.stack.clock.now_ms() < self.end_ms:
            self._run(self.rng.choice([3, 10, 25, 40]))
            self._strike()
        self.control.signals, self.control.fails = NOTHING, 0.0
        self.control.switch(None)
        until_ms = self.end_ms + CALM_MS + PROMOTED_EVERY_MS
        while self.stack.clock.now_ms() < until_ms:
            self._run(10)

    def _run(self, seconds: int) -> None:
        """Lets time pass; instances without a scheduler get one before."""
        for instance in (0, 1):
            if not self.fleet.at(instance):
                self.fleet.start(instance)
        self.fleet.run_until(self.stack.clock.now_ms() + seconds * SECOND_MS)

    def _strike(self) -> None:
        what = self.rng.choice(["signals", "signals", "signals", "kill", "freeze", "old report", "switch", "nothing"])
        now_ms = self.stack.clock.now_ms()
        running = self.fleet.running
        match what:
            case "signals":
                self.control.signals = self.rng.choice(AILMENTS)
            case "kill" if running:
                self.fleet.kill(self.rng.choice(running))
            case "freeze" if running:
                self.fleet.suspend(self.rng.choice(running), self.rng.choice([2, 20, 60]) * SECOND_MS)
            case "old report":
                old = Measured(Health(HealthState.READ_ONLY, now_ms), now_ms + MINUTE_MS, 0)
                before, _ = self.control.health()
                if before is not None and before.epoch > 0:
                    assert MemoryControl.report(self.control, old) is False
            case "switch":
                on = self.rng.random() < 0.5
                self.control.switch(Switch("key:1", "upkeep", now_ms) if on else None)

    def called(self, job: Job) -> list[tuple[int, int]]:
        """When, and for which nominal time."""
        return [(at, call.nominal_ms) for at, call in self.stack.caller.calls if call.execution.startswith(job.id)]


@pytest.mark.parametrize("seed", range(12))
def test_under_pressure_nothing_is_lost_or_doubled_and_all_is_well_in_the_end(seed: int) -> None:
    history = History(seed)
    history.play()
    assert max(Counter(history.stack.effects()).values()) == 1
    for job in history.jobs:
        assert job.definition.schedule is not None
        interval_ms = job.definition.schedule.timing.interval_ms  # type: ignore[attr-defined]
        nominal = sorted(at for _, at in history.called(job))
        assert nominal
        assert nominal == list(range(nominal[0], nominal[-1] + 1, interval_ms)), job.definition.priority
        assert nominal[0] <= START_MS + interval_ms
        assert nominal[-1] >= history.end_ms - 2 * interval_ms
    reports_of_one_after_another(history)


def reports_of_one_after_another(history: History) -> None:
    """Whoever holds shard 0 reports, and all is well in the end."""
    stored = history.control.stored
    epochs = [measured.epoch for measured in stored]
    assert epochs == sorted(epochs)
    measured, switch = history.control.health()
    assert switch is None
    assert measured is not None
    assert measured.health.state is HealthState.NORMAL
    assert measured.at_ms >= history.stack.clock.now_ms() - 2 * MINUTE_MS


@pytest.mark.parametrize("seed", range(100, 104))
def test_nothing_but_low_priority_is_held_back(seed: int) -> None:
    """Where nobody is killed or freezes, all else is as punctual as ever, whatever the health."""
    history = History(seed)
    history._strike = lambda: setattr(history.control, "signals", history.rng.choice(AILMENTS))  # type: ignore[method-assign]
    history.play()
    others = [job for job in history.jobs if job.definition.priority != "low"]
    late = sorted(at - nominal for job in others for at, nominal in history.called(job))
    assert late[-1] <= 6 * SECOND_MS  # the first, until a scheduler has its lease
    assert late[len(late) * 99 // 100] <= SECOND_MS
    counts = history.stack.telemetry.counts
    assert counts["execution_held_back"] == counts["execution_held_back[route=lambda-low]"] > 0
