"""An execution on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tidewheel.wire.model import Model
from tidewheel.wire.values import Instant


class AttemptAnswer(Model):
    """The account of one attempt."""

    number: int
    started_at: Instant
    finished_at: Instant
    result: Literal["succeeded", "failed", "timed_out", "lost"]
    status: int | None = Field(description="The target's own code, such as an HTTP status.")
    reason: str


class ExecutionAnswer(Model):
    """One run of a job for one nominal time."""

    id: str
    job: str
    generation: int
    origin: Literal["schedule", "run", "backfill"]
    state: Literal[
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
    nominal_at: Annotated[Instant, Field(description="What the schedule named, or when the run was asked for.")]
    due_at: Annotated[Instant, Field(description="When it had to start.")]
    started_at: Instant | None
    finished_at: Instant | None
    lateness_ms: int | None = Field(description="Start of the first target call minus due time, in ms.")
    attempt: Annotated[int, Field(description="The current or last attempt; 0 before the first.")]
    attempts: tuple[AttemptAnswer, ...]
    output: str = Field(description="The beginning of the target's last answer.")
    reason: str = Field(description="Why it stands where it stands; empty when there is nothing to say.")


class ExecutionList(Model):
    """A page of executions, newest nominal time first; the cursor is null on the last."""

    items: tuple[ExecutionAnswer, ...]
    cursor: str | None
