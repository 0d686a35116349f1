"""The answers about executions, their logs and the ledger."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from tidewheel.wire.model import Model
from tidewheel.wire.values import Instant

ExecutionState = Literal[
    "queued",
    "running",
    "retrying",
    "open",
    "succeeded",
    "failed",
    "dead",
    "skipped",
    "blocked",
    "cancelled",
    "timed_out",
]


class AttemptAnswer(Model):
    """The account of one attempt."""

    number: int
    started_at: Instant
    finished_at: Instant
    result: Literal["succeeded", "failed", "timed_out", "cancelled", "handed_over", "lost"]
    status: int | None = Field(description="The target's own code, such as an HTTP status.")
    reason: str
    sent_at: Instant | None = Field(None, description="When its message was sent to the queue, by the queue's clock.")
    received_at: Instant | None = Field(None, description="When its worker received that.")


class MomentAnswer(Model):
    """One line of an execution's timeline."""

    at: Instant
    event: Literal[
        "due",
        "dispatched",
        "received",
        "left",
        "claimed",
        "started",
        "ended",
        "handed_over",
        "lost",
        "cancel_requested",
        "redriven",
        "finished",
    ]
    attempt: int | None = Field(description="Whose; null for what is the execution's own.")
    detail: str = Field(
        description="Of `ended` the result, of `finished` the state; then the reason, if there is one. Of "
        "`cancel_requested` the reason, until it has ended. Of `left` which worker first left it to others."
    )


EXECUTION_STATES: tuple[str, ...] = get_args(ExecutionState)


class WaitingAnswer(Model):
    """For what an execution waits, if that is a permit of its tenant."""

    reason: Annotated[str, Field(description="For what it waits.")]
    position: Annotated[int, Field(description="Its place in line, from 1: by priority, then by how long it waits.")]
    limit: Annotated[int, Field(description="How many executions of the tenant may run at once.")]
    limited_by: Annotated[
        Literal["running_at_once", "tenant_concurrency"],
        Field(
            description="What says so: a limit of the tenant's plan, or the deployment's setting, the lower of both."
        ),
    ]
    earliest_start: Annotated[
        Instant,
        Field(description="When its start is to be expected at the earliest, if what runs ends as it has run so far."),
    ]


class ExecutionAnswer(Model):
    """One run of a job for one nominal time."""

    id: str
    job: str
    generation: int
    origin: Literal["schedule", "run", "backfill"]
    state: ExecutionState
    nominal_at: Annotated[Instant, Field(description="What the schedule named, or when the run was asked for.")]
    due_at: Annotated[Instant, Field(description="When it had to start.")]
    started_at: Instant | None
    finished_at: Instant | None
    lateness_ms: int | None = Field(description="Start of the first target call minus due time, in ms.")
    attempt: Annotated[int, Field(description="The current or last attempt; 0 before the first.")]
    attempts: tuple[AttemptAnswer, ...]
    output: str = Field(description="The beginning of the target's last answer.")
    until: Instant | None = Field(
        None, description="Of a range of instants that did not run: the last one, where `nominal_at` is the first."
    )
    count: int | None = Field(
        None, description="How many instants the range holds; null for more than 10,000 of a cron, and for a run."
    )
    reason: str = Field(description="Why it stands where it stands; empty when there is nothing to say.")
    cancel_requested: str = Field("", description="Why it is to end, if someone asked for that while it runs.")
    queue_ms: int | None = Field(
        None, description="How long the message of the first attempt shown waited in the queue, in ms."
    )
    run_ms: int | None = Field(None, description="How long the attempts shown ran, lost ones left out, in ms.")
    waiting: WaitingAnswer | None = Field(
        None, description="Its place in line for a permit of its tenant. Null in lists, and beyond the first 1,000."
    )
    timeline: tuple[MomentAnswer, ...] = Field((), description="What happened, in time order, as far as it is known.")


class ExecutionList(Model):
    """A page of executions, newest nominal time first; the cursor is null on the last.

    Among them are ranges of instants that did not run: these have ``until``, and are no executions to ask for.
    """

    items: tuple[ExecutionAnswer, ...]
    cursor: str | None


class LogAnswer(Model):
    """A piece of an attempt's log: stdout and stderr, or the response."""

    attempt: Annotated[int, Field(description="Whose log it is; 0 while none has begun.")]
    text: str
    source: Literal["stored", "inline"] | None = Field(
        description="`stored`: from the log. `inline`: the answer on the execution's record, which was too short to be "
        "stored beside it. Null: nothing was written, or kept."
    )
    cursor: str | None = Field(
        description="Where to go on. Null if nothing follows; else the log may go on, though nothing does yet."
    )
    complete: bool = Field(description="Whether the attempt is over and this is the end of its log.")


class LedgerLine(Model):
    """How one instant that the schedule named is accounted for."""

    nominal_at: Instant
    due_at: Instant
    generation: int
    state: Annotated[
        ExecutionState | Literal["pending", "paused", "missing"],
        Field(
            description="The execution's; `skipped` in a range; `pending` while young; `paused` if a one-time job was "
            "paused then; `missing`: no account."
        ),
    ]
    execution: str | None = Field(
        description="The id of its execution; of a pending instant the one that it will have, which cancels it."
    )
    reason: Annotated[
        str,
        Field(description="The execution's; of a range `coalesced`, `skipped`, or `quarantined`: no readable record."),
    ]


class LedgerAnswer(Model):
    """Every instant that a job's generations named in a stretch of time, in order, with its account."""

    start: Instant
    end: Annotated[
        Instant,
        Field(description="Not included. Before the end asked for where there is a cursor: the answer is full."),
    ]
    missing: Annotated[int, Field(description="Instants without any account; it should be 0.")]
    items: tuple[LedgerLine, ...]
    cursor: str | None = Field(None, description="Where the rest of the stretch begins; null if there is none.")
