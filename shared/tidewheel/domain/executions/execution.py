"""The record of an execution: one run of a job for one nominal time."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain import keys
from tidewheel.domain.executions.states import DEAD_LETTERS, Result, State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import (
    RETENTION_MS,
)


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
    uncounted_attempts: int = 0
    redriven_ms: int | None = None
    cancel: str = ""
    cancel_ms: int | None = None
    checkpoint: str = ""
    sent_ms: int | None = None
    received_ms: int | None = None

    @property
    def tries(self) -> int:
        """The attempts that count against the job's maximum: those since it was redriven last."""
        return self.attempt - self.uncounted_attempts

    @property
    def is_started(self) -> bool:
        """Whether an attempt was ever claimed, or someone redrove it: then no edit of its job ends it."""
        return self.attempt > 0 or self.redriven_ms is not None

    @property
    def cancelled_ahead(self) -> bool:
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
    def failure_key(self) -> str:
        """Its place in the list of dead letters, by when it ended; empty if it is none."""
        if self.state not in DEAD_LETTERS or self.finished_ms is None:
            return ""
        return keys.failure_sort(self.finished_ms, self.id)

    def expires_ms(self) -> int:
        """When the record may vanish (ms)."""
        return max(self.due_ms, self.claimed_ms or 0, self.redriven_ms or 0) + RETENTION_MS
