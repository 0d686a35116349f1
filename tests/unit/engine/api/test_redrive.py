"""Redrive: a dead letter runs again as the same execution, with a fresh budget, at a set rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tests.support.overlap_bench import FAILED, OK, Bench
from tidewheel.domain.errors import IllegalTransition
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import DEAD_LETTERS, Result, State
from tidewheel.domain.executions.transitions import ended_unrun, redriven
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy, Strategy
from tidewheel.domain.limits import MINUTE_MS, RETENTION_MS
from tidewheel.domain.wheel.entries import Placed
from tidewheel.engine.api.redrive import Redrive, Redriven, RedrivePlan
from tidewheel.ports import PortError

RETRY = RetryPolicy(2, Strategy.FIXED, base_ms=1_000, cap_ms=1_000, jitter=0)


def plan(records: list[tuple[str, Execution | None]], rate: int = 10, after_ms: int = 0) -> RedrivePlan:
    return RedrivePlan({id: record.version if record else 0 for id, record in records}, rate, after_ms)


def redrive(stack: MemoryStack, *ids: str, rate: int = 10, after_ms: int = 0) -> Redriven:
    flow = Redrive(stack.jobs, stack.clock, stack.telemetry, stack.wheel_writer)
    records = [(id, stack.executions.get(TENANT, id)) for id in ids]
    return flow.run(records, plan(records, rate, after_ms))


def dying(stack: MemoryStack, number: int = 1) -> tuple[Job, list[str]]:
    """A job whose first runs used up their attempts."""
    job = stack.create(every(1_000, START_MS + 1_000), retry=RETRY, end=START_MS + 1_000 * (number + 1))
    stack.caller.answers = lambda _: FAILED
    stack.turn_for(30_000 + 1_000 * number)
    ids = [str(ExecutionId(job.id, START_MS + 1_000 * (n + 1))) for n in range(number)]
    assert [stack.execution_service.get(TENANT, id).state for id in ids] == [State.DEAD] * number
    stack.caller.answers = lambda _: OK
    stack.caller.calls.clear()
    return job, ids


def test_a_redriven_execution_is_the_same_and_its_attempts_go_on_rising() -> None:
    stack = MemoryStack()
    _, (id,) = dying(stack)
    assert redrive(stack, id).ids == [id]
    queued = stack.execution_service.get(TENANT, id)
    assert (queued.state, queued.attempt, queued.reason) == (State.QUEUED, 2, "redriven; it had ended as dead")
    stack.turn_for(10_000)
    ((_, call),) = stack.caller.calls
    assert (call.execution, call.attempt) == (id, 3)
    record = stack.execution_service.get(TENANT, id)
    assert (record.state, [each.number for each in record.attempts]) == (State.SUCCEEDED, [1, 2, 3])


def test_its_budget_is_fresh() -> None:
    stack = MemoryStack()
    _, (id,) = dying(stack)
    redrive(stack, id)
    stack.caller.answers = lambda _: FAILED
    stack.turn_for(60_000)
    record = stack.execution_service.get(TENANT, id)
    assert (record.state, [call.attempt for _, call in stack.caller.calls]) == (State.DEAD, [3, 4])
    assert redrive(stack, id).ids == [id]


def test_a_worker_that_is_lost_counts_against_the_fresh_budget() -> None:
    stack = MemoryStack()
    _, (id,) = dying(stack)
    redrive(stack, id)

    def killed(_: object) -> Answer:
        stack.caller.answers = lambda _: OK
        raise RuntimeError("killed")

    stack.caller.answers = killed
    stack.turn_for(10 * MINUTE_MS)
    record = stack.execution_service.get(TENANT, id)
    assert record.state is State.SUCCEEDED
    assert [each.result for each in record.attempts][-2:] == [Result.WORKER_LOST, Result.SUCCEEDED]


def test_they_start_at_the_rate() -> None:
    stack = MemoryStack()
    _, ids = dying(stack, 6)
    start = stack.clock.now_ms() + 60_000
    done = redrive(stack, *ids, rate=2, after_ms=start)
    assert (done.ids, done.until_ms) == (ids, start + 3_000)
    stack.turn_for(120_000)
    times = [at_ms for at_ms, _ in stack.caller.calls]
    assert len(times) == len(ids)
    assert all(at_ms >= start + 500 * n for n, at_ms in enumerate(times))


def test_a_repeat_runs_none_twice() -> None:
    stack = MemoryStack()
    _, ids = dying(stack, 2)
    redrive(stack, *ids)
    assert redrive(stack, *ids).skipped == dict.fromkeys(ids, "is queued, and no dead letter")
    stack.turn_for(20_000)
    assert sorted(stack.effects()) == ids


def test_one_that_was_written_though_it_was_reported_as_failed_runs_once() -> None:
    stack = MemoryStack()
    _, (id,) = dying(stack)
    requeue = stack.jobs.requeue

    def applied(placed: Placed, queued: Execution) -> bool:
        requeue(placed, queued)
        raise PortError("jobs.requeue", id, "no answer")

    stack.jobs.requeue = applied  # type: ignore[method-assign]
    with pytest.raises(PortError):
        redrive(stack, id)
    stack.jobs.requeue = requeue  # type: ignore[method-assign]
    assert redrive(stack, id).ids == []
    stack.turn_for(20_000)
    assert stack.effects() == [id]


def test_two_who_redrive_at_once_run_it_once() -> None:
    stack = MemoryStack()
    _, (id,) = dying(stack)
    seen = stack.executions.get(TENANT, id)
    flow = Redrive(stack.jobs, stack.clock, stack.telemetry, stack.wheel_writer)
    assert flow.run([(id, seen)], plan([(id, seen)])).ids == [id]
    assert flow.run([(id, seen)], plan([(id, seen)])).skipped == {id: "changed meanwhile"}


def test_what_cannot_run_again_is_named_and_hides_no_other() -> None:
    stack = MemoryStack()
    job, (id,) = dying(stack)
    gone = stack.create(every(60_000, START_MS + 10 * MINUTE_MS))
    other = str(ExecutionId(gone.id, START_MS))
    stack.executions.swap(Execution(TENANT, other, State.FAILED, START_MS, 1, attempt=1), None)
    stack.job_service.delete(TENANT, gone.id)
    nobody = str(ExecutionId(job.id, START_MS))
    done = redrive(stack, nobody, other, id)
    assert (done.ids, done.skipped) == ([id], {nobody: "does not exist", other: "its job was deleted"})


def test_messages_of_its_former_attempts_change_nothing() -> None:
    stack = MemoryStack()
    _, (id,) = dying(stack)
    redrive(stack, id, after_ms=stack.clock.now_ms() + 60_000)
    for attempt in (1, 2):
        stale = Dispatch(TENANT, id, attempt, 1, START_MS + 1_000, recorded=attempt > 1)
        assert stack.runner.handle(stale).why == "duplicate"
    assert stack.effects() == []


def test_one_that_was_never_claimed_runs_though_its_job_was_edited_since() -> None:
    stack = MemoryStack()
    job = stack.create(every(60_000, START_MS + 60_000))
    blank = Dispatch(TENANT, str(ExecutionId(job.id, START_MS)), 1, 1, START_MS, recorded=False).blank()
    marked_dead = ended_unrun(blank, State.DEAD, "given up by the queue", START_MS)
    stack.executions.swap(marked_dead, None)
    stack.job_service.pause(TENANT, job.id)
    assert redrive(stack, marked_dead.id).ids == [marked_dead.id]
    stack.turn_for(10_000)
    assert stack.effects() == [marked_dead.id]


@pytest.mark.parametrize("state", State)
def test_dead_letters_alone_can_be_redriven(state: State) -> None:
    record = Execution(TENANT, str(ExecutionId("j0000000000000001", 1)), state, 1, 1, attempt=3)
    if state in DEAD_LETTERS:
        again = redriven(record, 7)
        assert (again.state, again.tries, again.attempt, again.expires_ms()) == (State.QUEUED, 0, 3, 7 + RETENTION_MS)
    elif state is not State.QUEUED and state is not State.RUNNING:
        with pytest.raises(IllegalTransition):
            redriven(record, 7)


# --- overlap --------------------------------------------------------------------------------------------------


def _died(bench: Bench, number: int) -> str:
    """A run of the job that ended as dead, and has let go of the lock."""
    bench.stack.caller.answers = lambda _: FAILED
    assert [bench.handle(number), bench.handle(number, attempt=2)] == ["retrying", "dead"]
    bench.stack.caller.answers = lambda _: OK
    return bench.id(number)


def _again(bench: Bench, number: int) -> str:
    return bench.stack.runner.handle(replace(bench.message(number, attempt=3))).why


def test_a_redriven_run_waits_for_its_turn_and_keeps_its_number() -> None:
    bench = Bench(Overlap.QUEUE)
    id = _died(bench, 0)
    redrive(bench.stack, id)
    bench.stack.world.singles.clear()
    seen = bench.during(lambda: _again(bench, 0))
    assert bench.handle(1) == "succeeded"
    assert seen == ["queued"]
    assert {(entry.execution, entry.attempt) for entry in bench.waiting()} == {(id, 3)}
    assert _again(bench, 0) == "succeeded"
    assert bench.lock is not None
    assert bench.lock.holder == ""


@pytest.mark.parametrize("first", [True, False])
def test_who_saw_it_dead_and_takes_the_lock_comes_too_late_or_goes_first(first: bool) -> None:
    """Its worker had died before it let go of the lock; another run takes that while it is redriven."""
    bench = Bench(Overlap.QUEUE)
    id = _died(bench, 0)
    lock = bench.lock
    assert lock is not None
    held = lock.given(id, bench.stack.clock.now_ms())
    bench.stack.locks.swap(held)
    redrive(bench.stack, id)
    taken = held.given(bench.id(1), bench.stack.clock.now_ms())

    def other_takes() -> Lock | None:
        return bench.stack.locks.swap(taken)

    seen: list[object] = []
    _between(bench, lambda: seen.append(other_takes()), before_confirm=first)
    why = _again(bench, 0)
    if first:
        assert (seen, why) == ([None], "queued")
    else:
        assert why == "succeeded"
        assert seen[0] is not None


def _between(bench: Bench, act: Callable[[], object], *, before_confirm: bool) -> None:
    """Lets something happen after the redriven run's worker has read the lock, before or after it writes it."""
    locks = bench.stack.locks
    swap = locks.swap

    def tapped(new: Lock) -> Lock | None:
        locks.swap = swap  # type: ignore[method-assign]
        if before_confirm:
            act()
        result = swap(new)
        if not before_confirm:
            act()
        return result

    locks.swap = tapped  # type: ignore[method-assign]
