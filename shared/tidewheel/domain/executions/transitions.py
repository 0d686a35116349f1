"""The transitions of an execution's record. Each returns the next version of the record, to be written by the caller.

Each raises ``IllegalTransition`` if the state table does not allow it. Instants are ms since the epoch.
"""

from __future__ import annotations

from dataclasses import replace

from tidewheel.domain.errors import IllegalTransition
from tidewheel.domain.executions.execution import Answer, Attempt, Execution
from tidewheel.domain.executions.states import DEAD_LETTERS, LISTED_WAITING, TRANSITIONS, Result, State, is_end
from tidewheel.domain.limits import (
    ATTEMPT_REASON_CHARS,
    ATTEMPTS_KEPT,
    LEASE_MS,
    REASON_CHARS,
)
from tidewheel.domain.workflows.runs.control import RunControl, RunStop
from tidewheel.domain.workflows.runs.limits import LOOK_EVERY_MS


def _step(before: Execution, after: Execution) -> Execution:
    if after.state not in TRANSITIONS[before.state]:
        raise IllegalTransition(f"execution {before.id}", before.state, after.state)
    next_ms = after.next_ms if after.state in LISTED_WAITING else None
    return replace(after, version=before.version + 1, attempts=after.attempts[-ATTEMPTS_KEPT:], next_ms=next_ms)


def claimed(
    record: Execution,
    attempt: int,
    holder: str,
    now_ms: int,
    *,
    sent_ms: int | None = None,
    received_ms: int,
    token: str = "",
) -> Execution:
    """The record with the attempt claimed; its lease lasts ``limits.LEASE_MS`` from now or from a later due time.

    ``token`` is that of the permit under which it runs, if it has one.
    """
    start_ms = max(now_ms, record.due_ms)
    return _step(
        record,
        replace(
            record,
            state=State.RUNNING,
            attempt=attempt,
            holder=holder,
            claimed_ms=now_ms,
            lease_until_ms=start_ms + LEASE_MS,
            reason="",
            sent_ms=sent_ms,
            received_ms=received_ms,
            permit="" if token == holder else token,
        ),
    )


def renewed(record: Execution, checkpoint: str, now_ms: int) -> Execution:
    """The running record with a lease of ``limits.LEASE_MS`` from now, and the newest checkpoint."""
    return _step(record, replace(record, lease_until_ms=now_ms + LEASE_MS, checkpoint=checkpoint))


def cancel_requested(record: Execution, why: str, now_ms: int) -> Execution:
    """The running record with a request to cancel; its worker sees it when it renews the lease or finishes.

    Nothing more of an open run begins then.
    """
    if record.run is not None:
        record = replace(record, run=record.run.stopped(RunStop.CANCELLED))
    return _step(record, replace(record, cancel=why, cancel_ms=now_ms))


def with_lost_attempt(record: Execution, now_ms: int) -> Execution:
    """The running record with an account of the attempt whose worker vanished. Its state and version do not change."""
    started_ms = record.claimed_ms or record.due_ms
    account = Attempt(
        record.attempt,
        started_ms,
        now_ms,
        Result.WORKER_LOST,
        reason="its worker's lease ended",
        sent_ms=record.sent_ms,
        received_ms=record.received_ms,
    )
    return replace(record, attempts=(*record.attempts, account))


def finished(
    record: Execution, state: State, answer: Answer, started_ms: int, now_ms: int, retry_ms: int | None = None
) -> Execution:
    """The record after an attempt: ended, or waiting for its retry, which is expected at ``retry_ms``.

    An attempt that was handed over by a worker that had to end does not count against the maximum.
    """
    summary = answer.reason[:ATTEMPT_REASON_CHARS]
    account = Attempt(
        record.attempt,
        started_ms,
        now_ms,
        answer.result,
        answer.status,
        summary,
        record.sent_ms,
        record.received_ms,
    )
    first = record.started_ms is None
    return _step(
        record,
        replace(
            record,
            state=state,
            holder="",
            started_ms=started_ms if first else record.started_ms,
            lateness_ms=started_ms - record.due_ms if first else record.lateness_ms,
            finished_ms=now_ms if is_end(state) else None,
            output=answer.output,
            reason=answer.reason[:REASON_CHARS],
            attempts=(*record.attempts, account),
            uncounted_attempts=record.uncounted_attempts + (answer.result is Result.HANDED_OVER),
            checkpoint="" if is_end(state) and state not in DEAD_LETTERS else record.checkpoint,
            cancel="" if is_end(state) else record.cancel,
            sent_ms=None,
            received_ms=None,
            next_ms=retry_ms,
            permit="",
        ),
    )


