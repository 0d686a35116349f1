"""Writes to the wheel that are held up: before they are sent, and after."""

from __future__ import annotations

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.states import State
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.wheel.entries import ExecutionEntry, Placed
from tidewheel.domain.wheel.levels import MINUTES, SECONDS, Level, late
from tidewheel.ports import TooLate

DELAYS_MS = [0, 5_000, 20_000, 300_000]
WAYS = [16 * SECOND_MS, 60 * SECOND_MS, 3 * MINUTE_MS]


class Held:
    """A store that is held up before its next calls are sent, or before their answers arrive."""

    def __init__(self, stack: MemoryStack, store: object) -> None:
        self._stack, self._store = stack, store
        self.before: list[int] = []
        self.after: list[int] = []
        self.placed: list[Placed] = []

    def __getattr__(self, name: str):
        operation = getattr(self._store, name)

        def call(*args, **kwargs):
            self._stack.clock.advance(self.before.pop() if self.before else 0)
            result = operation(*args, **kwargs)
            self._stack.clock.advance(self.after.pop() if self.after else 0)
            self.placed += [arg for arg in args if isinstance(arg, Placed)]
            return result

        return call


def held() -> tuple[MemoryStack, Held]:
    stack = MemoryStack(shards=1)
    wheel = Held(stack, stack.wheel)
    stack.wheel = wheel
    return stack, wheel


def entry_of(stack: MemoryStack, due_ms: int) -> ExecutionEntry:
    job = stack.create(every(MINUTE_MS, START_MS + MINUTE_MS))
    run = stack.execution_service.run(TENANT, job.id)
    return ExecutionEntry.of(run, job, 2, due_ms)


def in_time(placed: Placed, landed_ms: int) -> bool:
    """Whether the slot was not loaded yet when the entry landed."""
    lead_ms = {Level.SECONDS: SECONDS.lead_ms, Level.MINUTES: MINUTES.lead_ms}.get(placed.slot.level)
    return lead_ms is None or landed_ms <= placed.slot.start_ms - lead_ms


@pytest.mark.parametrize("held_up_ms", DELAYS_MS)
@pytest.mark.parametrize("ahead_ms", WAYS)
def test_what_was_held_up_before_it_was_sent_goes_elsewhere(ahead_ms: int, held_up_ms: int) -> None:
    stack, wheel = held()
    entry = entry_of(stack, stack.clock.now_ms() + ahead_ms)
    wheel.before = [held_up_ms]
    stack.wheel_writer.put(entry)
    assert in_time(wheel.placed[-1], stack.clock.now_ms())


@pytest.mark.parametrize("held_up_ms", DELAYS_MS)
@pytest.mark.parametrize("ahead_ms", WAYS)
def test_what_was_answered_too_late_is_put_elsewhere_as_well(ahead_ms: int, held_up_ms: int) -> None:
    stack, wheel = held()
    entry = entry_of(stack, stack.clock.now_ms() + ahead_ms)
    wheel.after = [held_up_ms]
    stack.wheel_writer.put(entry)
    assert in_time(wheel.placed[-1], stack.clock.now_ms())


def test_a_process_that_was_frozen_between_the_choice_and_the_write_loses_nothing() -> None:
    stack, wheel = held()
    entry = entry_of(stack, stack.clock.now_ms() + 20 * SECOND_MS)
    wheel.before = [25 * SECOND_MS]
    stack.wheel_writer.put(entry)
    assert [placed.slot for placed in wheel.placed] == [late(0)]
    assert stack.telemetry.counts["wheel_write_held_up[step=before]"] == 1


def test_a_writer_that_is_held_up_each_time_is_told() -> None:
    stack = MemoryStack(shards=1)
    entry = entry_of(stack, stack.clock.now_ms() + 30 * 24 * 60 * MINUTE_MS)

    def refused(placed: Placed) -> None:
        raise TooLate("wheel.put", placed.key, tried=False)

    with pytest.raises(TooLate):
        stack.wheel_writer.write(entry, refused)


def test_what_an_earlier_try_may_have_stored_gets_an_entry_of_its_own() -> None:
    """The SDK's first try was applied though nobody knows, and its second came too late: nothing is stored twice."""
    stack, _ = held()
    job = stack.create(every(MINUTE_MS, START_MS + MINUTE_MS))
    tries: list[Placed] = []

    def store(placed: Placed) -> bool:
        tries.append(placed)
        if len(tries) == 1:
            stack.clock.advance(50 * SECOND_MS)
            raise TooLate("jobs.requeue", placed.key, tried=True)
        return False

    run = stack.execution_service.run(TENANT, job.id)
    entry = ExecutionEntry.of(run, job, 2, stack.clock.now_ms() + 60 * SECOND_MS)
    assert stack.wheel_writer.write(entry, store)[0] is False
    assert [placed.slot for placed in tries] != [tries[0].slot] * 2
    assert late(0) in stack.world.singles


@pytest.mark.parametrize("held_up_ms", [5_000, 17_000, 25_000])
@pytest.mark.parametrize("which", ["before", "after"])
@pytest.mark.parametrize("act", ["create", "resume"])
def test_every_occurrence_of_a_job_has_its_account_though_its_write_was_held_up(
    act: str, which: str, held_up_ms: int
) -> None:
    stack = MemoryStack(shards=1)
    jobs = Held(stack, stack.jobs)
    timing = every(20 * SECOND_MS, START_MS + 20 * SECOND_MS)
    if act == "create":
        stack.jobs = jobs
        getattr(jobs, which)[:] = [held_up_ms]
        job = stack.create(timing)
    else:
        job = stack.create(timing)
        stack.job_service.pause(TENANT, job.id)
        stack.jobs = jobs
        getattr(jobs, which)[:] = [held_up_ms, 0]  # it reads the job, then writes it
        job = stack.job_service.resume(TENANT, job.id)
    stack.jobs = jobs._store
    stack.turn_for(2 * MINUTE_MS)
    ran = {record.nominal_ms for record in stack.world.executions.values() if record.state is State.SUCCEEDED}
    rows = list(stack.world.missed.values())
    named = [START_MS + n * 20 * SECOND_MS for n in range(1, 5)]
    assert all(
        at in ran or any(row.from_ms <= at <= row.until_ms for row in rows)
        for at in named
        if at >= job.effective_from_ms
    )
