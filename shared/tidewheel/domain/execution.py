"""The execution: one run of a job for one nominal time, and every step it may take.

::

    (none) ──► queued ──► running ──► succeeded
       │          │         │  ▲ └───► failed, dead, timed_out, cancelled
       │          │         ▼  │
       │          │       retrying ──► cancelled, dead, timed_out
       └──────────┴──► skipped, blocked, cancelled, dead, timed_out

    dead, failed, timed_out ──► queued (someone redrives it)

``running`` may also follow ``running``: a worker renews its lease, someone calls the run off, or another worker
takes over when the lease has ended. And ``queued`` may follow ``queued``, or ``retrying`` itself: an execution
waits for another of its job, for its target's circuit, or for its tenant's share, and its record says so. What ends
as ``dead`` without having run was given up by the queue, again and again; what ends so as ``timed_out`` met its
deadline. An execution that is redriven is the same one: its id stays, the numbers of its attempts go on rising, and
it may have as many of them anew as its job allows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from tidewheel.domain.errors import IllegalTransition
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import (
    ATTEMPT_REASON_CHARS,
    ATTEMPTS_KEPT,
    LEASE_MS,
    REASON_CHARS,
    RETENTION_MS,
    TAKEOVER_GRACE_MS,
)


class State(StrEnum):
    """Where an execution stands."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD = "dead"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


_ENDS = {State.SUCCEEDED, State.FAILED, State.DEAD, State.TIMED_OUT, State.CANCELLED}
_NEVER_RAN = {State.SKIPPED, State.BLOCKED, State.CANCELLED, State.DEAD, State.TIMED_OUT}

