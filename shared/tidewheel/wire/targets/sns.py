"""The ``sns`` target on the wire."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tidewheel.wire.arns import arn_of
from tidewheel.wire.bodies.target import Right, WatchedTarget
from tidewheel.wire.model import refusal, shown
from tidewheel.wire.payload import Attributes, Group, MessageBody

_EXAMPLE = "arn:aws:sns:eu-west-1:111122223333:tidewheel-target-news"
_topic = arn_of("sns", r"(?:[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo)", "an SNS topic", _EXAMPLE)
_SUBJECT = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,98}", re.ASCII)


def _check_subject(subject: str) -> str:
    """What SNS takes (Amazon SNS, Publish): fewer than 100 characters on one line."""
    if not _SUBJECT.fullmatch(subject):
        raise refusal(f"{shown(subject)} is not a subject", "use 1 to 99 printable ASCII characters, no space in front")
    return subject


class SnsTarget(WatchedTarget):
    """A message to an SNS topic, by its ARN. A string body is sent as it is, any other as JSON."""

    PARTY = "topic"
    DATA = frozenset({"body"})
    SERVICES = frozenset({"sns"})
    RIGHTS = (Right(("sns:Publish",), ("{target}",)),)

    kind: Literal["sns"]
    topic: Annotated[str, Field(examples=[_EXAMPLE]), AfterValidator(_topic)]
    body: MessageBody = None
    subject: Annotated[str, AfterValidator(_check_subject)] | None = None
    attributes: Attributes = Field(default_factory=dict)
    group: Group | None = None

    def summary(self) -> str:
        """The topic's name."""
        return f"sns {self.topic.rpartition(':')[2]}"
