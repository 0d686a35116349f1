"""The body and the answer of a request to run dead letters again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from tidewheel.domain.limits import MAX_PAGE, MAX_REDRIVE_RATE, REDRIVE_RATE
from tidewheel.wire.model import Model
from tidewheel.wire.problem import FieldProblem
from tidewheel.wire.refused import Refused, of_validation
from tidewheel.wire.values import Instant

_ONE_OF = ("ids", "job", "all")


class RedriveBody(Model):
    """Which dead letters are to run again: exactly one of ``ids``, ``job`` and ``all``; and how fast."""

    ids: Annotated[list[str], Field(max_length=MAX_PAGE)] | None = Field(None, description="These executions.")
    job: str | None = Field(None, description="All of this job.")
    all: bool = Field(False, description="All there are.")
    rate: Annotated[int, Field(ge=1, le=MAX_REDRIVE_RATE)] = Field(
        REDRIVE_RATE, description="How many start in a second."
    )
    cursor: str | None = Field(None, description="Where the last answer ended: its `cursor`; not with `ids`.")
    after: Instant | None = Field(None, description="When the first starts: the last answer's `until`; else now.")


class Skipped(Model):
    """An execution that does not run again."""

    id: str
    reason: str


class RedriveAnswer(Model):
    """What became of at most a hundred dead letters; the cursor is null when there are no more."""

    redriven: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    until: Annotated[Instant, Field(description="When the next one would start at this rate.")]
    cursor: str | None


def read_redrive(document: Mapping[str, Any]) -> RedriveBody:
    """Reads the body of a request to redrive.

    Raises:
        Refused: Names the offending fields.
    """
    try:
        body = RedriveBody.model_validate(document)
    except ValidationError as error:
        raise Refused(of_validation(error, {"": tuple(RedriveBody.model_fields)})) from error
    given = [name for name in _ONE_OF if getattr(body, name) not in (None, False)]
    if len(given) != 1:
        problem = f"has {' and '.join(given) or 'none'} of {', '.join(_ONE_OF)}"
        raise Refused((FieldProblem(field=(given or ["ids"])[-1], problem=problem, remedy="give exactly one"),))
    if body.ids is not None and body.cursor is not None:
        raise Refused((FieldProblem(field="cursor", problem="is given with ids", remedy="leave it out"),))
    return body