TRANSITIONS: dict[State | None, frozenset[State]] = {
    None: frozenset({State.QUEUED, State.RUNNING} | _NEVER_RAN),
    State.QUEUED: frozenset({State.QUEUED, State.RUNNING} | _NEVER_RAN),
    State.RUNNING: frozenset({State.RUNNING, State.RETRYING} | _ENDS),
    State.RETRYING: frozenset({State.RETRYING, State.RUNNING, State.CANCELLED, State.DEAD, State.TIMED_OUT}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.DEAD: frozenset({State.QUEUED}),
    State.SKIPPED: frozenset(),
    State.BLOCKED: frozenset(),
    State.CANCELLED: frozenset(),
    State.TIMED_OUT: frozenset({State.QUEUED}),
}
"""Every allowed step; None is the execution that has no record yet."""


def is_end(state: State) -> bool:
    """Whether nothing follows by itself; what ended without success may be redriven."""
    return state in _ENDS | _NEVER_RAN


DEAD_LETTERS = frozenset({State.DEAD, State.FAILED, State.TIMED_OUT})
"""The ends of executions that ran to no success, or could not run, and that someone should look at."""


class Result(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"  # someone asked for it while it ran
    HANDED_OVER = "handed_over"  # its worker had to end; the next attempt goes on from its checkpoint
    LOST = "lost"  # its worker vanished; another took over when the lease ended


class Stop(StrEnum):
    """Why a call that is under way is to end."""

    CANCELLED = "cancelled"  # someone asked for it
    TIMED_OUT = "timed_out"  # its time is over
    SILENT = "silent"  # no sign of life for longer than the job allows
    DRAINED = "drained"  # its worker has to end
    LOST = "lost"  # its lease is not the worker's any more, or about to pass unrenewed


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target said.

    Args:
        result: How the attempt ended.
        status: The target's own code, such as an HTTP status, or None where it has none.
        output: The beginning of its answer, at most ``limits.OUTPUT_BYTES`` bytes.
        reason: What went wrong, for people; empty on success.
        retryable: Whether trying again may help, as far as the target's kind can tell.
        retry_after_ms: How long the target asked to be left alone, or None.
    """

    result: Result
    status: int | None = None
    output: str = ""
    reason: str = ""
    retryable: bool = True
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """The account of one attempt (times in ms since the epoch).

    Args:
        number: 1 for the first.
        started_ms: When its target was called; of one that was lost, when it was claimed.
        finished_ms: When it ended, or was found lost.
        result: How it ended.
        status: The target's own code.
        reason: What went wrong.
        sent_ms: When its message was sent to the queue.
        received_ms: When its worker received that.
    """

    number: int
    started_ms: int
    finished_ms: int
    result: Result
    status: int | None = None
    reason: str = ""
    sent_ms: int | None = None
    received_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution's record.

    Args:
        tenant: Whose job it is.
        id: Its id, which holds job, nominal time and origin.
        state: Where it stands.
        due_ms: When the first attempt had to start.
        generation: Of the job, when the first attempt was claimed (or when it was asked for).
        version: Raised by every write; a write is conditional on the version it read. 0 if nothing is stored yet.
        attempt: The number of the current or last attempt, which is the fencing token; 0 before the first.
        holder: The claim that may finish the attempt.
        lease_until_ms: Until when the holder's claim stands.
        claimed_ms: When the current attempt was claimed.
        started_ms: When the first attempt's target was called.
        finished_ms: When it ended.
        lateness_ms: Start of the first target call minus due time.
        output: The beginning of the last answer.
        reason: Why it stands where it stands, for people.
        attempts: The newest attempts' accounts, oldest first.
        spent: How many attempts it had had when it was redriven last.
        redriven_ms: When that was.
        cancel: Why it is to end, if someone asked for it while it ran; else empty.
        cancel_ms: When that was asked; it stays when it has ended.
        checkpoint: What its work kept for the next attempt; else empty.
        sent_ms: When the current attempt's message was sent to the queue.
        received_ms: When its worker received that.
    """

    tenant: str
    id: str
    state: State
    due_ms: int
    generation: int
    version: int = 1
    attempt: int = 0
    holder: str = ""
    lease_until_ms: int = 0
    claimed_ms: int | None = None
    started_ms: int | None = None
    finished_ms: int | None = None
    lateness_ms: int | None = None
    output: str = ""
    reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    spent: int = 0
    redriven_ms: int | None = None
    cancel: str = ""
    cancel_ms: int | None = None
    checkpoint: str = ""
    sent_ms: int | None = None
    received_ms: int | None = None

    @property
    def tries(self) -> int:
        """The attempts that count against the job's maximum: those since it was redriven last."""
        return self.attempt - self.spent

    @property
    def begun(self) -> bool:
        """Whether an attempt was ever claimed, or someone redrove it: then no edit of its job ends it."""
        return self.attempt > 0 or self.redriven_ms is not None

    @property
    def forestalled(self) -> bool:
        """Whether it was cancelled ahead of its time, so that it does not tell how far its schedule has come."""
        ended_ms = self.finished_ms or 0
        return self.state is State.CANCELLED and not self.attempt and ended_ms < self.due_ms

    @property
    def job(self) -> str:
        """The job's id."""
        return ExecutionId.parse(self.id).job

    @property
    def nominal_ms(self) -> int:
        """The nominal time (ms)."""
        return ExecutionId.parse(self.id).nominal_ms

    @property
    def death(self) -> str:
        """Its place in the list of dead letters, by when it ended; empty if it is none."""
        if self.state not in DEAD_LETTERS or self.finished_ms is None:
            return ""
        return f"{self.finished_ms:013d}#{self.id}"

    def expires_ms(self) -> int:
        """When the record may vanish (ms)."""
        return max(self.due_ms, self.claimed_ms or 0, self.redriven_ms or 0) + RETENTION_MS


def _step(before: Execution, after: Execution) -> Execution:
    if after.state not in TRANSITIONS[before.state]:
        raise IllegalTransition(before.id, before.state, after.state)
    return replace(after, version=before.version + 1, attempts=after.attempts[-ATTEMPTS_KEPT:])


class Verdict(StrEnum):
    """What a message's attempt finds in the record."""

    CLAIM = "claim"  # free: claim it
    TAKE_OVER = "take_over"  # its holder vanished: the next attempt begins
    BUSY = "busy"  # another holds it: come back when its lease has ended
    OBSOLETE = "obsolete"  # a duplicate of an attempt that is over, or of an execution that has ended


def judge(record: Execution | None, attempt: int, now_ms: int) -> Verdict:
    """Whether a message for the given attempt may claim the execution."""
    if record is None:
        return Verdict.CLAIM
    if record.state in (State.QUEUED, State.RETRYING):
        return Verdict.CLAIM if record.attempt < attempt else Verdict.OBSOLETE
    if record.state is not State.RUNNING:
        return Verdict.OBSOLETE
    ended = now_ms > record.lease_until_ms + TAKEOVER_GRACE_MS
    return Verdict.TAKE_OVER if ended else Verdict.BUSY


def claimed(
    record: Execution, attempt: int, holder: str, now_ms: int, *, sent_ms: int | None = None, received_ms: int
) -> Execution:
    """The record with the attempt claimed; its lease covers the hold and ``limits.LEASE_MS`` of the call."""
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
        ),
    )


