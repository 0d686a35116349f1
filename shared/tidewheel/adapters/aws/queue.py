"""The queues in SQS: one per route, told apart by URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import translated
from tidewheel.domain.expansion import Dispatch
from tidewheel.domain.limits import HOUR_MS, SECOND_MS
from tidewheel.domain.route import Route
from tidewheel.ports import PortError
from tidewheel.wire.message import dump

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_LONGEST_HIDING_MS = 11 * HOUR_MS  # Amazon SQS refuses what would end 12 hours after the message was received


@dataclass(frozen=True, slots=True)
class SqsQueue:
    """``ports.Queue`` on SQS."""

    client: SQSClient
    urls: Mapping[Route, str]

    def send(self, route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        """See ``ports.Queue``. The tenant is the message group: a standard queue then shares fairly between them."""
        entries = [
            _entry(index, dispatch, delay_s)
            for index, (dispatch, delay_s) in enumerate(zip(dispatches, delays_s or [0] * len(dispatches), strict=True))
        ]
        with translated("queue.send", str(route)):
            answer = self.client.send_message_batch(QueueUrl=self._url(route), Entries=entries)
        accepted = {entry["Id"] for entry in answer.get("Successful", [])}
        return [str(index) in accepted for index in range(len(dispatches))]

    def postpone(self, route: Route, receipt: str, delay_ms: int) -> None:
        """See ``ports.Queue``."""
        seconds = -(-min(delay_ms, _LONGEST_HIDING_MS) // SECOND_MS)
        with translated("queue.postpone", str(route)):
            self.client.change_message_visibility(
                QueueUrl=self._url(route), ReceiptHandle=receipt, VisibilityTimeout=seconds
            )

    def waiting(self, route: Route) -> int:
        """See ``ports.Queue``."""
        with translated("queue.waiting", str(route)):
            answer = self.client.get_queue_attributes(
                QueueUrl=self._url(route), AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _url(self, route: Route) -> str:
        if route not in self.urls:
            raise PortError("queue", str(route), "this deployment has no such queue")
        return self.urls[route]


def _entry(index: int, dispatch: Dispatch, delay_s: int) -> SendMessageBatchRequestEntryTypeDef:
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": str(index),
        "MessageBody": dump(dispatch),
        "MessageGroupId": dispatch.tenant,
    }
    return {**entry, "DelaySeconds": delay_s} if delay_s else entry
