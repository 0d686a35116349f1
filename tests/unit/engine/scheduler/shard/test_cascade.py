"""Coarse slots move their entries to finer ones in time, however far ahead, and across whatever is missed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.jobs.policies import RetryPolicy
from tidewheel.domain.limits import DAY_MS, HOUR_MS, MINUTE_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.wheel.levels import BEYOND, DAYS, HOURS, RINGS, Level


def skip_to(stack: MemoryStack, instant_ms: int) -> None:
    """A scheduler dies now; the next one begins at the instant."""
    stack.clock.advance(instant_ms - stack.clock.now_ms())


def resting(stack: MemoryStack) -> set[Level]:
    """The levels that hold entries which are still ahead."""
    now = stack.clock.now_ms()
    slots = [*stack.world.singles.items(), *stack.world.packs.items()]
    return {slot.level for slot, items in slots if items and (slot.start_ms > now or slot.level is Level.LATE)}


def passages(due_ms: int) -> Sequence[int]:
    """Just before each load that an entry due so far ahead passes."""
    loads = [ring.start_of(due_ms) - ring.lead_ms for ring in (BEYOND, DAYS, HOURS)]
    return [load - 20_000 for load in loads if load > START_MS]


@pytest.mark.parametrize("ahead_ms", [90 * MINUTE_MS, 26 * HOUR_MS, 20 * DAY_MS, 400 * DAY_MS])
def test_a_job_far_ahead_passes_every_level_and_fires_once_on_time(ahead_ms: int) -> None:
    stack = MemoryStack(shards=1)
    due = START_MS + ahead_ms + 12_345
    stack.create(At(due))
    stack.crash_after(10_000)
    for instant in passages(due):
        skip_to(stack, instant)
        stack.crash_after(90_000)
    skip_to(stack, due - 3 * MINUTE_MS)
    stack.turn_for(5 * MINUTE_MS)
    ((called, call),) = stack.caller.calls
    assert due <= called < due + 600
    assert call.due_ms == due
    assert not any(stack.world.singles.values())


@pytest.mark.parametrize(
    ("jobs", "way"),
    [
        (2, [Level.BEYOND, Level.DAYS, Level.HOURS, Level.MINUTES]),
        (1, [Level.BEYOND, Level.MINUTES, Level.MINUTES, Level.MINUTES]),
    ],
)
def test_entries_move_one_level_down_at_a_time_unless_they_are_alone(jobs: int, way: list[Level]) -> None:
    stack = MemoryStack(shards=1)
    due = START_MS + 400 * DAY_MS
    for _ in range(jobs):
        stack.create(At(due))
    order = [ring.level for ring in RINGS]
    finest = [max(resting(stack), key=order.index)]
    for instant in passages(due):
        skip_to(stack, instant)
        stack.crash_after(40_000)
        finest.append(max(resting(stack), key=order.index))
    assert finest == way
    skip_to(stack, due - 2 * MINUTE_MS)
    stack.turn_for(5 * MINUTE_MS)
    assert stack.caller.nominal == [due] * jobs


def test_what_a_fleet_missed_while_it_was_down_still_fires() -> None:
    stack = MemoryStack(shards=2)
    dues = [START_MS + 30 * MINUTE_MS * number + 777 for number in range(1, 100)]
    for due in dues:
        stack.create(At(due))
    stack.crash_after(5_000)
    skip_to(stack, START_MS + 3 * DAY_MS)
    stack.turn_for(10 * MINUTE_MS)
    assert sorted(stack.caller.nominal) == dues
    assert len({*stack.effects()}) == len(dues)


def test_a_daily_cron_rides_in_packs_through_all_levels() -> None:
    stack = MemoryStack(shards=1)
    for _ in range(100):
        stack.create(Cron("0 12 * * *", "UTC"))
    noon = START_MS - START_MS % DAY_MS + 12 * HOUR_MS
    noon += DAY_MS if noon <= START_MS else 0
    stack.crash_after(5_000)
    for day in range(3):
        due = noon + day * DAY_MS
        for instant in passages(due):
            if instant > stack.clock.now_ms():
                skip_to(stack, instant)
                stack.crash_after(90_000)
        skip_to(stack, due - MINUTE_MS)
        stack.crash_after(2 * MINUTE_MS)
    assert sorted(stack.caller.nominal) == sorted([noon, noon + DAY_MS, noon + 2 * DAY_MS] * 100)


def test_a_long_retry_waits_on_a_coarse_level_and_comes_back() -> None:
    stack = MemoryStack(shards=1)
    stack.create(None, retry=RetryPolicy(2, base_ms=5 * HOUR_MS, cap_ms=DAY_MS, jitter=0))
    answers = [Answer(Result.FAILED, 500, "", "HTTP 500"), Answer(Result.SUCCEEDED)]
    stack.caller.answers = lambda _call: answers.pop(0)
    stack.crash_after(5_000)
    assert resting(stack) == {Level.HOURS}
    due = stack.caller.calls[0][0] + 5 * HOUR_MS
    for instant in (HOURS.start_of(due) - HOURS.lead_ms - 5_000, due - MINUTE_MS):
        skip_to(stack, instant)
        stack.crash_after(100_000)
    (first, _), (second, call) = stack.caller.calls
    assert second - first >= 5 * HOUR_MS
    assert stack.execution_service.get(TENANT, call.execution).state is State.SUCCEEDED


def test_an_edit_makes_an_entry_of_a_coarse_slot_evaporate() -> None:
    stack = MemoryStack(shards=1)
    job = stack.create(At(START_MS + 3 * DAY_MS))
    stack.crash_after(5_000)
    stack.job_service.pause(TENANT, job.id)
    skip_to(stack, START_MS + 3 * DAY_MS - HOUR_MS)
    stack.turn_for(2 * HOUR_MS // 6)
    skip_to(stack, START_MS + 3 * DAY_MS - 5 * MINUTE_MS)
    stack.turn_for(10 * MINUTE_MS)
    assert not stack.caller.calls
    assert stack.telemetry.counts["entry_dropped[reason=superseded]"] >= 1


def test_a_job_that_fires_every_minute_is_armed_minute_by_minute_over_the_hour() -> None:
    stack = MemoryStack(shards=1)
    start = START_MS - START_MS % HOUR_MS + HOUR_MS - 5 * MINUTE_MS
    skip_to(stack, start)
    stack.create(every(MINUTE_MS, start))
    stack.turn_for(11 * MINUTE_MS)
    levels = [slot.level for slot, packs in stack.world.packs.items() for _ in packs]
    assert set(levels) == {Level.MINUTES}
    assert len(levels) <= len(stack.caller.calls) + 2
