"""Cancel: in every state, against everyone who may write the record at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.long_call import LongCall
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tests.support.overlap_bench import FAILED, GUARDED, OK, Bench
from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.ledger import MISSING
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import Result, State, is_end
from tidewheel.domain.executions.transitions import cancel_requested, claimed, renewed
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Definition, Job
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy, Strategy
from tidewheel.domain.limits import (
    CANCEL_REASON_CHARS,
    DAY_MS,
    HOUR_MS,
    LEASE_MS,
    MAX_RETURNS,
    REASON_CHARS,
    RENEW_MS,
    RETENTION_MS,
    TAKEOVER_GRACE_MS,
)
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.engine.api.ledger import LedgerService
from tidewheel.engine.recovery.dead_letter_handler import DeadLetter
from tidewheel.engine.worker.lease_renewer import TICK_MS
from tidewheel.ports import Call, PortError
from tidewheel.wire.message import dump

FIRST_MS = START_MS + 30_000
ASKED = "someone cancelled it: wrong recipients"
RETRY = RetryPolicy(3, Strategy.FIXED, base_ms=20_000, cap_ms=20_000, jitter=0)


def scheduled(stack: MemoryStack, **fields: object) -> tuple[Job, Dispatch]:
    """A job each minute, and the message of its first occurrence."""
    job = stack.create(every(60_000, FIRST_MS), retry=RETRY, **fields)
    id = str(ExecutionId(job.id, FIRST_MS))
    return job, Dispatch(TENANT, id, 1, job.generation, FIRST_MS, recorded=False)


def cancel(stack: MemoryStack, id: str) -> Execution:
    return stack.cancel.run(TENANT, id, "wrong recipients")


def stored(stack: MemoryStack, id: str) -> Execution:
    return stack.execution_service.get(TENANT, id)


def standing(record: Execution) -> tuple[State, str]:
    return record.state, record.reason


def before_swap(stack: MemoryStack, act: Callable[[], object], times: int = 1) -> None:
    """Lets something happen just before a record is written, so many times."""
    swap, left = stack.executions.swap, [None] * times

    def tapped(new: Execution, expected: int | None) -> Execution | None:
        if left:
            left.pop()
            stack.executions.swap = swap  # type: ignore[method-assign]
            act()
            stack.executions.swap = tapped  # type: ignore[method-assign]
        return swap(new, expected)

    stack.executions.swap = tapped  # type: ignore[method-assign]


# --- what no worker holds -----------------------------------------------------------------------------------


def test_a_queued_run_never_starts() -> None:
    stack = MemoryStack()
    stack.workers_up = False
    job, _ = scheduled(stack)
    queued = stack.execution_service.run(TENANT, job.id)
    assert standing(cancel(stack, queued.id)) == (State.CANCELLED, ASKED)
    stack.workers_up = True
    stack.turn_for(5_000)
    assert stack.effects() == []
    record = stored(stack, queued.id)
    assert (standing(record), record.finished_ms) == ((State.CANCELLED, ASKED), START_MS)


def test_what_waits_for_a_retry_is_not_tried_again() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    stack.caller.answers = lambda _call: FAILED
    assert stack.runner.handle(dispatch).why == "retrying"
    assert cancel(stack, dispatch.execution).state is State.CANCELLED
    stack.turn_for(45_000)
    assert stack.effects() == [dispatch.execution]
    assert stored(stack, dispatch.execution).attempts[-1].result is Result.FAILED


def test_a_repeat_changes_nothing() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    first = cancel(stack, dispatch.execution)
    stack.clock.advance(5_000)
    assert stack.cancel.run(TENANT, dispatch.execution, "another reason") == first
    assert stack.telemetry.counts["execution_cancelled"] == 1


@pytest.mark.parametrize("state", [state for state in State if is_end(state) and state is not State.CANCELLED])
def test_what_has_ended_otherwise_says_how(state: State) -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    ended = replace(dispatch.blank(), state=state, version=1)
    stack.executions.swap(ended, None)
    with pytest.raises(Conflict, match=f"it has ended as {state}"):
        cancel(stack, dispatch.execution)
    assert stored(stack, dispatch.execution) == ended


def test_a_deleted_jobs_run_can_be_cancelled_too() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack, overlap=Overlap.QUEUE)
    stack.caller.answers = lambda _call: FAILED
    stack.runner.handle(dispatch)
    stack.job_service.delete(TENANT, job.id)
    assert cancel(stack, dispatch.execution).state is State.CANCELLED


def test_a_write_that_was_applied_though_it_was_reported_as_failed_is_found_by_the_repeat() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    swap = stack.executions.swap

    def applied(new: Execution, expected: int | None) -> Execution | None:
        swap(new, expected)
        stack.executions.swap = swap  # type: ignore[method-assign]
        raise PortError("executions.swap", new.id, "no answer")

    stack.executions.swap = applied  # type: ignore[method-assign]
    with pytest.raises(PortError):
        cancel(stack, dispatch.execution)
    assert cancel(stack, dispatch.execution).version == 1


def test_the_longest_reason_fits() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    record = stack.cancel.run(TENANT, dispatch.execution, "x" * CANCEL_REASON_CHARS)
    assert len(record.reason) <= REASON_CHARS
    assert record.reason.endswith("x" * CANCEL_REASON_CHARS)


def test_no_reason_need_be_given() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    assert stack.cancel.run(TENANT, dispatch.execution).reason == "someone cancelled it"


# --- what runs ----------------------------------------------------------------------------------------------


def test_a_worker_ends_its_call_at_the_next_renewal() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    seen: list[Execution] = []
    call = LongCall(stack, 50_000, {12_000: lambda _: seen.append(cancel(stack, dispatch.execution))})
    assert stack.runner.handle(dispatch).why == "cancelled"
    assert (seen[0].state, seen[0].cancel) == (State.RUNNING, ASKED)
    assert 12_000 < call.took_ms <= 12_000 + RENEW_MS + TICK_MS
    record = stored(stack, dispatch.execution)
    assert (standing(record), record.cancel) == ((State.CANCELLED, ASKED), "")
    assert [attempt.result for attempt in record.attempts] == [Result.CANCELLED]
    stack.turn_for(25_000)
    assert call.calls == 1


def test_a_cancel_request_that_is_on_record_stays_as_it_is() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    seen: list[Execution] = []

    def twice(_call: Call) -> None:
        seen.append(cancel(stack, dispatch.execution))
        seen.append(stack.cancel.run(TENANT, dispatch.execution, "another"))

    LongCall(stack, 5_000, {1_000: twice})
    stack.runner.handle(dispatch)
    assert seen[0] == seen[1]


def test_a_success_counts_all_the_same() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    LongCall(stack, 5_000, {1_000: lambda _: cancel(stack, dispatch.execution)})
    assert stack.runner.handle(dispatch).why == "succeeded"
    record = stored(stack, dispatch.execution)
    assert (record.state, record.cancel) == (State.SUCCEEDED, "")


def test_a_call_that_fails_before_its_worker_knew_is_cancelled_at_its_finish() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    call = LongCall(stack, 5_000, {1_000: lambda _: cancel(stack, dispatch.execution)}, answer=FAILED)
    assert stack.runner.handle(dispatch).why == "cancelled"
    assert call.stopped is None
    stack.turn_for(25_000)  # in which the retry would be due that was put before the wish was found
    assert call.calls == 1
    assert standing(stored(stack, dispatch.execution)) == (State.CANCELLED, ASKED)


@pytest.mark.parametrize("most", [1, 3])
def test_who_takes_it_over_from_a_dead_worker_ends_it_instead(most: int) -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    stack.caller.answers = lambda _call: (_ for _ in ()).throw(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        stack.runner.handle(dispatch)
    stack.caller.answers = lambda _call: OK
    stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1 if most == 1 else HOUR_MS)
    asked = cancel(stack, dispatch.execution)
    assert (asked.state, asked.cancel) == (State.RUNNING, ASKED)
    assert stack.runner.handle(dispatch).why == "cancelled"
    record = stored(stack, dispatch.execution)
    assert (standing(record), record.cancel, record.holder) == ((State.CANCELLED, ASKED), "", "")
    assert [attempt.result for attempt in record.attempts] == [Result.WORKER_LOST]
    assert len(stack.caller.calls) == 1


def test_renewals_that_come_between_are_outlasted() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    running = claimed(dispatch.blank(), 1, "w", START_MS, received_ms=START_MS)
    stack.executions.swap(running, None)

    def renew() -> None:
        record = stored(stack, dispatch.execution)
        stack.executions.swap(renewed(record, "", stack.clock.now_ms()), record.version)

    before_swap(stack, renew, times=3)
    assert cancel(stack, dispatch.execution).cancel == ASKED
    before_swap(stack, renew, times=100)
    stack.world.executions[TENANT, dispatch.execution] = running
    with pytest.raises(Conflict, match="try again"):
        cancel(stack, dispatch.execution)


@pytest.mark.parametrize(
    ("answer", "state"), [(OK, State.SUCCEEDED), (FAILED, State.CANCELLED), (Answer(Result.TIMED_OUT), State.CANCELLED)]
)
def test_an_attempt_that_ends_just_before_the_cancel_request_is_written(answer: Answer, state: State) -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    record = claimed(dispatch.blank(), 1, "w", FIRST_MS, received_ms=FIRST_MS)
    stack.executions.swap(record, None)

    def finish() -> None:
        stack.clock.advance(HOUR_MS)
        stack.caller.answers = lambda _call: answer
        stack.runner.handle(dispatch)  # takes it over, and ends an attempt

    before_swap(stack, finish)
    if state is State.SUCCEEDED:
        with pytest.raises(Conflict, match="succeeded"):
            cancel(stack, dispatch.execution)
    else:
        assert cancel(stack, dispatch.execution).state is state
    assert stored(stack, dispatch.execution).state is state


# --- what has not begun -------------------------------------------------------------------------------------


def test_an_occurrence_to_come_does_not_run_and_the_others_do() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    second = str(ExecutionId(job.id, FIRST_MS + 60_000))
    record = cancel(stack, second)
    assert (standing(record), record.due_ms, record.expires_ms()) == (
        (State.CANCELLED, ASKED),
        FIRST_MS + 60_000,
        FIRST_MS + 60_000 + RETENTION_MS,
    )
    stack.turn_for(200_000)
    third = str(ExecutionId(job.id, FIRST_MS + 120_000))
    assert stack.effects() == [dispatch.execution, third]
    lines = LedgerService(stack.jobs, stack.executions, stack.clock).report(TENANT, job.id, None, None).lines
    assert [line.state for line in lines] == [State.SUCCEEDED, State.CANCELLED, State.SUCCEEDED]


def test_its_due_time_has_the_jobs_spread() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack, jitter_ms=20_000, window_ms=20_000)
    assert cancel(stack, dispatch.execution).due_ms == job.due(FIRST_MS) > FIRST_MS


def test_one_that_waits_in_the_queue_does_not_run() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    stack.workers_up = False
    stack.turn_for(40_000)
    assert cancel(stack, dispatch.execution).state is State.CANCELLED
    stack.workers_up = True
    stack.pump()
    assert stack.effects() == []
    assert stack.telemetry.counts["message_handled[outcome=duplicate]"] == 1


def test_a_one_time_job_can_be_cancelled_ahead() -> None:
    stack = MemoryStack()
    job = stack.create(At(START_MS + DAY_MS))
    assert cancel(stack, str(ExecutionId(job.id, START_MS + DAY_MS))).state is State.CANCELLED
    with pytest.raises(NotFound):
        cancel(stack, str(ExecutionId(job.id, START_MS + 2 * DAY_MS)))


@pytest.mark.parametrize(
    "id",
    [
        ExecutionId("jzzzzzzzzzzzzzzzz", FIRST_MS),
        ExecutionId("", FIRST_MS + 1),
        ExecutionId("", FIRST_MS - 60_000),  # before the job was
        ExecutionId("", FIRST_MS, Origin.RUN, "1"),
        ExecutionId("", FIRST_MS, Origin.BACKFILL, "1"),
    ],
)
def test_what_no_schedule_names_is_not_found(id: ExecutionId) -> None:
    stack = MemoryStack()
    job, _ = scheduled(stack)
    with pytest.raises(NotFound):
        cancel(stack, str(replace(id, job=id.job or job.id)))
    assert not stack.world.executions


def _paused(stack: MemoryStack, job: Job) -> None:
    stack.job_service.pause(TENANT, job.id)


def _deleted(stack: MemoryStack, job: Job) -> None:
    stack.job_service.delete(TENANT, job.id)


def _rescheduled(stack: MemoryStack, job: Job) -> None:
    def builder(_id: str, _now: int, existing: Definition | None) -> Definition:
        assert existing is not None
        return replace(existing, schedule=Schedule(every(60_000, FIRST_MS + 1)))

    stack.job_service.edit(TENANT, job.id, builder)


@pytest.mark.parametrize(("act", "before"), [(_paused, True), (_rescheduled, True), (_deleted, False)])
def test_the_generations_say_what_is_named(act: Callable[[MemoryStack, Job], None], before: bool) -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    stack.clock.advance(40_000)  # its first message lies in the queue
    act(stack, job)
    with pytest.raises(NotFound):
        cancel(stack, str(ExecutionId(job.id, FIRST_MS + 60_000)))
    if before:
        assert cancel(stack, dispatch.execution).state is State.CANCELLED
    else:
        with pytest.raises(NotFound):
            cancel(stack, dispatch.execution)


def test_what_would_have_expired_is_not_found() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    stack.clock.advance(30_000 + RETENTION_MS)
    with pytest.raises(NotFound):
        cancel(stack, dispatch.execution)
    stack.clock.advance(-1)
    assert cancel(stack, dispatch.execution).state is State.CANCELLED


def test_if_the_claim_comes_first_a_cancel_is_requested() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    running = claimed(dispatch.blank(), 1, "w", START_MS, received_ms=START_MS)
    before_swap(stack, lambda: stack.executions.swap(running, None))
    record = cancel(stack, dispatch.execution)
    assert (record.state, record.cancel, record.version) == (State.RUNNING, ASKED, 2)


@pytest.mark.parametrize("overlap", list(Overlap))
def test_a_claim_that_comes_second_finds_it_ended(overlap: Overlap) -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack, overlap=overlap)
    before_swap(stack, lambda: cancel(stack, dispatch.execution))
    assert stack.runner.handle(dispatch).why == "duplicate"
    assert stack.effects() == []
    lock = stack.locks.get(TENANT, job.id)
    assert lock is None or lock.holder == ""


def test_the_reconciler_does_not_take_it_for_a_sign_of_life() -> None:
    """Its chain broke before the instant that was cancelled ahead: those between are not to be missing for ever."""
    stack = MemoryStack()
    job, _ = scheduled(stack)
    instants = [FIRST_MS + 60_000 * n for n in range(4)]
    cancel(stack, str(ExecutionId(job.id, instants[2])))
    for singles in stack.world.singles.values():
        singles.clear()
    for packs in stack.world.packs.values():
        packs.clear()
    stack.turn_for(4 * 60_000 + 15 * 60_000)
    stack.reconcile.run()
    stack.turn_for(30_000)
    report = LedgerService(stack.jobs, stack.executions, stack.clock).report(TENANT, job.id, FIRST_MS, instants[3])
    assert [line.state for line in report.lines if line.state == MISSING] == []
    assert stack.telemetry.counts["schedule_repaired"] == 1


# --- overlap ------------------------------------------------------------------------------------------------


def _lock(bench: Bench) -> Lock:
    assert bench.lock is not None
    return bench.lock


@pytest.mark.parametrize("overlap", GUARDED)
def test_a_lock_passes_on_from_a_holder_that_waits_for_its_retry(overlap: Overlap) -> None:
    bench = Bench(overlap)
    bench.stack.caller.answers = lambda _call: FAILED
    assert bench.handle(0) == "retrying"
    bench.stack.caller.answers = lambda _call: OK
    assert _lock(bench).holder == bench.id(0)
    cancel(bench.stack, bench.id(0))
    assert _lock(bench).holder == ""
    assert bench.handle(1) == "succeeded"


def test_the_one_that_waits_is_called() -> None:
    bench = Bench(Overlap.QUEUE)
    bench.stack.caller.answers = lambda _call: FAILED
    assert [bench.handle(0), bench.handle(1)] == ["retrying", "queued"]
    bench.stack.caller.answers = lambda _call: OK
    bench.stack.world.singles.clear()
    cancel(bench.stack, bench.id(0))
    assert _lock(bench).holder == bench.id(1)
    assert [entry.execution for entry in bench.waiting()] == [bench.id(1)]
    assert bench.handle(1) == "succeeded"


def test_one_that_waits_can_be_cancelled() -> None:
    bench = Bench(Overlap.QUEUE)
    bench.stack.caller.answers = lambda _call: FAILED
    assert [bench.handle(0), bench.handle(1)] == ["retrying", "queued"]
    cancel(bench.stack, bench.id(1))
    assert bench.handle(2) == "queued"  # its place is free
    bench.stack.caller.answers = lambda _call: OK
    assert [bench.handle(0, attempt=2), bench.handle(2), bench.handle(1)] == ["succeeded", "succeeded", "duplicate"]
    assert bench.called == [0, 0, 2]


@pytest.mark.parametrize("again", ["request", "message"])
def test_a_request_that_died_before_the_lock_was_transferred_is_completed_later(again: str) -> None:
    bench = Bench(Overlap.QUEUE)
    bench.stack.caller.answers = lambda _call: FAILED
    assert [bench.handle(0), bench.handle(1)] == ["retrying", "queued"]
    bench.stack.caller.answers = lambda _call: OK
    swap = bench.stack.locks.swap

    def down(new: Lock) -> Lock | None:
        raise PortError("locks.swap", new.job, "no answer")

    bench.stack.locks.swap = down  # type: ignore[method-assign]
    with pytest.raises(PortError):
        cancel(bench.stack, bench.id(0))
    bench.stack.locks.swap = swap  # type: ignore[method-assign]
    assert (bench.record(0).state, _lock(bench).holder) == (State.CANCELLED, bench.id(0))
    if again == "request":
        cancel(bench.stack, bench.id(0))
    else:
        assert bench.handle(0, attempt=2) == "duplicate"
    assert _lock(bench).holder == bench.id(1)


def test_a_lock_that_others_keep_writing_is_to_be_asked_for_again() -> None:
    bench = Bench(Overlap.QUEUE)
    bench.stack.caller.answers = lambda _call: FAILED
    bench.handle(0)
    bench.stack.locks.swap = lambda new: new  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="try again"):
        cancel(bench.stack, bench.id(0))


def test_a_running_holder_keeps_its_lock_until_it_has_ended() -> None:
    bench = Bench(Overlap.QUEUE, timeout_ms=60_000)
    stack, seen = bench.stack, []

    def asked(_call: Call) -> None:
        cancel(stack, bench.id(0))
        seen.append(_lock(bench).holder)

    LongCall(stack, 50_000, {1_000: asked})
    assert bench.handle(0) == "cancelled"
    assert (seen, _lock(bench).holder) == ([bench.id(0)], "")


# --- dead letters -------------------------------------------------------------------------------------------


def test_an_execution_with_a_cancel_request_is_cancelled_not_dead_when_the_queue_gives_up() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    running = claimed(dispatch.blank(), 1, "w", START_MS, received_ms=START_MS)
    stack.executions.swap(cancel_requested(running, ASKED, START_MS), None)
    stack.clock.advance(HOUR_MS)
    assert stack.dead_letter_handler.handle([DeadLetter("m", dump(replace(dispatch, returns=MAX_RETURNS)))]) == []
    record = stored(stack, dispatch.execution)
    assert (standing(record), record.failure_key) == ((State.CANCELLED, ASKED), "")
