"""An execution on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tidewheel.wire.model import Model
from tidewheel.wire.values import Instant

ExecutionState = Literal[
    "queued",
    "running",
    "retrying",
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


class ExecutionList(Model):
    """A page of executions, newest nominal time first; the cursor is null on the last.

    Among them are ranges of instants that did not run: these have ``until``, and are no executions to ask for.
    """

    items: tuple[ExecutionAnswer, ...]
    cursor: str | None


class LedgerLine(Model):
    """How one instant that the schedule named is accounted for."""

    nominal_at: Instant
    due_at: Instant
    generation: int
    state: Annotated[
        ExecutionState | Literal["pending", "missing"],
        Field(description="The execution's; `skipped` in a range; `pending` while young; `missing`: no account."),
    ]
    execution: str | None
    reason: Annotated[
        str,
        Field(description="The execution's; of a range `coalesced`, `skipped`, or `quarantined`: no readable record."),
    ]


class LedgerAnswer(Model):
    """Every instant that a job's generations named in a stretch of time, in order, with its account."""

    start: Instant
    end: Annotated[Instant, Field(description="Not included.")]
    missing: Annotated[int, Field(description="Instants without any account; it should be 0.")]
    items: tuple[LedgerLine, ...]
