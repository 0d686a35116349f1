"""The body and the answer of a request that changes many jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SkipValidation, ValidationError

from tidewheel.domain.limits import MAX_BULK
from tidewheel.wire.bodies.job import JobAnswer, JobBody
from tidewheel.wire.model import Model
from tidewheel.wire.parameters import MAX_REFERENCE
from tidewheel.wire.problem import Problem
from tidewheel.wire.refused import Refused, of_validation

_Id = Annotated[str, Field(min_length=1, max_length=MAX_REFERENCE, description="As in the path of a single request.")]
_Match = Annotated[int, Field(ge=1, description="The generation that must still be the newest.")]
_Body = Annotated[
    SkipValidation[JobBody],
    Field(description="As in the body of `createJob`; what is wrong in it is told in the result of its item."),
]


class CreateItem(Model):
    """A job to create."""

    action: Literal["create"]
    job: _Body


class ReplaceItem(Model):
    """A job to give a new definition."""

    action: Literal["replace"]
    id: _Id
    job: _Body
    match: _Match | None = None


class EditItem(Model):
    """A job to change by a JSON merge patch."""

    action: Literal["edit"]
    id: _Id
    patch: Annotated[dict[str, Any], Field(description="As in the body of `editJob`.")]
    match: _Match | None = None


class DeleteItem(Model):
    """A job to delete."""

    action: Literal["delete"]
    id: _Id
    match: _Match | None = None


class SwitchItem(Model):
    """A job to pause or to resume."""

    action: Literal["pause", "resume"]
    id: _Id


BulkItem = Annotated[
    CreateItem | ReplaceItem | EditItem | DeleteItem | SwitchItem,
    Field(discriminator="action"),
]


class BulkBody(Model):
    """What is to be done, in this order; each item is done or refused by itself."""

    items: Annotated[list[BulkItem], Field(min_length=1, max_length=MAX_BULK)]


class BulkResult(Model):
    """What became of an item, as a single request would have been answered."""

    status: Annotated[int, Field(description="The HTTP status of a single request: below 300, it was done.")]
    id: str | None = Field(None, description="The job's id, where it is known.")
    job: JobAnswer | None = Field(
        None, description="The job as it stands; null for a deleted one, and where the whole answer would be too large."
    )
    problem: Problem | None = Field(None, description="Why it was not done; null if it was.")


class BulkAnswer(Model):
    """What became of the items, in their order."""

    items: tuple[BulkResult, ...]
    failed: Annotated[int, Field(description="How many of them were not done.")]


def read_bulk(document: Mapping[str, Any]) -> BulkBody:
    """Reads the body of a request to change many jobs. The jobs in it are checked later, each by itself.

    Raises:
        Refused: Names the offending fields.
    """
    try:
        return BulkBody.model_validate(document)
    except ValidationError as error:
        raise Refused(of_validation(error, {"": tuple(BulkBody.model_fields)})) from error
