"""What follows from an attempt, whatever its answer, its policy, and what it was told meanwhile."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from tidewheel.domain.executions.decisions.outcome import Outcome, deadline_ms, outcome
from tidewheel.domain.executions.decisions.retry import delay_ms, is_worth_retrying, wait_ms
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import TRANSITIONS, Result, State, Stop, is_end
from tidewheel.domain.executions.transitions import finished
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Job, JobState, Target
from tidewheel.domain.jobs.policies import CAUSES, RetryPolicy, Strategy
from tidewheel.domain.limits import DAY_MS, HOUR_MS

DUE_MS = 1_795_000_000_000
JOB = "j0000000000000001"
POLICIES = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 100),
    strategy=st.sampled_from(Strategy),
    base_ms=st.integers(0, DAY_MS),
    cap_ms=st.integers(0, 7 * DAY_MS),
    jitter=st.floats(0, 1),
    on=st.lists(st.sampled_from([*CAUSES, "404", "429", "500"]), unique=True).map(tuple),
)
ANSWERS = st.builds(
    Answer,
    result=st.sampled_from([Result.SUCCEEDED, Result.FAILED, Result.TIMED_OUT]),
    status=st.none() | st.sampled_from([1, 200, 301, 404, 429, 500, 503]),
    output=st.text(max_size=5),
    reason=st.text(max_size=5),
    retryable=st.booleans(),
    retry_after_ms=st.none() | st.integers(0, 3 * DAY_MS),
)
STOPS = st.none() | st.sampled_from([stop for stop in Stop if stop is not Stop.LEASE_LOST])


@st.composite
def running(draw: st.DrawFn) -> Execution:
    """A record whose call has just returned."""
    attempt = draw(st.integers(1, 100))
    redriven = draw(st.none() | st.integers(DUE_MS, DUE_MS + DAY_MS))
    return Execution(
        "default",
        str(ExecutionId(JOB, DUE_MS)),
        State.RUNNING,
        DUE_MS,
        1,
        attempt=attempt,
        uncounted_attempts=draw(st.integers(0, attempt - 1)),
        redriven_ms=redriven,
        cancel=draw(st.sampled_from(["", "", "someone cancelled it"])),
        checkpoint=draw(st.sampled_from(["", "page 7"])),
    )


def a_job(policy: RetryPolicy, deadline: int, heartbeat: int = 5_000) -> Job:
    definition = Definition("n", None, Target("http", {}), retry=policy, deadline_ms=deadline, heartbeat_ms=heartbeat)
    return Job("default", JOB, definition, JobState.ACTIVE, 1, DUE_MS, DUE_MS, DUE_MS)


DEADLINES = st.just(0) | st.integers(1_000, 7 * DAY_MS)
NOWS = st.integers(DUE_MS, DUE_MS + 2 * DAY_MS)


def judged(answer: Answer, stop: Stop | None, record: Execution, job: Job, now: int) -> Outcome:
    return outcome(answer, stop, record, job, now)


@given(ANSWERS, STOPS, running(), POLICIES, DEADLINES, NOWS)
def test_an_outcome_is_a_step_of_the_state_table_and_waits_only_if_it_is_to_be_retried(
    answer: Answer, stop: Stop | None, record: Execution, policy: RetryPolicy, deadline: int, now: int
) -> None:
    job = a_job(policy, deadline)
    ending = judged(answer, stop, record, job, now)
    assert ending.state in TRANSITIONS[State.RUNNING]
    assert (ending.retry_ms is not None) == (ending.state is State.RETRYING)
    done = finished(record, ending.state, ending.answer, now, now)
    assert (done.version, len(done.attempts)) == (record.version + 1, 1)
    assert not (is_end(done.state) and done.cancel)


@given(ANSWERS, STOPS, running(), POLICIES, DEADLINES, NOWS)
def test_a_success_counts_whatever_else_was_said(
    answer: Answer, stop: Stop | None, record: Execution, policy: RetryPolicy, deadline: int, now: int
) -> None:
    ending = judged(replace(answer, result=Result.SUCCEEDED), stop, record, a_job(policy, deadline), now)
    assert ending.state is State.SUCCEEDED


@given(ANSWERS, STOPS, running(), POLICIES, DEADLINES, NOWS)
def test_what_is_cancel_requested_is_not_tried_again(
    answer: Answer, stop: Stop | None, record: Execution, policy: RetryPolicy, deadline: int, now: int
) -> None:
    assume(answer.result is not Result.SUCCEEDED)
    asked = replace(record, cancel="enough")
    ending = judged(answer, stop, asked, a_job(policy, deadline), now)
    assert (ending.state, ending.answer.result, ending.answer.reason) == (State.CANCELLED, Result.CANCELLED, "enough")


@given(ANSWERS, running(), POLICIES, DEADLINES, NOWS)
def test_what_is_handed_over_spends_no_attempt_and_waits_for_nothing(
    answer: Answer, record: Execution, policy: RetryPolicy, deadline: int, now: int
) -> None:
    assume(answer.result is not Result.SUCCEEDED and not record.cancel)
    job = a_job(policy, deadline)
    ending = judged(answer, Stop.DRAINED, record, job, now)
    done = finished(record, ending.state, ending.answer, now, now)
    assert ending.answer.result is Result.HANDED_OVER
    assert (done.tries, done.checkpoint) == (record.tries - 1, record.checkpoint)
    if now < deadline_ms(record, job):
        assert (ending.state, ending.retry_ms) == (State.RETRYING, now)
    else:
        assert ending.state is State.TIMED_OUT


@given(ANSWERS, STOPS, running(), POLICIES, DEADLINES, NOWS)
def test_attempts_never_exceed_the_maximum_nor_pass_the_deadline(
    answer: Answer, stop: Stop | None, record: Execution, policy: RetryPolicy, deadline: int, now: int
) -> None:
    job = a_job(policy, deadline)
    ending = judged(answer, stop, record, job, now)
    if ending.retry_ms is not None:
        assert record.tries < policy.max_attempts or ending.answer.result is Result.HANDED_OVER
        assert now <= ending.retry_ms < deadline_ms(record, job)


@given(ANSWERS, running(), POLICIES, NOWS)
def test_without_a_stop_the_answer_decides(answer: Answer, record: Execution, policy: RetryPolicy, now: int) -> None:
    assume(answer.result is not Result.SUCCEEDED and not record.cancel)
    ending = judged(answer, None, record, a_job(policy, 0), now)
    slow = answer.result is Result.TIMED_OUT
    if not is_worth_retrying(policy, answer):
        assert ending == Outcome(State.TIMED_OUT if slow else State.FAILED, answer)
    elif record.tries >= policy.max_attempts:
        assert ending == Outcome(State.TIMED_OUT if slow else State.DEAD, answer)
    else:
        wanted = now + wait_ms(policy, record.tries, record.id, answer)
        assert ending == Outcome(State.RETRYING, answer, wanted)


@given(ANSWERS, running(), POLICIES, NOWS, st.sampled_from([Stop.TIMED_OUT, Stop.SILENT]))
def test_a_call_whose_time_was_over_timed_out_whatever_it_said(
    answer: Answer, record: Execution, policy: RetryPolicy, now: int, stop: Stop
) -> None:
    assume(answer.result is not Result.SUCCEEDED and not record.cancel)
    told = judged(answer, stop, record, a_job(policy, 0), now).answer
    assert told.result is Result.TIMED_OUT
    if stop is Stop.TIMED_OUT:
        assert told.reason == (answer.reason if answer.result is Result.TIMED_OUT else "its time was over")


@given(running(), st.integers(1, 7 * DAY_MS))
def test_a_deadline_counts_from_the_redrive(record: Execution, deadline: int) -> None:
    job = a_job(RetryPolicy(), deadline)
    assert deadline_ms(record, job) == (record.redriven_ms or DUE_MS) + deadline
    assert deadline_ms(record, a_job(RetryPolicy(), 0)) > DUE_MS + 1_000 * 365 * DAY_MS


@given(POLICIES, st.integers(1, 100), st.text(min_size=1, max_size=30))
def test_a_delay_stays_within_its_jitter_and_is_the_same_for_everyone(
    policy: RetryPolicy, attempt: int, execution: str
) -> None:
    plain = delay_ms(replace(policy, jitter=0), attempt, execution)
    delay = delay_ms(policy, attempt, execution)
    assert plain <= policy.cap_ms
    assert plain * (1 - policy.jitter) - 1 <= delay <= plain * (1 + policy.jitter) + 1
    assert delay == delay_ms(policy, attempt, execution)


@given(POLICIES, st.integers(1, 99))
def test_a_plain_delay_never_shrinks_with_the_attempts(policy: RetryPolicy, attempt: int) -> None:
    plain = replace(policy, jitter=0)
    assert delay_ms(plain, attempt, "x") <= delay_ms(plain, attempt + 1, "x")


@given(POLICIES, st.integers(1, 100), ANSWERS)
def test_nobody_waits_less_than_the_strategy_or_more_than_a_day_longer(
    policy: RetryPolicy, attempt: int, answer: Answer
) -> None:
    waited, delay = wait_ms(policy, attempt, "x", answer), delay_ms(policy, attempt, "x")
    assert delay <= waited <= max(delay, DAY_MS)
    assert waited == max(delay, min(answer.retry_after_ms or 0, 24 * HOUR_MS))
