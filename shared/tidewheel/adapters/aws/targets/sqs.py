"""The ``sqs`` target: sends one message to a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.targets.calling import READ_MS, answered, succeeded
from tidewheel.adapters.aws.targets.messages import attributes, grouping
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.ports import Call, Caller
from tidewheel.wire.arns import QueueReference, read_queue
from tidewheel.wire.payload import text_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

KIND = "sqs"


def make(_: Surroundings) -> Caller:
    """The caller of this kind."""
    return SqsTarget(boto3.client("sqs", config=clients.asking_once(READ_MS)))


@dataclass(frozen=True, slots=True)
class SqsTarget:
    """``ports.Caller`` for the kind ``sqs``.

    A queue is asked for by its name and account, whatever form the job gave it in: no request goes to a host that a
    job names.
    """

    client: SQSClient
    _urls: dict[QueueReference, str] = field(default_factory=dict)

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        queue, here = read_queue(str(call.target.spec["queue"])), self.client.meta.region_name
        if queue.region not in {"", here}:
            reason = f"the queue is in {queue.region}; a worker in {here} sends to queues there"
            return Answer(Result.FAILED, reason=reason, retryable=False)
        return answered(call, lambda: self._send(call, queue), lambda said: _answer_of(call, said))

    def _send(self, call: Call, queue: QueueReference) -> Mapping[str, Any]:
        if queue not in self._urls:
            owner = {"QueueOwnerAWSAccountId": queue.account} if queue.account else {}
            self._urls[queue] = self.client.get_queue_url(QueueName=queue.name, **owner)["QueueUrl"]
        return self.client.send_message(
            QueueUrl=self._urls[queue],
            MessageBody=text_of(call.target.spec.get("body")),
            MessageAttributes=attributes(call),
            **grouping(call, queue.name),
        )


def _answer_of(call: Call, said: Mapping[str, Any]) -> Answer:
    return succeeded(call, {name: said[name] for name in ("MessageId", "SequenceNumber") if name in said})
