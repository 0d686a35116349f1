"""Schedulers measure the health, hold back what may wait, and tell the API; on virtual time."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, MemoryStack, every
from tidewheel.adapters.memory import MemoryControl
from tidewheel.domain.fleet.health import Health, HealthState, Measured, Signals
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import GRACE_MS, HEALTH_DWELL_MS, MINUTE_MS, PROMOTED_EVERY_MS, SECOND_MS
from tidewheel.engine.scheduler.dispatch import hold_back
from tidewheel.ports import PortError, Throttled

BUSY = Health(HealthState.BUSY, START_MS)


@pytest.fixture
def stack() -> MemoryStack:
    return MemoryStack()


def state(stack: MemoryStack) -> HealthState:
    measured, _ = stack.control.health()
    assert measured is not None
    return measured.health.state


def lateness(stack: MemoryStack, job: str) -> list[int]:
    return [at - call.nominal_ms for at, call in stack.caller.calls if call.execution.startswith(job)]


class Pressed(MemoryControl):
    """Another scheduler, whose signals are set here, seems to be alive: its lease is renewed by each look."""

    signals = Signals()

    def lease(self, instance=0):
        if instance == 1:
            now = self._leases.get(1) or self.take(None, "other", "v1", 1)
            assert now is not None
            return self.renew(now, signals=self.signals)
        return super().lease(instance)


@pytest.fixture
def pressed(stack: MemoryStack) -> tuple[MemoryStack, Fleet, Pressed]:
    """A deployment whose other scheduler reports whatever a test says."""
    stack.control = control = Pressed()
    stack.shards = 1
    stack.layouts = stack.fresh_layouts()
    fleet = Fleet(stack, 2)
    fleet.start(0)
    return stack, fleet, control


def test_nothing_is_amiss_with_a_few_jobs(stack: MemoryStack) -> None:
    stack.create(every(SECOND_MS))
    stack.turn_for(3 * MINUTE_MS)
    measured, _ = stack.control.health()
    assert measured is not None
    assert (measured.health.state, measured.health.reasons) == (HealthState.NORMAL, ())
    assert 3 <= stack.telemetry.counts["health_stored[state=normal]"] <= 4


def test_workers_that_are_away_make_it_busy_then_overloaded_and_it_is_well_after_they_came_back(
    stack: MemoryStack,
) -> None:
    for _ in range(10):
        stack.create(every(SECOND_MS))
    low = stack.create(every(SECOND_MS), priority="low")
    fleet = Fleet(stack, 1)
    fleet.start(0)
    fleet.run_until(START_MS + MINUTE_MS)
    assert state(stack) is HealthState.NORMAL
    stack.workers_up = False
    fleet.run_until(START_MS + MINUTE_MS + 12 * SECOND_MS)
    assert state(stack) is HealthState.BUSY
    fleet.run_until(START_MS + 2 * MINUTE_MS)
    assert state(stack) is HealthState.OVERLOADED
    measured, _ = stack.control.health()
    assert measured is not None
    assert [reason.id for reason in measured.health.reasons] == ["queue-age"]
    assert "lambda-normal" in measured.health.reasons[0].text
    stack.workers_up = True
    fleet.run_until(START_MS + 3 * MINUTE_MS)
    assert state(stack) is HealthState.NORMAL
    fleet.run_until(START_MS + 5 * MINUTE_MS)
    assert len(lateness(stack, low.id)) >= 5 * 60 - 15
    assert stack.telemetry.counts["execution_held_back[route=lambda-low]"] >= 30
    assert max(Counter(stack.effects()).values()) == 1


def test_what_is_held_back_goes_on_in_order_and_nothing_is_lost(
    pressed: tuple[MemoryStack, Fleet, Pressed],
) -> None:
    stack, fleet, control = pressed
    low, normal = stack.create(every(2 * SECOND_MS), priority="low"), stack.create(every(2 * SECOND_MS))
    fleet.run_until(START_MS + MINUTE_MS)
    control.signals = Signals(throttled=100)
    fleet.run_until(START_MS + 2 * MINUTE_MS)
    assert state(stack) is HealthState.BUSY
    during = len(lateness(stack, low.id))
    assert during <= 32  # one or two may be on their way
    control.signals = Signals()
    fleet.run_until(START_MS + 5 * MINUTE_MS)
    assert state(stack) is HealthState.NORMAL
    assert max(lateness(stack, normal.id)) <= SECOND_MS
    late = lateness(stack, low.id)
    assert 30 * SECOND_MS < max(late) < MINUTE_MS + HEALTH_DWELL_MS + 10 * SECOND_MS
    nominal = [call.nominal_ms for _, call in stack.caller.calls if call.execution.startswith(low.id)]
    assert sorted(nominal) == list(range(nominal[0], max(nominal) + 1, 2 * SECOND_MS))
    caught_up = [at for at, by in zip(nominal, late, strict=True) if by > GRACE_MS]
    assert caught_up == sorted(caught_up)  # behind what is due by now
    assert len(caught_up) >= 25


def test_what_is_held_back_for_long_goes_by_the_next_higher_priority(
    pressed: tuple[MemoryStack, Fleet, Pressed],
) -> None:
    stack, fleet, control = pressed
    control.signals = Signals(throttled=100)
    low = stack.create(every(10 * SECOND_MS), priority="low")
    fleet.run_until(START_MS + 12 * MINUTE_MS)
    late = lateness(stack, low.id)[2:]
    assert late
    assert all(PROMOTED_EVERY_MS <= one < PROMOTED_EVERY_MS + 30 * SECOND_MS for one in late)
    assert stack.telemetry.counts["execution_promoted[route=lambda-normal]"] >= len(late)


def test_loading_never_waits_for_what_is_held_back(
    pressed: tuple[MemoryStack, Fleet, Pressed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond so much in memory the route goes on."""
    monkeypatch.setattr(hold_back, "HELD_MOST", 20)
    stack, fleet, control = pressed
    control.signals = Signals(throttled=100)
    low = stack.create(every(SECOND_MS), priority="low")
    fleet.run_until(START_MS + 3 * MINUTE_MS)
    late = lateness(stack, low.id)
    assert len(late) >= 3 * 60 - 90
    assert max(late[20:]) < 2 * MINUTE_MS


