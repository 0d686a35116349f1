"""What no queue will ever take holds up nobody: it is set aside, accounted for, and can be released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.support.economy import economical, live
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.fleet.route import ROUTES, Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy
from tidewheel.domain.limits import FOREVER_MS, MENDABLE_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.domain.wheel.levels import Level
from tidewheel.domain.wheel.pace import ECONOMY, LOOP
from tidewheel.engine.api.redrive import Redrive, Redriven, RedrivePlan
from tidewheel.ports import PortError, Refused

GONE = "moon"
NORMAL = Route("lambda", "normal")


def missing(route: Route) -> Refused:
    return Refused("queue.send", str(route), "no such queue", mendable=True)


class Refusing:
    """A queue that refuses whole routes, or messages of some jobs; everything else passes."""

    def __init__(self, stack: MemoryStack) -> None:
        self.stack, self.real = stack, stack.queue.send
        self.missing: set[str] = set()
        self.bad: set[str] = set()
        self.requests = 0
        self.until_ms = FOREVER_MS
        stack.queue.send = self  # type: ignore[method-assign,assignment]

    def __call__(self, route: Route, dispatches: Sequence[Any], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        self.requests += 1
        if route.pool in self.missing and self.stack.clock.now_ms() < self.until_ms:
            raise missing(route)
        if any(ExecutionId.parse(dispatch.execution).job in self.bad for dispatch in dispatches):
            raise Refused("queue.send", str(route), "InvalidMessageContents", mendable=False)
        return self.real(route, dispatches, delays_s)


@pytest.fixture
def stack() -> MemoryStack:
    return MemoryStack(shards=1)


@pytest.fixture
def refusing(stack: MemoryStack) -> Refusing:
    return Refusing(stack)


def of_a_removed_pool(stack: MemoryStack, timing: At | Every, **fields: Any) -> Job:
    """A job whose pool was there when it was created."""
    job = stack.create(timing, **fields)
    return moved(stack, job, GONE)


def moved(stack: MemoryStack, job: Job, pool: str) -> Job:
    after = replace(job, definition=replace(job.definition, pool=pool))
    stack.world.jobs[TENANT, job.id] = after
    return after


def dead(stack: MemoryStack) -> dict[int, str]:
    records = stack.world.executions.values()
    return {record.nominal_ms: record.reason for record in records if record.state is State.DEAD}


def cursor_lag(stack: MemoryStack) -> int:
    holding = stack.control.holding(0)
    assert holding is not None
    return stack.clock.now_ms() - holding.cursors[Level.MINUTES]


def test_an_entry_of_a_pool_that_was_removed_lets_the_cursor_pass(stack: MemoryStack) -> None:
    """Before, its window stayed open for ever, and each hand-over sent again all that had come since."""
    first_ms = START_MS + 20_000
    of_a_removed_pool(stack, every(20_000), start=first_ms, end=START_MS + 120_000)
    stack.create(every(5_000), end=START_MS + 20 * MINUTE_MS)
    queue = Refusing(stack)
    for _ in range(3):
        stack.turn_for(7 * MINUTE_MS)
    assert sorted(dead(stack)) == [*range(first_ms, START_MS + 120_000, 20_000)]
    assert all("this deployment has no such queue" in reason for reason in dead(stack).values())
    assert cursor_lag(stack) < 2 * MINUTE_MS
    sent = stack.telemetry.counts[f"execution_dispatched[route={NORMAL}]"]
    assert sent <= 20 * 12 + 12  # each hand-over may repeat the last minute
    assert queue.requests < 20 * 12 + 300
    assert stack.telemetry.counts["quarantined[what=delivery]"] == len(stack.world.quarantine) == 5
    assert stack.telemetry.counts["execution_undeliverable"] == 5
    assert stack.telemetry.counts["route_missing"] > 5


def test_a_pool_that_is_only_just_being_added_loses_nothing(stack: MemoryStack, refusing: Refusing) -> None:
    refusing.missing.add("lambda")
    refusing.until_ms = START_MS + MENDABLE_MS - 30 * SECOND_MS
    stack.create(every(10_000), end=START_MS + 2 * MINUTE_MS)
    stack.turn_for(MENDABLE_MS + MINUTE_MS)
    assert min(at for at, _ in stack.caller.calls) >= refusing.until_ms
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 2 * MINUTE_MS, 10_000)}
    assert not dead(stack)


def test_after_a_route_was_given_up_what_comes_later_is_set_aside_soon(stack: MemoryStack, refusing: Refusing) -> None:
    """So a job whose pool is gone does not hold up the cursor for five minutes with each of its occurrences."""
    refusing.missing.add("lambda")
    stack.create(every(30_000), end=START_MS + 12 * MINUTE_MS)
    stack.turn_for(10 * MINUTE_MS)
    assert cursor_lag(stack) < 2 * MINUTE_MS
    assert len(dead(stack)) >= 18
    refusing.missing.clear()
    stack.turn_for(3 * MINUTE_MS)
    assert len(stack.effects()) == len({*stack.effects()}) >= 3
    assert len(stack.effects()) + len(dead(stack)) == 24


def test_one_message_that_is_refused_for_what_it_says_stops_none_of_its_batch(
    stack: MemoryStack, refusing: Refusing
) -> None:
    jobs = [stack.create(At(START_MS + 30_000)) for _ in range(10)]
    refusing.bad.add(jobs[3].id)
    stack.turn_for(100_000)
    assert len(stack.effects()) == len({*stack.effects()}) == 9
    assert list(dead(stack)) == [START_MS + 30_000]
    (item,) = stack.world.quarantine.values()
    assert (item.what, "InvalidMessageContents" in item.problem) == ("delivery", True)
    assert jobs[3].id in item.text
    assert cursor_lag(stack) < 2 * MINUTE_MS


def test_one_that_is_refused_within_an_accepted_batch_is_found_by_sending_it_alone(stack: MemoryStack) -> None:
    """SQS answers for each message of a batch; only by itself its refusal is told apart from a failure."""
    jobs = [stack.create(At(START_MS + 30_000)) for _ in range(3)]
    real = stack.queue.send

    def send(route: Route, dispatches: Sequence[Any], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        good = [ExecutionId.parse(dispatch.execution).job != jobs[0].id for dispatch in dispatches]
        if good == [False]:
            raise Refused("queue.send", str(route), "InvalidMessageContents", mendable=False)
        real(route, [dispatch for dispatch, fits in zip(dispatches, good, strict=True) if fits])
        return good

    stack.queue.send = send  # type: ignore[method-assign,assignment]
    stack.turn_for(60_000)
    assert len(stack.effects()) == 2
    assert len(dead(stack)) == 1


def test_an_operator_releases_what_was_set_aside(stack: MemoryStack, refusing: Refusing) -> None:
    job = stack.create(At(START_MS + 30_000))
    refusing.bad.add(job.id)
    stack.turn_for(60_000)
    (record,) = stack.executions.dead(TENANT, 10, None).items
    refusing.bad.clear()
    flow = Redrive(stack.jobs, stack.clock, stack.telemetry, stack.wheel_writer)
    assert flow.run([(record.id, record)], RedrivePlan({record.id: record.version}, 10)).ids == [record.id]
    stack.turn_for(30_000)
    assert stack.effects() == [record.id]
    assert stack.world.executions[TENANT, record.id].state is State.SUCCEEDED


def refused_ahead() -> tuple[MemoryStack, Job, Execution]:
    """A short run offered an instant to its queue minutes before it was due, which refused it; it takes it by now."""
    stack = economical(1)
    refusing = Refusing(stack)
    job = stack.create(At(START_MS + 270_000))
    refusing.bad.add(job.id)
    live(stack, 3 * MINUTE_MS)
    refusing.bad.clear()
    (record,) = stack.world.executions.values()
    assert (record.state, record.ended_ahead) == (State.DEAD, True)
    return stack, job, record


def released(stack: MemoryStack, record: Execution) -> Redriven:
    return Redrive(stack.jobs, stack.clock, stack.telemetry, stack.wheel_writer).run(
        [(record.id, record)], RedrivePlan({record.id: record.version}, 10)
    )


def test_one_that_is_released_before_its_time_waits_for_it_unclaimed() -> None:
    stack, _, record = refused_ahead()
    assert released(stack, record).ids == [record.id]
    live(stack, MINUTE_MS)
    assert stack.world.executions[TENANT, record.id].state is State.QUEUED
    live(stack, 2 * MINUTE_MS)
    ((at_ms, call),) = stack.caller.calls
    assert (call.execution, 0 <= at_ms - record.due_ms <= SECOND_MS) == (record.id, True)


def test_an_edit_up_to_its_time_ends_what_was_released_before_that() -> None:
    stack, job, record = refused_ahead()
    released(stack, record)
    stack.job_service.pause(TENANT, job.id)
    live(stack, 4 * MINUTE_MS)
    assert not stack.effects()
    assert stack.world.executions[TENANT, record.id].state is State.CANCELLED


@pytest.mark.parametrize("released_in_ms", [MINUTE_MS, 10 * MINUTE_MS], ids=["before its time", "after it"])
def test_what_an_edit_ended_before_its_time_is_not_released(released_in_ms: int) -> None:
    stack, job, record = refused_ahead()
    stack.job_service.pause(TENANT, job.id)
    live(stack, released_in_ms)
    assert released(stack, record).skipped == {record.id: "its job was edited before it was due"}


def test_what_an_edit_mended_before_its_time_runs_as_the_edited_job_names_it() -> None:
    stack, job, record = refused_ahead()
    stack.job_service.edit(TENANT, job.id, lambda _id, _now, before: replace(before or job.definition, name="mended"))
    assert released(stack, record).ids == [record.id]
    live(stack, 4 * MINUTE_MS)
    assert stack.effects() == [record.id]
    assert stack.world.executions[TENANT, record.id].generation == 2


def test_a_job_that_got_another_pool_meanwhile_runs_there(stack: MemoryStack) -> None:
    job = of_a_removed_pool(stack, At(START_MS + 30_000))
    stack.turn_for(MINUTE_MS)
    moved(stack, job, "lambda")
    stack.turn_for(MENDABLE_MS + MINUTE_MS)
    assert len(stack.effects()) == 1
    assert not dead(stack)


def test_a_deleted_job_leaves_no_dead_letter(stack: MemoryStack) -> None:
    job = of_a_removed_pool(stack, At(START_MS + 30_000))
    stack.turn_for(MINUTE_MS)
    stack.job_service.delete(TENANT, job.id)
    stack.turn_for(MENDABLE_MS + MINUTE_MS)
    assert not stack.world.executions
    assert cursor_lag(stack) < 2 * MINUTE_MS


def test_a_retry_that_cannot_be_delivered_lets_go_of_its_jobs_lock(stack: MemoryStack, refusing: Refusing) -> None:
    stack.caller.answers = lambda _call: Answer(Result.FAILED, 500)
    retry = RetryPolicy(3, base_ms=20_000, cap_ms=20_000)
    job = stack.create(At(START_MS + 30_000), overlap=Overlap.SKIP, retry=retry)
    stack.turn_for(35_000)
    (first,) = stack.world.executions.values()
    assert first.state is State.RETRYING
    refusing.bad.add(job.id)
    stack.turn_for(60_000)
    (ended,) = stack.world.executions.values()
    assert (ended.state, ended.attempt) == (State.DEAD, 1)
    lock = stack.locks.get(TENANT, job.id)
    assert lock is not None
    assert lock.holder == ""


@pytest.mark.parametrize("pace", [LOOP, ECONOMY], ids=["loop", "economy"])
def test_in_economy_mode_lateness_counts_since_a_run_knows_only_its_own_minute(pace: Any) -> None:
    stack = MemoryStack(shards=1, pace=pace)
    first_ms = START_MS + 20 * MINUTE_MS
    of_a_removed_pool(stack, every(MINUTE_MS), start=first_ms, end=first_ms + 3 * MINUTE_MS)
    for _ in range(40):
        until = stack.clock.now_ms() + MINUTE_MS
        stack.turn_for(55_000)
        stack.clock.sleep_until(until)
    accounts = {*dead(stack), *(row.from_ms for row in stack.world.missed.values())}
    assert first_ms in dead(stack)
    assert len(accounts) >= 2
    assert not any(stack.world.singles.values())
    assert cursor_lag(stack) < 2 * MINUTE_MS


def test_terms_that_are_shorter_than_the_patience_give_up_as_well(stack: MemoryStack) -> None:
    of_a_removed_pool(stack, every(20_000), end=START_MS + 100_000)
    for _ in range(9):
        stack.turn_for(2 * MINUTE_MS)
    assert dead(stack)
    assert cursor_lag(stack) < 2 * MINUTE_MS


def test_an_outage_is_no_refusal(stack: MemoryStack) -> None:
    """What cannot be delivered now waits for as long as that takes."""
    real = stack.queue.send

    def down(route: Route, dispatches: Sequence[Any], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        if stack.clock.now_ms() < START_MS + 3 * MENDABLE_MS:
            raise PortError("queue.send", str(route), "down")
        return real(route, dispatches, delays_s)

    stack.queue.send = down  # type: ignore[method-assign,assignment]
    stack.create(every(60_000), end=START_MS + 5 * MINUTE_MS)
    stack.turn_for(3 * MENDABLE_MS + MINUTE_MS)
    assert len({*stack.effects()}) == 5
    assert not dead(stack)


def test_other_routes_do_not_notice(stack: MemoryStack) -> None:
    of_a_removed_pool(stack, every(1_000), end=START_MS + 8 * MINUTE_MS)
    stack.create(every(1_000), end=START_MS + 8 * MINUTE_MS)
    stack.turn_for(9 * MINUTE_MS)
    late = [at - call.due_ms for at, call in stack.caller.calls if call.due_ms > START_MS + SECOND_MS]
    assert max(late) < SECOND_MS
    assert ROUTES[0].pool == "lambda"
