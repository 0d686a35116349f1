"""Executions that wait and that nothing would bring any more: found, brought back, counted; and what is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy, Strategy
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS, RECONCILE_MARGIN_MS, RECONCILE_PATIENCE_MS, SECOND_MS
from tidewheel.domain.wheel.entries import ExecutionEntry, Placed
from tidewheel.domain.wheel.levels import RINGS, late

RETRY = RetryPolicy(3, Strategy.FIXED, base_ms=30 * SECOND_MS, cap_ms=30 * SECOND_MS, jitter=0)
MARGIN = RECONCILE_MARGIN_MS + MINUTE_MS


def forget(stack: MemoryStack) -> None:
    """Everything that would bring a next attempt is lost."""
    stack.world.singles.clear()
    stack.world.packs.clear()
    for messages in stack.queue._messages.values():
        messages.clear()


def pass_by(stack: MemoryStack, duration_ms: int = MARGIN) -> None:
    """Time goes by, and every shard has dispatched all of it."""
    stack.clock.advance(duration_ms)
    for shard in range(stack.shards):
        if stack.control.holding(shard) is None:
            stack.control.claim(shard, None, 0, 1)
        holding = stack.control.holding(shard)
        assert holding is not None
        stack.control.advance(shard, holding.epoch, {ring.level: stack.clock.now_ms() for ring in RINGS})


def queued(stack: MemoryStack) -> tuple[Job, Execution]:
    stack.workers_up = False
    job = stack.create(every(HOUR_MS, START_MS + 10 * HOUR_MS), retry=RETRY)
    return job, stack.execution_service.run(TENANT, job.id)


def retrying(stack: MemoryStack) -> tuple[Job, Execution]:
    """A run whose first attempt failed, which waits for the second."""
    stack.caller.answers = lambda _call: Answer(Result.FAILED, 500, "", "HTTP 500")
    job = stack.create(every(HOUR_MS, START_MS + 10 * HOUR_MS), retry=RETRY)
    run = stack.execution_service.run(TENANT, job.id)
    stack.pump()
    stack.caller.answers = lambda _call: Answer(Result.SUCCEEDED, 200)
    return job, stack.execution_service.get(TENANT, run.id)


def brought_back(stack: MemoryStack) -> int:
    return stack.reconcile.run().brought_back


def state_of(stack: MemoryStack, run: Execution) -> State:
    return stack.execution_service.get(TENANT, run.id).state


@pytest.mark.parametrize(("made", "state"), [(queued, State.QUEUED), (retrying, State.RETRYING)])
def test_what_was_forgotten_is_brought_back_and_runs(made, state: State) -> None:
    stack = MemoryStack()
    _, run = made(stack)
    assert state_of(stack, run) is state
    forget(stack)
    pass_by(stack)
    assert brought_back(stack) == 1
    assert stack.telemetry.counts["execution_brought_back"] == 1
    assert brought_back(stack) == 0  # its entry lies in the late slot
    stack.workers_up = True
    stack.turn_for(10 * SECOND_MS)
    assert state_of(stack, run) is State.SUCCEEDED
    pass_by(stack)
    assert brought_back(stack) == 0


def test_what_is_expected_still_is_left_alone() -> None:
    stack = MemoryStack()
    _, run = retrying(stack)
    assert run.next_ms == START_MS + 30 * SECOND_MS
    forget(stack)
    pass_by(stack, RECONCILE_MARGIN_MS)
    assert brought_back(stack) == 0


def test_a_shard_that_lags_behind_may_still_hold_its_entry() -> None:
    stack = MemoryStack()
    retrying(stack)
    forget(stack)
    pass_by(stack, SECOND_MS)
    stack.clock.advance(HOUR_MS)
    assert brought_back(stack) == 0


@pytest.mark.parametrize(("waited_ms", "found"), [(MARGIN, 0), (RECONCILE_PATIENCE_MS + MARGIN, 1)])
def test_a_queue_with_a_backlog_may_hold_its_message_for_some_hours(waited_ms: int, found: int) -> None:
    stack = MemoryStack()
    job, _ = queued(stack)
    stack.world.singles.clear()
    assert stack.queue.waiting(job.route)
    pass_by(stack, waited_ms)
    assert brought_back(stack) == found
    assert stack.telemetry.counts["repair_deferred"] == 1 - found


def test_one_whose_entry_is_in_the_late_slot_is_on_its_way() -> None:
    stack = MemoryStack(shards=1)
    job, run = retrying(stack)
    forget(stack)
    stack.wheel.put(Placed(late(0), ExecutionEntry.of(run, job, 2, START_MS + 30 * SECOND_MS)))
    pass_by(stack)
    assert brought_back(stack) == 0


def test_a_list_that_lags_behind_brings_nothing_back() -> None:
    stack = MemoryStack()
    _, run = retrying(stack)
    forget(stack)
    pass_by(stack)

    class Behind:
        def __getattr__(self, name: str):
            return getattr(stack.executions, name)

        def get(self, _tenant: str, _id: str) -> Execution:
            return replace(run, state=State.SUCCEEDED, version=run.version + 1, next_ms=None)

    assert replace(stack.reconcile, executions=Behind()).run().brought_back == 0


def test_one_of_a_deleted_job_comes_back_and_ends() -> None:
    stack = MemoryStack()
    job, run = retrying(stack)
    forget(stack)
    stack.job_service.delete(TENANT, job.id)
    pass_by(stack)
    assert brought_back(stack) == 1
    stack.turn_for(10 * SECOND_MS)
    assert state_of(stack, run) is State.CANCELLED


def test_one_that_waits_for_its_jobs_lock_for_hours_says_so_and_is_left_alone() -> None:
    """It notes at least every hour that it still waits; the sweep runs all the while."""
    stack = MemoryStack(shards=1)
    job = stack.create(every(HOUR_MS, START_MS + 100 * HOUR_MS), retry=RETRY, overlap=Overlap.QUEUE)
    stack.workers_up = False
    holder, waiter = (stack.execution_service.run(TENANT, job.id) for _ in range(2))
    lease_ms = stack.clock.now_ms() + 5 * HOUR_MS
    busy = replace(
        holder, state=State.RUNNING, attempt=1, lease_until_ms=lease_ms, version=2, next_ms=None, holder="another"
    )
    assert stack.executions.swap(busy, 1) is None
    lock = stack.ends.overlap_lock
    assert lock.write(lock.read(job).given(holder.id, stack.clock.now_ms()))
    stack.workers_up = True
    for _ in range(9):
        stack.turn_for(10 * MINUTE_MS)
        assert brought_back(stack) == 0
    assert state_of(stack, waiter) is State.QUEUED
    assert stack.execution_service.get(TENANT, waiter.id).version <= 8