def renewed(record: Execution, checkpoint: str, now_ms: int) -> Execution:
    """The running record with its lease drawn out from now on, and what the work has kept so far."""
    return _step(record, replace(record, lease_until_ms=now_ms + LEASE_MS, checkpoint=checkpoint))


def called_off(record: Execution, why: str, now_ms: int) -> Execution:
    """The running record with the wish that it end: its worker sees that when it renews, or finishes."""
    return _step(record, replace(record, cancel=why, cancel_ms=now_ms))


def is_held_by(record: Execution, claim: Execution) -> bool:
    """Whether a record is still under a claim: it may have been renewed, or called off, since."""
    same = record.holder == claim.holder and record.attempt == claim.attempt
    return record.state is State.RUNNING and same


def lost(record: Execution, now_ms: int) -> Execution:
    """The running record with its vanished attempt accounted for, before the next one is claimed."""
    began = record.claimed_ms or record.due_ms
    account = Attempt(
        record.attempt,
        began,
        now_ms,
        Result.LOST,
        reason="its worker's lease ended",
        sent_ms=record.sent_ms,
        received_ms=record.received_ms,
    )
    return replace(record, attempts=(*record.attempts, account))


def finished(record: Execution, state: State, answer: Answer, started_ms: int, now_ms: int) -> Execution:
    """The record after an attempt: ended, or waiting for its retry.

    What was handed over by a worker that had to end counts as no attempt.
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
            spent=record.spent + (answer.result is Result.HANDED_OVER),
            checkpoint="" if is_end(state) and state not in DEAD_LETTERS else record.checkpoint,
            cancel="" if is_end(state) else record.cancel,
            sent_ms=None,
            received_ms=None,
        ),
    )


def parked(record: Execution, reason: str) -> Execution:
    """The record of an execution that waits for another one of its job."""
    return _step(record, replace(record, reason=reason))


def ended_unrun(record: Execution, state: State, reason: str, now_ms: int) -> Execution:
    """The record of an execution that ends without (another) attempt."""
    kept = record.checkpoint if state in DEAD_LETTERS else ""
    after = replace(record, state=state, holder="", reason=reason, finished_ms=now_ms, cancel="", checkpoint=kept)
    return _step(record, after)


def redriven(record: Execution, now_ms: int) -> Execution:
    """The record of a dead letter that is to run again, with a fresh budget of attempts.

    Raises:
        IllegalTransition: It is none.
    """
    return _step(
        record,
        replace(
            record,
            state=State.QUEUED,
            finished_ms=None,
            spent=record.attempt,
            redriven_ms=now_ms,
            reason=f"redriven; it had ended as {record.state}",
        ),
    )