def with_wait_reason(record: Execution, reason: str, next_ms: int | None = None) -> Execution:
    """The record of a waiting execution with the reason for which it waits, and by when it says so again."""
    return _step(record, replace(record, reason=reason, next_ms=next_ms))


def with_declined(record: Execution, token: str, until_ms: int) -> Execution:
    """The record of an execution that does not use a permit that was given to it, held until ``until_ms``.

    No claim can be made with that permit from then on.
    """
    declined_ms = max(until_ms, record.declined_ms or 0)
    return _step(record, replace(record, permit=token, declined_ms=declined_ms))


def left_to_others(record: Execution, lacked: str, reason: str, now_ms: int, next_ms: int | None = None) -> Execution:
    """The record of an execution that a worker leaves to others.

    Args:
        record: The record before.
        lacked: What the worker lacks, in short.
        reason: For what the execution waits.
        now_ms: The time (ms since the epoch).
        next_ms: By when some worker has claimed or ended it (ms since the epoch).
    """
    left = lacked[:ATTEMPT_REASON_CHARS]
    after = replace(record, reason=reason[:REASON_CHARS], left=left, left_ms=now_ms, next_ms=next_ms)
    return _step(record, after)


def ended_unrun(record: Execution, state: State, reason: str, now_ms: int) -> Execution:
    """The record of an execution that ends without another attempt."""
    kept = record.checkpoint if state in DEAD_LETTERS else ""
    after = replace(record, state=state, holder="", reason=reason, finished_ms=now_ms, cancel="", checkpoint=kept)
    return _step(record, after)


def redriven(record: Execution, now_ms: int, due_ms: int | None = None) -> Execution:
    """The record of a dead letter that is to run again, with as many new attempts as its job allows.

    It starts at ``due_ms``; None means at once.

    Raises:
        IllegalTransition: The execution is not a dead letter.
    """
    return _step(
        record,
        replace(
            record,
            state=State.QUEUED,
            finished_ms=None,
            uncounted_attempts=record.attempt,
            redriven_ms=now_ms,
            next_ms=now_ms if due_ms is None else due_ms,
            reason=f"redriven; it had ended as {record.state}",
        ),
    )


def opened(record: Execution, run: RunControl, now_ms: int, received_ms: int, sent_ms: int | None) -> Execution:
    """The record of a run of a workflow whose steps may begin now.

    Args:
        record: The record before.
        run: Which version of which workflow it runs, with what parameters.
        now_ms: The time (ms since the epoch).
        received_ms: When its message was received (ms since the epoch).
        sent_ms: When that was sent (ms since the epoch), or None.
    """
    return _step(
        record,
        replace(
            record,
            state=State.OPEN,
            attempt=record.attempt + 1,
            run=run,
            claimed_ms=now_ms,
            started_ms=now_ms,
            lateness_ms=max(0, now_ms - record.due_ms),
            reason="",
            sent_ms=sent_ms,
            received_ms=received_ms,
            next_ms=now_ms + LOOK_EVERY_MS,
        ),
    )


def with_control(record: Execution, run: RunControl, now_ms: int) -> Execution:
    """The record of a run of which users ask something else from now on; it goes on, if it had ended."""
    return _step(
        record,
        replace(
            record,
            state=State.OPEN,
            run=run,
            finished_ms=None,
            output="",
            reason="",
            cancel=record.cancel if record.state is State.OPEN else "",
            next_ms=now_ms + LOOK_EVERY_MS,
        ),
    )


def run_ended(record: Execution, state: State, reason: str, now_ms: int) -> Execution:
    """The record of a run that is over; a pause ends with it."""
    control = record.run.with_pause(paused=False) if record.run else None
    after = replace(record, state=state, reason=reason[:REASON_CHARS], finished_ms=now_ms, cancel="", run=control)
    return _step(record, after)


def for_dispatch(record: Execution | None, generation: int) -> Execution | None:
    """A step's record as a message of a generation finds it: see ``in_generation``; any other record as it is."""
    newer = record is not None and record.node is not None and record.generation < generation
    return in_generation(record, generation) if record is not None and newer else record


def in_generation(record: Execution, generation: int) -> Execution:
    """The record of a step of a run as the base of the next write in a generation. Its version does not change.

    One that ended in an older generation becomes a queued one, whose attempts are numbered on and counted anew.
    """
    if record.generation == generation or not is_end(record.state):
        return record
    return replace(
        record,
        state=State.QUEUED,
        generation=generation,
        finished_ms=None,
        started_ms=None,
        lateness_ms=None,
        output="",
        reason="",
        uncounted_attempts=record.attempt,
        cancel_ms=None,
        checkpoint="",
        left="",
        left_ms=None,
        permit="",
        guard="",
    )
