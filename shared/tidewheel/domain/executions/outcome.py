"""What follows from how an attempt ended: the state that its execution takes, and whether it is tried again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.retry import is_worth_retrying, wait_ms
from tidewheel.domain.executions.states import Result, State, Stop
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import FOREVER_MS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of an execution.

    Args:
        state: The state it takes.
        answer: The attempt's answer, as its account is to say it.
        retry_ms: When the next attempt is due (ms), if there is one.
    """

    state: State
    answer: Answer
    retry_ms: int | None = None


def deadline_ms(record: Execution, job: Job) -> int:
    """When an execution must be over (ms); it counts from its redrive if there was one."""
    if not job.definition.deadline_ms:
        return FOREVER_MS
    return max(record.due_ms, record.redriven_ms or 0) + job.definition.deadline_ms


def outcome(answer: Answer, stop: Stop | None, record: Execution, job: Job, now_ms: int) -> Outcome:
    """Judges an attempt. A success counts, whatever was asked for meanwhile.

    Args:
        answer: What the target said.
        stop: Why the call was told to end, if it was.
        record: The running execution.
        job: Its job.
        now_ms: The time.
    """
    if answer.result is Result.SUCCEEDED:
        return Outcome(State.SUCCEEDED, answer)
    if record.cancel or stop is Stop.CANCELLED:
        return Outcome(State.CANCELLED, replace(answer, result=Result.CANCELLED, reason=record.cancel))
    if stop is Stop.DRAINED:
        handed = replace(answer, result=Result.HANDED_OVER, reason="its worker had to end")
        return _again(handed, record, job, now_ms)
    answer = _explained(answer, stop, job)
    if not is_worth_retrying(job.definition.retry, answer):
        return Outcome(_end(answer, State.FAILED), answer)
    if record.tries >= job.definition.retry.max_attempts:
        return Outcome(_end(answer, State.DEAD), answer)
    due_ms = now_ms + wait_ms(job.definition.retry, record.tries, record.id, answer)
    return _again(answer, record, job, due_ms)


def _explained(answer: Answer, stop: Stop | None, job: Job) -> Answer:
    if (
        stop is Stop.TIMED_OUT and answer.result is not Result.TIMED_OUT
    ):  # else its target has seen it too, and says more
        return replace(answer, result=Result.TIMED_OUT, reason="its time was over")
    if stop is Stop.SILENT:
        reason = f"no sign of life for {job.definition.heartbeat_ms} ms"
        return replace(answer, result=Result.TIMED_OUT, reason=reason)
    return answer


def _end(answer: Answer, otherwise: State) -> State:
    return State.TIMED_OUT if answer.result is Result.TIMED_OUT else otherwise


def _again(answer: Answer, record: Execution, job: Job, due_ms: int) -> Outcome:
    if due_ms >= deadline_ms(record, job):
        reason = f"{answer.reason}; its deadline passes before another attempt"
        return Outcome(State.TIMED_OUT, replace(answer, reason=reason))
    return Outcome(State.RETRYING, answer, due_ms)