def test_a_crash_while_something_is_held_back_loses_nothing(
    pressed: tuple[MemoryStack, Fleet, Pressed],
) -> None:
    stack, fleet, control = pressed
    low = stack.create(every(2 * SECOND_MS), priority="low", misfire=Misfire(Policy.ALL, limit=1_000))
    fleet.run_until(START_MS + MINUTE_MS)
    control.signals = Signals(throttled=100)
    fleet.run_until(START_MS + 2 * MINUTE_MS)
    (number,) = fleet.running
    fleet.kill(number)
    fleet.start(0)
    fleet.run_until(START_MS + 3 * MINUTE_MS)
    control.signals = Signals()
    fleet.run_until(START_MS + 6 * MINUTE_MS)
    nominal = {call.nominal_ms for _, call in stack.caller.calls if call.execution.startswith(low.id)}
    until_ms = START_MS + 5 * MINUTE_MS
    assert nominal >= set(range(START_MS + 2 * SECOND_MS, until_ms, 2 * SECOND_MS))
    assert max(Counter(stack.effects()).values()) == 1


def test_a_new_scheduler_goes_on_from_the_state_that_was_in_force(stack: MemoryStack) -> None:
    """A hand-over is no reason for a better one: it lasts its time."""
    assert stack.control.report(Measured(Health(HealthState.OVERLOADED, START_MS), START_MS, 1))
    stack.turn_for(HEALTH_DWELL_MS - 3 * SECOND_MS)
    assert state(stack) is HealthState.OVERLOADED
    stack.turn_for(10 * SECOND_MS)
    assert state(stack) is HealthState.NORMAL


def test_a_scheduler_that_was_frozen_overwrites_nothing(stack: MemoryStack) -> None:
    """It still believes to hold shard 0 when it thaws; its successor's report is of a later epoch."""
    fleet = Fleet(stack, 1)
    old = fleet.start(0)
    fleet.run_until(START_MS + 10 * SECOND_MS)
    fleet.suspend(old, 2 * MINUTE_MS)
    fleet.start(0, "v2")
    fleet.run_until(START_MS + 90 * SECOND_MS)
    before, _ = stack.control.health()
    assert before is not None
    assert before.epoch == 2
    assert not stack.control.report(Measured(BUSY, START_MS + MINUTE_MS, 1))
    fleet.run_until(START_MS + 4 * MINUTE_MS)
    measured, _ = stack.control.health()
    assert measured is not None
    assert measured.epoch >= 2
    assert state(stack) is HealthState.NORMAL


@pytest.mark.parametrize(
    ("error", "expected"),
    [(Throttled("wheel.load", "s", "slow down"), "throttled"), (PortError("wheel.load", "s", "away"), "store")],
)
def test_a_store_that_fails_shows(stack: MemoryStack, error: PortError, expected: str) -> None:
    """Of many shards: a single call that is tried again later each time is no flood."""
    stack.shards = 16
    stack.layouts = stack.fresh_layouts()
    real = stack.wheel.load

    def failing(*args: object, **kwargs: object) -> object:
        if START_MS + 20_000 <= stack.clock.now_ms() < START_MS + 60_000:
            raise error
        return real(*args, **kwargs)  # type: ignore[arg-type]

    stack.wheel.load = failing  # type: ignore[method-assign,assignment]
    fleet = Fleet(stack, 1)
    fleet.start(0)
    fleet.run_until(START_MS + 40 * SECOND_MS)
    measured, _ = stack.control.health()
    assert measured is not None
    assert measured.health.state.reaches(HealthState.BUSY)
    assert expected in [reason.id for reason in measured.health.reasons]
    fleet.run_until(START_MS + 2 * MINUTE_MS)
    assert state(stack) is HealthState.NORMAL
