"""The deadline of a wheel entry: a write that would land after its slot is loaded is not sent, not even as a repeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.support.world import Backend
from tests.support.world_examples import TENANT, a_job, execution, minute, schedule_entry, waiting
from tidewheel.adapters.aws import clients, deadlines
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.executions.states import State
from tidewheel.domain.wheel.entries import Placed
from tidewheel.domain.wheel.levels import late
from tidewheel.ports import PortError, TooLate

JOB = a_job()
PAST_MS = 1
"""A deadline that is past on every backend."""


def too_late() -> Placed:
    return Placed(minute(), schedule_entry(JOB), send_by_ms=PAST_MS)


def test_a_single_that_comes_too_late_is_not_stored(backend: Backend) -> None:
    with pytest.raises(TooLate) as refused:
        backend.wheel.put(too_late())
    assert not refused.value.tried
    assert not backend.wheel.load(minute()).singles


def test_the_late_slot_takes_what_is_sent_at_any_time(backend: Backend) -> None:
    placed = Placed(late(0), schedule_entry(JOB))
    backend.wheel.put(placed)
    assert set(backend.wheel.load(late(0)).singles) == {placed.key}


def test_a_job_whose_entry_comes_too_late_is_not_stored(backend: Backend) -> None:
    with pytest.raises(TooLate):
        backend.jobs.create(JOB, too_late(), None)
    assert backend.jobs.get(TENANT, JOB.id, consistent=True) is None
    assert backend.jobs.create(JOB, replace(too_late(), slot=late(0), send_by_ms=1 << 60), None)
    with pytest.raises(TooLate):
        backend.jobs.replace(replace(JOB, generation=2), JOB, too_late())
    kept = backend.jobs.get(TENANT, JOB.id, consistent=True)
    assert kept is not None
    assert kept.generation == 1


def test_a_redriven_execution_whose_entry_comes_too_late_stays_as_it_is(backend: Backend) -> None:
    dead = replace(execution(JOB), state=State.DEAD, version=1)
    backend.executions.swap(dead, None)
    again = replace(dead, state=State.QUEUED, version=2)
    with pytest.raises(TooLate):
        backend.jobs.requeue(Placed(minute(), waiting(again), send_by_ms=PAST_MS), again)
    assert backend.executions.get(TENANT, dead.id) == dead


class Failing:
    """Hears of each request that is about to be sent, and has it take a while and fail."""

    def __init__(self, clock: SettableClock, takes_ms: int) -> None:
        self.clock, self.takes_ms, self.tries = clock, takes_ms, 0

    def send(self, request: Any, **_: Any) -> Any:
        self.tries += 1
        self.clock.advance(self.takes_ms)
        raise ReadTimeoutError(endpoint_url=request.url)


@pytest.fixture(params=[False, True], ids=["sdk", "lean"])
def wheel(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], tuple[DynamoWheel, Failing]]:
    """A wheel whose every try takes a time (ms) by the clock that the deadlines are read by."""

    def made(takes_ms: int) -> tuple[DynamoWheel, Failing]:
        clock = SettableClock(0)
        monkeypatch.setattr(deadlines, "_CLOCK", clock)
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda pause_s: clock.advance(int(pause_s * 1_000)))
        client, failing = clients.dynamodb(lean=request.param), Failing(clock, takes_ms)
        client.meta.events.register("before-send.dynamodb", failing.send)
        return DynamoWheel(client, "wheel"), failing

    return made


@pytest.mark.parametrize(("takes_ms", "tries"), [(1_000, 2), (4_000, 1)])
def test_the_sdk_repeats_a_write_only_before_its_deadline(
    wheel: Callable[[int], tuple[DynamoWheel, Failing]], takes_ms: int, tries: int
) -> None:
    store, failing = wheel(takes_ms)
    with pytest.raises(TooLate if tries == 1 else PortError) as refused:
        store.put(replace(too_late(), send_by_ms=3_000))
    assert failing.tries == tries
    assert isinstance(refused.value, TooLate) is (tries == 1)
    if isinstance(refused.value, TooLate):
        assert refused.value.tried
