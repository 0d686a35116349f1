"""The ``sqs`` target on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from tidewheel.wire.arns import check_queue
from tidewheel.wire.payload import Attributes, Group, MessageBody, check_message
from tidewheel.wire.target import TargetModel


class SqsTarget(TargetModel):
    """A message to an SQS queue in the worker's region.

    The queue is named by its name, ARN or URL. A string body is sent as it is, any other as JSON.
    """

    kind: Literal["sqs"]
    queue: Annotated[str, Field(max_length=256, examples=["tidewheel-target-orders"]), AfterValidator(check_queue)]
    body: MessageBody = None
    attributes: Attributes = Field(default_factory=dict)
    group: Group | None = None

    @field_validator("attributes", mode="after")
    @classmethod
    def _fits(cls, attributes: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        check_message(info.data.get("body"), attributes)
        return attributes

    def summary(self) -> str:
        """The queue."""
        return f"sqs {self.queue}"
