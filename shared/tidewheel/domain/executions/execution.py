"""The record of an execution: one run of a job for one nominal time."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain import keys
from tidewheel.domain.executions.states import DEAD_LETTERS, LISTED_WAITING, Result, State
from tidewheel.domain.ids import ExecutionId, shard_of
from tidewheel.domain.limits import RETENTION_MS, WAITING_PARTS
from tidewheel.domain.workflows.runs.control import FIRST_GENERATION, RunControl
from tidewheel.domain.workflows.runs.limits import MAX_REOPENED_MS


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a target to one attempt.

    Args:
        result: How the attempt ended.
        status: The target's own code, such as an HTTP status, or None if it has none.
        output: The beginning of its answer, at most ``limits.OUTPUT_BYTES`` bytes.
        reason: What went wrong, for people; empty on success.
        retryable: Whether another attempt may succeed, as far as the target's kind can tell.
        retry_after_ms: The least delay (ms) that the target asked for, or None.
    """

    result: Result
    status: int | None = None
    output: str = ""
    reason: str = ""
    retryable: bool = True
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt in an execution's record. Instants are ms since the epoch.

    Args:
        number: The number of the attempt, from 1.
        started_ms: When its target was called; for a lost attempt, when it was claimed.
        finished_ms: When it ended, or was found lost.
        result: How it ended.
        status: The target's own code.
        reason: What went wrong.
        sent_ms: When its message was sent to the queue.
        received_ms: When its worker received the message.
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
    """The record of an execution. Instants are ms since the epoch.

    Args:
        tenant: The tenant of the job.
        id: The execution's id, which holds job, nominal time and origin.
        state: Its state.
        due_ms: When the first attempt was due.
        generation: The generation of the job when the first attempt was claimed, or the run was requested. Of a step
            of a run: its own, which is raised each time it is to run again.
        version: Raised by every write; a write is conditional on the version that was read. 0 if nothing is stored.
        attempt: The number of the current or last attempt, which is the fencing token; 0 before the first.
        holder: The name of the claim that may finish the attempt; empty if it does not run.
        lease_until_ms: When the lease of that claim ends.
        claimed_ms: When the current attempt was claimed.
        started_ms: When the first attempt's target was called.
        finished_ms: When the execution ended.
        lateness_ms: Start of the first target call minus due time (ms).
        output: The beginning of the last answer; of a step of a run ``runs.limits.STEP_OUTPUT_BYTES`` of it at most.
        reason: Why it is in this state, for people.
        attempts: The newest ``limits.ATTEMPTS_KEPT`` attempts, oldest first.
        uncounted_attempts: How many attempts do not count against the job's maximum: those before the last redrive,
            and those that were handed over.
        redriven_ms: When it was redriven last.
        cancel: The reason of a cancel that was requested while it ran; else empty.
        cancel_ms: When that was requested; it is kept after the end.
        checkpoint: What its target kept for the next attempt; else empty.
        sent_ms: When the current attempt's message was sent to the queue.
        received_ms: When its worker received the message.
        left: What the worker lacked that left it to others last, in short; else empty.
        left_ms: When the first worker since the last attempt did that.
        next_ms: When its next attempt is expected, while it is queued or waits for its retry; when it is looked at as
            a whole, while it is an open run; else None.
        permit: The token of the permit under which it runs, if that is not the holder's name; while it does not run,
            of the last one that was given to it in vain. Else empty.
        declined_ms: Until when the latest permit was held that was given to it in vain (ms since the epoch).
        run: What users ask of it, if it is a run of a workflow.
        guard: Of a step of a run that was cancelled before it began: the end of which other step led to that.
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
    left: str = ""
    left_ms: int | None = None
    next_ms: int | None = None
    permit: str = ""
    declined_ms: int | None = None
    run: RunControl | None = None
    guard: str = ""

    @property
    def left_since_ms(self) -> int | None:
        """Since when (ms since the epoch) its next attempt is left by worker to worker; None if it is not."""
        ended_ms = max(self.redriven_ms or 0, self.attempts[-1].finished_ms if self.attempts else 0)
        return None if self.left_ms is None or self.left_ms < ended_ms else self.left_ms

    @property
    def tries(self) -> int:
        """How many attempts count against the job's maximum."""
        return self.attempt - self.uncounted_attempts

    @property
    def is_started(self) -> bool:
        """Whether an attempt was ever claimed, or it was redriven once it was due: then no edit of its job ends it."""
        return self.attempt > 0 or (self.redriven_ms is not None and self.redriven_ms >= self.due_ms)

    @property
    def ended_ahead(self) -> bool:
        """Whether it ended before it was due: then its job could still be edited before its time."""
        return self.finished_ms is not None and not self.attempt and self.finished_ms < self.due_ms

    @property
    def cancelled_ahead(self) -> bool:
        """Whether it was cancelled before it was due; then it does not show how far its schedule has come."""
        ended_ms = self.finished_ms or 0
        return self.state is State.CANCELLED and not self.attempt and ended_ms < self.due_ms

    @property
    def job(self) -> str:
        """The job's id."""
        return ExecutionId.parse(self.id).job

    @property
    def node(self) -> int | None:
        """Which step of a run it is, by index; None for any other execution."""
        return ExecutionId.parse(self.id).node

    @property
    def key(self) -> str:
        """The idempotency key of its calls: its id; that of a step that was to run again is another each time."""
        again = self.node is not None and self.generation > FIRST_GENERATION
        return f"{self.id}-{self.generation}" if again else self.id

    @property
    def nominal_ms(self) -> int:
        """The nominal time (ms since the epoch)."""
        return ExecutionId.parse(self.id).nominal_ms

    @property
    def failure_key(self) -> str:
        """Its sort key in the list of dead letters, by end; empty if it is not a dead letter."""
        if self.state not in DEAD_LETTERS or self.finished_ms is None:
            return ""
        return keys.failure_sort(self.finished_ms, self.id)

    @property
    def waiting_key(self) -> str:
        """Its sort key in the list of those that wait, by their next attempt's time; empty if it does not wait."""
        if self.state not in LISTED_WAITING or self.next_ms is None:
            return ""
        return keys.waiting_sort(self.next_ms, self.tenant, self.id)

    @property
    def waiting_part(self) -> int:
        """In which part of that list it stands."""
        return shard_of(self.tenant, self.job, WAITING_PARTS)

    def expires_ms(self) -> int:
        """When the record expires (ms since the epoch). That of an open run outlasts it, however late it ends."""
        kept_ms = MAX_REOPENED_MS if self.state is State.OPEN else 0
        return max(self.due_ms, self.claimed_ms or 0, self.redriven_ms or 0) + kept_ms + RETENTION_MS
