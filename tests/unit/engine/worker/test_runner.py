"""The worker's runner: claim, wait, call, retry entry, finish; and what a second message finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.decisions.retry import delay_ms, is_worth_retrying
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Job
from tidewheel.domain.jobs.policies import RetryPolicy, Strategy
from tidewheel.domain.jobs.precision import CLAIM_EARLY_MS
from tidewheel.domain.limits import LEASE_MS, STOP_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.engine.worker.disposition import Action, Disposition
from tidewheel.ports import Call, PortError


def scheduled(stack: MemoryStack, **fields: object) -> tuple[Job, Dispatch]:
    """A job and the message of its first occurrence, which the wheel has not sent."""
    job = stack.create(every(60_000, START_MS + 30_000), **fields)
    id = str(ExecutionId(job.id, START_MS + 30_000))
    return job, Dispatch(TENANT, id, 1, job.generation, START_MS + 30_000, recorded=False)


def stored(stack: MemoryStack, dispatch: Dispatch) -> Execution:
    return stack.execution_service.get(TENANT, dispatch.execution)


def answering(stack: MemoryStack, *answers: Answer) -> None:
    queue = list(answers)
    stack.caller.answers = lambda _call: queue.pop(0)


FAILED = Answer(Result.FAILED, 500, "", "HTTP 500")
REFUSED = Answer(Result.FAILED, 404, "", "HTTP 404", retryable=False)
SLOW = Answer(Result.TIMED_OUT, reason="no answer within 1000 ms")


def test_an_early_message_is_claimed_held_and_called_at_its_due_time() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    assert stack.runner.handle(dispatch) == Disposition(Action.ACK, "succeeded")
    ((called_ms, call),) = stack.caller.calls
    assert called_ms == dispatch.due_ms
    assert (call.execution, call.attempt, call.nominal_ms) == (dispatch.execution, 1, START_MS + 30_000)
    record = stored(stack, dispatch)
    assert (record.state, record.lateness_ms, record.output, record.version) == (State.SUCCEEDED, 0, "ok", 2)
    assert record.claimed_ms == dispatch.due_ms - CLAIM_EARLY_MS
    assert record.lease_until_ms == dispatch.due_ms + LEASE_MS


def test_a_second_attempt_is_not_early_either() -> None:
    """The first was handed over before the due time, by a worker that had claimed it and had to end."""
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    record = replace(dispatch.blank(), state=State.RETRYING, attempt=1, uncounted_attempts=1, version=2)
    stack.world.executions[TENANT, record.id] = record
    stack.clock.sleep_until(dispatch.due_ms - 200)
    assert stack.runner.handle(replace(dispatch, attempt=2, recorded=True)).why == "succeeded"
    ((called_ms, _),) = stack.caller.calls
    assert called_ms == dispatch.due_ms
    assert stored(stack, dispatch).lease_until_ms == dispatch.due_ms + LEASE_MS


def test_lateness_is_the_start_of_the_first_call_minus_the_due_time() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    stack.clock.advance(32_500)
    stack.runner.handle(dispatch)
    assert stored(stack, dispatch).lateness_ms == 2_500


def test_a_duplicate_of_an_ended_execution_changes_nothing() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    stack.runner.handle(dispatch)
    before = stored(stack, dispatch)
    assert stack.runner.handle(dispatch) == Disposition(Action.ACK, "duplicate")
    assert stored(stack, dispatch) == before
    assert len(stack.caller.calls) == 1


def test_a_duplicate_of_a_live_claim_comes_back_when_the_lease_has_ended() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    seen: list[Disposition] = []

    def reentrant(_call: Call) -> Answer:
        seen.append(stack.runner.handle(dispatch))
        return Answer(Result.SUCCEEDED)

    stack.caller.answers = reentrant
    stack.runner.handle(dispatch)
    (disposition,) = seen
    assert (disposition.action, disposition.why) == (Action.RETRY_LATER, "busy")
    assert disposition.delay_ms == LEASE_MS + TAKEOVER_GRACE_MS
    assert len(stack.caller.calls) == 1


def test_a_vanished_workers_attempt_is_lost_and_the_next_one_begins() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)

    def vanish(_call: Call) -> Answer:
        raise RuntimeError("killed")

    stack.caller.answers = vanish
    with pytest.raises(RuntimeError):
        stack.runner.handle(dispatch)
    answering(stack, Answer(Result.SUCCEEDED, 200, "second"))
    assert stack.runner.handle(dispatch).action is Action.RETRY_LATER
    stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1)
    assert stack.runner.handle(dispatch) == Disposition(Action.ACK, "succeeded")
    record = stored(stack, dispatch)
    assert (record.attempt, record.state, record.output) == (2, State.SUCCEEDED, "second")
    assert [attempt.result for attempt in record.attempts] == [Result.WORKER_LOST, Result.SUCCEEDED]
    assert stack.caller.calls[-1][1].attempt == 2  # the fencing token has risen


def freezing(stack: MemoryStack, duration_ms: int) -> None:
    """The next write of a record lets so much time pass before the worker goes on."""
    swap = stack.executions.swap

    def freeze(new: Execution, version: int | None) -> Execution | None:
        stack.executions.swap = swap  # type: ignore[method-assign]
        standing = swap(new, version)
        stack.clock.advance(duration_ms)
        return standing

    stack.executions.swap = freeze  # type: ignore[method-assign]


def test_a_worker_that_froze_until_its_lease_was_over_hands_over_instead_of_calling() -> None:
    """Its message may be gone: whoever got it meanwhile may have dropped an occurrence that had no record yet."""
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    stack.clock.advance(30_000)
    freezing(stack, LEASE_MS - STOP_MS)
    assert stack.runner.handle(dispatch) == Disposition(Action.ACK, "retrying")
    assert not stack.caller.calls
    record = stored(stack, dispatch)
    assert (record.tries, [attempt.result for attempt in record.attempts]) == (0, [Result.HANDED_OVER])
    stack.turn_for(5_000)
    assert [call.attempt for _, call in stack.caller.calls] == [2]
    assert stored(stack, dispatch).state is State.SUCCEEDED


def test_nothing_is_called_whose_deadline_passed_since_its_claim() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack, deadline_ms=5_000)
    stack.clock.advance(30_000)
    freezing(stack, 5_000)
    assert stack.runner.handle(dispatch).why == "timed_out"
    assert not stack.caller.calls
    assert "deadline" in stored(stack, dispatch).reason


def test_a_fenced_worker_leaves_the_message_to_the_one_that_has_the_execution() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)

    def slow(call: Call) -> Answer:
        if call.attempt == 1:
            stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1)
            stack.caller.answers = lambda _call: (_ for _ in ()).throw(RuntimeError("killed"))
            with pytest.raises(RuntimeError):
                stack.runner.handle(dispatch)
        return Answer(Result.SUCCEEDED, output="late")

    stack.caller.answers = slow
    assert stack.runner.handle(dispatch) == Disposition(Action.RETRY_LATER, "fenced", LEASE_MS + TAKEOVER_GRACE_MS)


def test_a_message_past_its_deadline_finds_the_attempt_that_another_lost() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack, deadline_ms=20_000)
    stack.caller.answers = lambda _call: (_ for _ in ()).throw(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        stack.runner.handle(dispatch)
    stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1)
    assert stack.runner.handle(dispatch) == Disposition(Action.ACK, "timed_out")
    assert [attempt.result for attempt in stored(stack, dispatch).attempts] == [Result.WORKER_LOST]


def test_the_last_attempt_lost_ends_dead() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack, retry=RetryPolicy(max_attempts=1))
    stack.caller.answers = lambda _call: (_ for _ in ()).throw(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        stack.runner.handle(dispatch)
    stack.clock.advance(10**6)
    assert stack.runner.handle(dispatch) == Disposition(Action.ACK, "dead")
    assert stored(stack, dispatch).attempts[-1].result is Result.WORKER_LOST
    assert len(stack.caller.calls) == 1


def test_a_fenced_worker_does_not_overwrite_its_successor() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)

    def slow(call: Call) -> Answer:
        if call.attempt == 1:  # suspended past its lease, while another takes over and finishes
            stack.clock.advance(10**6)
            stack.runner.handle(dispatch)
            return Answer(Result.SUCCEEDED, output="late")
        return Answer(Result.SUCCEEDED, output="successor")

    stack.caller.answers = slow
    assert stack.runner.handle(dispatch).why == "fenced"
    assert stored(stack, dispatch).output == "successor"


@pytest.mark.parametrize(
    ("written", "output", "is_stored"),
    [(b"", "ok", False), (b"ok", "ok", False), (b"o\xffk\x00", "o\ufffdk", False), (b"by the way", "ok", True)],
)
def test_a_short_log_is_stored_unless_the_answer_says_it(written: bytes, output: str, is_stored: bool) -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)

    def writing(call: Call) -> Answer:
        call.progress.write(written)
        return Answer(Result.SUCCEEDED, output=output)

    stack.caller.answers = writing
    stack.runner.handle(dispatch)
    parts = [data for _, data in stack.logs.read(TENANT, dispatch.execution, 1)]
    assert parts == ([written] if is_stored else [])


@pytest.mark.parametrize(
    ("on", "is_retried"), [((), True), (("error",), True), (("timeout",), False), (("5xx", "404"), False)]
)
def test_a_programs_exit_status_is_an_error_and_no_status_of_http(on: tuple[str, ...], is_retried: bool) -> None:
    for status in (1, 4, 255):
        answer = Answer(Result.FAILED, status, reason=f"exit status {status}")
        assert is_worth_retrying(RetryPolicy(on=on), answer) is is_retried


# --- retries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_retry_waits_on_the_wheel_for_its_delay(strategy: Strategy) -> None:
    stack = MemoryStack()
    policy = RetryPolicy(max_attempts=4, strategy=strategy, base_ms=20_000, jitter=0.1)
    stack.create(At(START_MS + 1_000), retry=policy)
    answering(stack, FAILED, FAILED, FAILED, FAILED)
    stack.turn_for(400_000)
    times = [called for called, _ in stack.caller.calls]
    ((_, call), *_) = stack.caller.calls
    due = [times[n - 1] + delay_ms(policy, n, call.execution) for n in (1, 2, 3)]
    assert all(called >= wanted for called, wanted in zip(times[1:], due, strict=True))
    assert all(called - wanted < 1_200 for called, wanted in zip(times[1:], due, strict=True))
    assert [call.attempt for _, call in stack.caller.calls] == [1, 2, 3, 4]
    record = stack.execution_service.get(TENANT, call.execution)
    assert record.state is State.DEAD
    assert len(record.attempts) == 4
    assert not any(stack.world.singles.values())


@pytest.mark.parametrize(
    ("answer", "attempts", "state"),
    [(FAILED, 2, State.DEAD), (SLOW, 2, State.TIMED_OUT), (REFUSED, 1, State.FAILED)],
)
def test_how_it_ends(answer: Answer, attempts: int, state: State) -> None:
    stack = MemoryStack()
    stack.create(None, retry=RetryPolicy(max_attempts=2, base_ms=1_000))
    stack.caller.answers = lambda _call: answer
    stack.turn_for(60_000)
    assert len(stack.caller.calls) == attempts
    assert stack.execution_service.get(TENANT, stack.caller.calls[0][1].execution).state is state


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_call_says_whether_its_job_lets_it_be_repeated(attempts: int) -> None:
    stack = MemoryStack()
    stack.create(None, retry=RetryPolicy(max_attempts=attempts))
    stack.turn_for(10_000)
    ((_, call),) = stack.caller.calls
    assert call.repeatable == (attempts > 1)


def test_the_retry_entry_is_durable_before_the_finish_is_written() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    stack.caller.answers = lambda _call: FAILED
    put = stack.wheel.put

    def checked(placed):
        assert stored(stack, dispatch).state is State.RUNNING
        put(placed)

    stack.wheel.put = checked  # type: ignore[method-assign]
    stack.runner.handle(dispatch)
    assert stored(stack, dispatch).state is State.RETRYING


def test_a_finish_that_failed_is_settled_by_the_message_that_comes_back() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    swap = stack.executions.swap

    def flaky(new: Execution, expected: int | None) -> Execution | None:
        if new.attempt == 1 and new.state is not State.RUNNING:  # until its lease is over, and the next attempt claimed
            raise PortError("executions.swap", new.id, "throttled")
        return swap(new, expected)

    stack.executions.swap = flaky  # type: ignore[method-assign]
    with pytest.raises(PortError):
        stack.runner.handle(dispatch)
    stack.clock.advance(10**6)
    stack.runner.handle(dispatch)
    record = stored(stack, dispatch)
    assert record.state is State.SUCCEEDED
    assert [attempt.result for attempt in record.attempts] == [Result.WORKER_LOST, Result.SUCCEEDED]


def test_a_claim_that_was_applied_though_reported_as_failed_is_not_claimed_twice() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    swap = stack.executions.swap
    answering(stack, Answer(Result.SUCCEEDED))

    def applied_then_failed(new: Execution, expected: int | None) -> Execution | None:
        swap(new, expected)
        stack.executions.swap = swap  # type: ignore[method-assign]
        raise PortError("executions.swap", new.id, "reset by peer")

    stack.executions.swap = applied_then_failed  # type: ignore[method-assign]
    with pytest.raises(PortError):
        stack.runner.handle(dispatch)
    assert stack.runner.handle(dispatch).why == "busy"
    assert not stack.caller.calls


def test_an_old_attempts_duplicate_is_obsolete_while_a_retry_waits() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack)
    answering(stack, FAILED)
    stack.runner.handle(dispatch)
    assert stack.runner.handle(replace(dispatch, recorded=True)) == Disposition(Action.ACK, "duplicate")
    assert stack.runner.handle(dispatch) == Disposition(Action.ACK, "duplicate")


# --- edits --------------------------------------------------------------------------------------------------


def renamed(_id: str, _now: int, existing: Definition | None) -> Definition:
    assert existing is not None
    return replace(existing, name="renamed")


def test_an_occurrence_past_an_edit_is_not_run_under_its_old_generation() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    stack.job_service.edit(TENANT, job.id, renamed)
    assert stack.runner.handle(dispatch) == Disposition(Action.ACK, "unwanted")
    assert not stack.caller.calls
    assert stack.runner.handle(replace(dispatch, generation=2)).why == "succeeded"


def test_a_pause_counts_while_an_early_message_is_held() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    sleep_until = stack.clock.sleep_until

    def paused_meanwhile(instant_ms: int) -> None:
        if not stack.world.executions and stack.jobs.get(TENANT, job.id).generation == 1:
            stack.job_service.pause(TENANT, job.id)
        sleep_until(instant_ms)

    stack.clock.sleep_until = paused_meanwhile  # type: ignore[method-assign]
    assert stack.runner.handle(dispatch) == Disposition(Action.ACK, "unwanted")
    assert not stack.caller.calls


def test_an_occurrence_before_an_edit_still_runs() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    stack.clock.advance(40_000)
    stack.job_service.edit(TENANT, job.id, renamed)
    stack.clock.advance(100)
    stack.job_service.pause(TENANT, job.id)
    assert stack.runner.handle(dispatch).why == "succeeded"


def test_an_occurrence_between_two_edits_is_judged_by_the_first() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    stack.clock.advance(10_000)
    stack.job_service.edit(TENANT, job.id, renamed)  # in force from before the occurrence
    stack.clock.advance(40_000)
    stack.job_service.pause(TENANT, job.id)  # in force from after it
    assert stack.runner.handle(dispatch).why == "unwanted"
    assert stack.runner.handle(replace(dispatch, generation=2)).why == "succeeded"


def test_a_waiting_retry_survives_an_edit_and_a_pause() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    answering(stack, FAILED, Answer(Result.SUCCEEDED))
    stack.runner.handle(dispatch)
    stack.job_service.edit(TENANT, job.id, renamed)
    stack.job_service.pause(TENANT, job.id)
    stack.turn_for(30_000)
    assert stored(stack, dispatch).state is State.SUCCEEDED


def test_a_deleted_jobs_waiting_retry_ends_as_cancelled() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    answering(stack, FAILED)
    stack.runner.handle(dispatch)
    stack.job_service.delete(TENANT, job.id)
    stack.turn_for(30_000)
    record = stored(stack, dispatch)
    assert record.state is State.CANCELLED
    assert record.reason
    assert len(stack.caller.calls) == 1


@pytest.mark.parametrize("act", ["edit", "delete"])
def test_a_started_occurrence_whose_worker_vanished_is_settled_whatever_became_of_the_job(act: str) -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    stack.caller.answers = lambda _call: (_ for _ in ()).throw(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        stack.runner.handle(dispatch)
    if act == "edit":
        stack.clock._now_ms = START_MS  # the edit's effective time lies before the occurrence
        stack.job_service.edit(TENANT, job.id, renamed)
    else:
        stack.job_service.delete(TENANT, job.id)
    assert stack.runner.handle(dispatch).why == "busy"
    stack.clock.advance(10**6)
    answering(stack, Answer(Result.SUCCEEDED))
    stack.runner.handle(dispatch)
    record = stored(stack, dispatch)
    assert record.state is (State.SUCCEEDED if act == "edit" else State.CANCELLED)
    assert record.attempts[0].result is Result.WORKER_LOST


def test_a_run_by_hand_is_named_by_no_generation() -> None:
    stack = MemoryStack()
    job, _ = scheduled(stack)
    stack.workers_up = False
    queued = stack.execution_service.run(TENANT, job.id)
    stack.job_service.pause(TENANT, job.id)
    stack.workers_up = True
    stack.turn_for(5_000)
    assert stack.execution_service.get(TENANT, queued.id).state is State.SUCCEEDED


def test_a_message_newer_than_the_record_that_was_read_makes_it_read_again() -> None:
    stack = MemoryStack()
    job, dispatch = scheduled(stack)
    stack.job_service.edit(TENANT, job.id, renamed)
    get = stack.jobs.get

    def stale(tenant: str, id: str, *, consistent: bool = False) -> Job | None:
        return get(tenant, id) if consistent else job

    stack.jobs.get = stale  # type: ignore[method-assign]
    assert stack.runner.handle(replace(dispatch, generation=2)).why == "succeeded"


def test_a_waiting_entry_says_all_that_its_message_needs() -> None:
    stack = MemoryStack()
    _, dispatch = scheduled(stack, priority="critical")
    answering(stack, FAILED)
    stack.runner.handle(dispatch)
    entries = [entry for slot in list(stack.world.singles) for entry in stack.wheel.load(slot).singles.values()]
    (retry,) = [entry for entry in entries if isinstance(entry, ExecutionEntry)]
    assert (retry.attempt, retry.execution, retry.route.priority) == (2, dispatch.execution, "critical")
