"""The ``sns`` target: publishes one message to a topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.targets.calling import READ_MS, answered, succeeded
from tidewheel.adapters.aws.targets.messages import attributes, grouping
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.ports import Call, Caller
from tidewheel.wire.payload import text_of

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

KIND = "sns"


def make(_: Surroundings) -> Caller:
    """The caller of this kind."""
    return SnsTarget(boto3.client("sns", config=clients.asking_once(READ_MS)))


@dataclass(frozen=True, slots=True)
class SnsTarget:
    """``ports.Caller`` for the kind ``sns``."""

    client: SNSClient

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        return answered(call, lambda: self._publish(call), lambda said: _answer_of(call, said))

    def _publish(self, call: Call) -> Mapping[str, Any]:
        spec = call.target.spec
        subject = spec.get("subject")
        return self.client.publish(
            TopicArn=spec["topic"],
            Message=text_of(spec.get("body")),
            MessageAttributes=attributes(call),
            **({"Subject": subject} if subject else {}),
            **grouping(call, spec["topic"]),
        )


def _answer_of(call: Call, said: Mapping[str, Any]) -> Answer:
    return succeeded(call, {name: said[name] for name in ("MessageId", "SequenceNumber") if name in said})
