"""The outcome of an attempt: the next state of its execution, and when it is retried."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.executions.decisions.retry import is_worth_retrying, wait_ms
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State, Stop
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import FOREVER_MS

STOPPED = "its run was stopped, or it is to run again"
"""The reason of a step that was cancelled while it ran, though nobody cancelled it by itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an attempt.

    Args:
        state: The next state of the execution.
        answer: The attempt's answer as it is recorded.
        retry_ms: When the next attempt is due (ms since the epoch), or None.
    """

    state: State
    answer: Answer
    retry_ms: int | None = None


def deadline_ms(record: Execution, job: Job) -> int:
    """When an execution must have ended (ms since the epoch), counted from its due time or its redrive."""
    if not job.definition.deadline_ms:
        return FOREVER_MS
    return max(record.due_ms, record.redriven_ms or 0) + job.definition.deadline_ms


def outcome(answer: Answer, stop: Stop | None, record: Execution, job: Job, now_ms: int) -> Outcome:
    """The outcome of an attempt. A success counts even if the call was told to end.

    Args:
        answer: The target's answer.
        stop: Why the call was told to end, or None.
        record: The record of the running execution.
        job: Its job.
        now_ms: The time (ms since the epoch).
    """
    if answer.result is Result.SUCCEEDED:
        return Outcome(State.SUCCEEDED, answer)
    if record.cancel or stop is Stop.CANCELLED:
        return Outcome(State.CANCELLED, replace(answer, result=Result.CANCELLED, reason=record.cancel or STOPPED))
    if stop is Stop.DRAINED:
        handed = replace(answer, result=Result.HANDED_OVER, reason="its worker had to end")
        return _retry(handed, record, job, now_ms)
    answer = _explained(answer, stop, job)
    if not is_worth_retrying(job.definition.retry, answer):
        return Outcome(_end(answer, State.FAILED), answer)
    if record.tries >= job.definition.retry.max_attempts:
        return Outcome(_end(answer, State.DEAD), answer)
    due_ms = now_ms + wait_ms(job.definition.retry, record.tries, record.id, answer)
    return _retry(answer, record, job, due_ms)


def _explained(answer: Answer, stop: Stop | None, job: Job) -> Answer:
    if stop is Stop.TIMED_OUT and answer.result is not Result.TIMED_OUT:  # else the target's own reason says more
        return replace(answer, result=Result.TIMED_OUT, reason="its time was over")
    if stop is Stop.SILENT:
        reason = f"no sign of life for {job.definition.heartbeat_ms} ms"
        return replace(answer, result=Result.TIMED_OUT, reason=reason)
    return answer


def _end(answer: Answer, otherwise: State) -> State:
    return State.TIMED_OUT if answer.result is Result.TIMED_OUT else otherwise


def _retry(answer: Answer, record: Execution, job: Job, due_ms: int) -> Outcome:
    if due_ms >= deadline_ms(record, job):
        reason = f"{answer.reason}; its deadline passes before another attempt"
        return Outcome(State.TIMED_OUT, replace(answer, reason=reason))
    return Outcome(State.RETRYING, answer, due_ms)
