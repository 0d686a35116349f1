"""The ``sqs`` target on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tidewheel.wire.arns import check_queue
from tidewheel.wire.bodies.target import Right, WatchedTarget
from tidewheel.wire.payload import Attributes, Group, MessageBody


class SqsTarget(WatchedTarget):
    """A message to an SQS queue in the worker's region.

    The queue is named by its name, ARN or URL. A string body is sent as it is, any other as JSON.
    """

    PARTY = "queue"
    DATA = frozenset({"body"})
    SERVICES = frozenset({"sqs"})
    RIGHTS = (Right(("sqs:GetQueueUrl", "sqs:SendMessage"), ("{target}",)),)

    kind: Literal["sqs"]
    queue: Annotated[str, Field(max_length=256, examples=["tidewheel-target-orders"]), AfterValidator(check_queue)]
    body: MessageBody = None
    attributes: Attributes = Field(default_factory=dict)
    group: Group | None = None

    def summary(self) -> str:
        """The queue."""
        return f"sqs {self.queue}"
