"""Runs of workflows on the wire: how one is started, what is asked of it, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from tidewheel.domain.workflows.limits import MAX_STEPS
from tidewheel.wire.bodies.execution import ExecutionState
from tidewheel.wire.model import Model
from tidewheel.wire.refused import Refused, of_validation
from tidewheel.wire.values import Instant

M = TypeVar("M", bound=Model)
StepState = ExecutionState | Literal["upstream_failed", "ready", "undecided"]
DIGEST_PATTERN = r"^(?:latest|[0-9a-f]{64})$"


class StartRunBody(Model):
    """What a run is to be of."""

    params: dict[str, Any] = Field(
        default_factory=dict, description="Its parameters, as the workflow declares them; at most 3,500 bytes of JSON."
    )
    version: Annotated[str, Field(pattern=DIGEST_PATTERN)] = Field(
        "latest", description="Which version of the workflow: a digest, or `latest`. The run keeps it."
    )


class ClearRunBody(Model):
    """Which steps are to run again."""

    steps: list[str] = Field(
        min_length=1, max_length=MAX_STEPS, description="The names of steps; all behind them run again as well."
    )


class StepAnswer(Model):
    """Where a step of a run stands."""

    name: str
    state: Annotated[
        StepState,
        Field(
            description="As its execution's. Without one: `skipped`; `upstream_failed`, if a step before it failed; "
            "`ready`, if it may begin; `undecided`, if that depends on steps that have not ended."
        ),
    ]
    execution: str | None = Field(description="The id of its execution, with its attempts, log and timeline.")
    attempt: int = Field(description="The current or last attempt; 0 before the first.")
    started_at: Instant | None
    finished_at: Instant | None
    output: str = Field(description="What it answered, up to 8 KB.")
    reason: str = Field(description="Why it stands where it stands; empty when there is nothing to say.")


class RunAnswer(Model):
    """A run of a workflow."""

    id: str
    job: str = Field(description="The job whose execution it is.")
    workflow: str
    version: str = Field(description="The digest of the version that it runs.")
    params: dict[str, Any]
    state: Annotated[ExecutionState, Field(description="`open` while its steps run.")]
    paused: bool = Field(description="Whether nothing of it begins until it is resumed.")
    stopping: Literal["cancelled", "failed", "timed_out"] | None = Field(
        description="Why nothing more of it begins; null while it goes on."
    )
    generation: int = Field(description="From 1; raised each time steps of it run again.")
    due_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    reason: str = Field(description="Why it stands where it stands; empty when there is nothing to say.")
    steps: tuple[StepAnswer, ...] = Field(
        (), description="Its steps, each after those that it waits for. Empty in lists, and before it begins."
    )


class RunList(Model):
    """A page of runs, the newest first; the cursor is null on the last."""

    items: tuple[RunAnswer, ...]
    cursor: str | None


def read_start(document: Mapping[str, Any]) -> StartRunBody:
    """Reads the body of a request to start a run.

    Raises:
        Refused: Names the offending fields.
    """
    return _read(StartRunBody, document)


def read_clear(document: Mapping[str, Any]) -> ClearRunBody:
    """Reads the body of a request to run steps again.

    Raises:
        Refused: Names the offending fields.
    """
    return _read(ClearRunBody, document)


def _read(model: type[M], document: Mapping[str, Any]) -> M:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Refused(of_validation(error, {"": tuple(model.model_fields)})) from error
