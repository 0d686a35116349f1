"""The body of a request to cancel an execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from tidewheel.domain.limits import CANCEL_REASON_CHARS
from tidewheel.wire.model import Model, printable
from tidewheel.wire.refused import Refused, of_validation


class CancelBody(Model):
    """What a request to cancel may say."""

    reason: Annotated[str, Field(max_length=CANCEL_REASON_CHARS), AfterValidator(printable)] = Field(
        "", description="Why, for whoever looks at the execution later."
    )


def read_cancel(document: Mapping[str, Any]) -> CancelBody:
    """Reads the body of a request to cancel.

    Raises:
        Refused: Names the offending fields.
    """
    try:
        return CancelBody.model_validate(document)
    except ValidationError as error:
        raise Refused(of_validation(error, {"": tuple(CancelBody.model_fields)})) from error
