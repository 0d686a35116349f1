"""Decides what becomes of an execution that this worker cannot run, although another worker of its pool may.

While a fleet is replaced, or if its workers import different modules, some workers have a task or a kind of target that
others lack. A worker that lacks it claims nothing, so that no attempt is spent: it puts the same attempt back on the
wheel, and whichever worker receives the next message decides for itself. If that has gone on for ``limits.LEFT_MS``,
the execution ends as dead.
"""

from __future__ import annotations

from tidewheel.domain.executions.decisions.facts import Facts, Lack
from tidewheel.domain.executions.decisions.outcome import deadline_ms
from tidewheel.domain.executions.decisions.steps import End, Note, Step, Wait
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import ended_unrun, left_to_others
from tidewheel.domain.fleet.recheck import recheck_ms
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import LEFT_MS, LEFT_RECHECK_MOST_MS, MINUTE_MS, REASON_CHARS, WAIT_NOTED_MS
from tidewheel.domain.wheel.entries import ExecutionEntry


def decide_lack(facts: Facts, job: Job, before: Execution, now_ms: int, *, lost_attempt: bool) -> Step | None:
    """The next step if the worker lacks something; None if the execution may be claimed.

    Args:
        facts: What is known.
        job: The job of the execution.
        before: The record that an end is based on, with the account of a lost attempt.
        now_ms: The time (ms since the epoch).
        lost_attempt: Whether there is such an account.
    """
    lack, own = facts.lack, facts.before
    if lack is None:
        return None
    since_ms = own.lease_until_ms if own.state is State.RUNNING else own.left_since_ms
    if since_ms is None:
        return Note(left_to_others(own, f"a worker without {lack.what}", _waits(lack), now_ms, now_ms + WAIT_NOTED_MS))
    if now_ms >= since_ms + LEFT_MS:
        return End(ended_unrun(before, State.DEAD, _gave_up(lack), now_ms), lost_attempt=lost_attempt)
    again_ms = recheck_ms(own.id, since_ms, now_ms, LEFT_RECHECK_MOST_MS)
    due_ms = min(again_ms, since_ms + LEFT_MS, deadline_ms(own, job))
    return Wait(ExecutionEntry.of(own, job, facts.dispatch.attempt, due_ms), "worker")


def _waits(lack: Lack) -> str:
    return f"waits for a worker that has {lack.what}"


def _gave_up(lack: Lack) -> str:
    return f"no worker had {lack.what} for {LEFT_MS // MINUTE_MS} minutes: {lack.remedy}"[:REASON_CHARS]
