"""The queues in SQS: one for each route, known by its URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import is_missing, is_throttle, translated
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.limits import HOUR_MS, SECOND_MS
from tidewheel.ports import PortError, Received, Refused
from tidewheel.wire.message import dump

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        BatchResultErrorEntryTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

_LONGEST_HIDING_MS = 11 * HOUR_MS  # Amazon SQS refuses what would end 12 hours after the message was received


@dataclass(frozen=True, slots=True)
class SqsQueue:
    """``ports.Queue`` on SQS."""

    client: SQSClient
    urls: Mapping[Route, str]

    def send(self, route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        """See ``ports.Queue``. Tenants share a queue fairly, see ``_entry``."""
        entries = [
            _entry(index, dispatch, delay_s)
            for index, (dispatch, delay_s) in enumerate(zip(dispatches, delays_s or [0] * len(dispatches), strict=True))
        ]
        with translated("queue.send", str(route)):
            answer = self.client.send_message_batch(QueueUrl=self._url(route), Entries=entries)
        accepted = {entry["Id"] for entry in answer.get("Successful", [])}
        for failed in answer.get("Failed", []):
            if len(entries) == 1 and failed["SenderFault"] and not is_throttle(failed["Code"]):
                problem = f"{failed['Code']}: {failed.get('Message', '')}"
                raise Refused("queue.send", str(route), problem, mendable=is_missing(failed["Code"]))
        return [str(index) in accepted for index in range(len(dispatches))]

    def retry_later(self, route: Route, receipt: str, delay_ms: int) -> None:
        """See ``ports.Queue``."""
        with translated("queue.retry_later", str(route)):
            self.client.change_message_visibility(
                QueueUrl=self._url(route), ReceiptHandle=receipt, VisibilityTimeout=_seconds(delay_ms)
            )

    def receive(self, route: Route, limit: int, hidden_ms: int, wait_ms: int = 0) -> Sequence[Received]:
        """See ``ports.Queue``. To wait, the client needs a read time-out that is longer (``clients.receiving``)."""
        with translated("queue.receive", str(route)):
            answer = self.client.receive_message(
                QueueUrl=self._url(route),
                MaxNumberOfMessages=limit,
                VisibilityTimeout=_seconds(hidden_ms),
                WaitTimeSeconds=wait_ms // SECOND_MS,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        return [_received(message, route) for message in answer.get("Messages", [])]

    def hide(self, route: Route, receipts: Sequence[str], duration_ms: int) -> None:
        """See ``ports.Queue``."""
        with translated("queue.hide", str(route)):
            answer = self.client.change_message_visibility_batch(
                QueueUrl=self._url(route),
                Entries=[
                    {"Id": str(index), "ReceiptHandle": receipt, "VisibilityTimeout": _seconds(duration_ms)}
                    for index, receipt in enumerate(receipts)
                ],
            )
        _refuse_failures("queue.hide", route, answer.get("Failed", []))

    def delete(self, route: Route, receipts: Sequence[str]) -> None:
        """See ``ports.Queue``."""
        with translated("queue.delete", str(route)):
            answer = self.client.delete_message_batch(
                QueueUrl=self._url(route),
                Entries=[{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)],
            )
        _refuse_failures("queue.delete", route, answer.get("Failed", []))

    def waiting(self, route: Route) -> int:
        """See ``ports.Queue``."""
        with translated("queue.waiting", str(route)):
            answer = self.client.get_queue_attributes(
                QueueUrl=self._url(route), AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _url(self, route: Route) -> str:
        if route not in self.urls:
            raise Refused("queue", str(route), "this deployment has no such queue", mendable=True)
        return self.urls[route]


def _seconds(hidden_ms: int) -> int:
    return -(-min(hidden_ms, _LONGEST_HIDING_MS) // SECOND_MS)


def _received(message: MessageTypeDef, route: Route) -> Received:
    attributes = message.get("Attributes", {})
    return Received(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        route=route,
        times=int(attributes.get("ApproximateReceiveCount", "1")),
        sent_ms=int(attributes["SentTimestamp"]) if "SentTimestamp" in attributes else None,
    )


def _refuse_failures(operation: str, route: Route, failed: Sequence[BatchResultErrorEntryTypeDef]) -> None:
    """Raises if the service failed for a message; one that is gone, or received by another since, is no failure."""
    grave = [entry for entry in failed if not entry["SenderFault"]]
    if grave:
        raise PortError(operation, str(route), f"{len(grave)} failed: {grave[0].get('Message', grave[0]['Code'])}")


def _entry(index: int, dispatch: Dispatch, delay_s: int) -> SendMessageBatchRequestEntryTypeDef:
    """A message of a batch.

    The tenant is its message group, so that a standard queue shares fairly between tenants ("Amazon SQS fair queues");
    messages without a group are parted from nobody. AWS bills such requests higher (``domain.pricing``).
    """
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": str(index),
        "MessageBody": dump(dispatch),
        "MessageGroupId": dispatch.tenant,
    }
    if delay_s:
        entry["DelaySeconds"] = delay_s
    return entry
