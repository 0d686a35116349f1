"""ARNs, and names of SQS queues, as targets refer to them: how they are written, and why one is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tidewheel.wire.model import refusal, shown

_REGION, _ACCOUNT = r"[a-z]{2}(?:-[a-z0-9]+)+", r"\d{12}"
_QUEUE_NAME = r"(?P<name>[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)"
_QUEUES = [
    re.compile(form, re.ASCII)
    for form in (
        _QUEUE_NAME,
        rf"arn:aws[a-z-]*:sqs:(?P<region>{_REGION}):(?P<account>{_ACCOUNT}):{_QUEUE_NAME}",
        rf"https://sqs\.(?P<region>{_REGION})\.amazonaws\.com(?:\.cn)?/(?P<account>{_ACCOUNT})/{_QUEUE_NAME}",
    )
]


@dataclass(frozen=True, slots=True)
class QueueReference:
    """An SQS queue, as a target refers to it.

    Args:
        name: Its name.
        account: The id of its account; empty for the worker's own.
        region: Its region; empty for the worker's own.
    """

    name: str
    account: str = ""
    region: str = ""


def read_queue(queue: str) -> QueueReference:
    """Reads a queue's name, ARN or URL.

    Raises:
        PydanticCustomError: It is none of the three.
    """
    for form in _QUEUES:
        if found := form.fullmatch(queue):
            return QueueReference(**found.groupdict())
    raise refusal(
        f"{shown(queue)} is not an SQS queue", "use its name, its ARN, or its URL at sqs.<region>.amazonaws.com"
    )


def check_queue(queue: str) -> str:
    """The text, if it refers to a queue; to be used as a validator."""
    read_queue(queue)
    return queue


def arn_of(service: str, resource: str, noun: str, example: str) -> Callable[[str], str]:
    """Makes a validator of ARNs.

    Args:
        service: The service's name in the ARN.
        resource: What follows the account, as a regular expression.
        noun: What it is called, for people.
        example: One, for people.
    """
    form = re.compile(rf"arn:aws[a-z-]*:{service}:{_REGION}:{_ACCOUNT}:{resource}", re.ASCII)

    def check(arn: str) -> str:
        if not form.fullmatch(arn):
            raise refusal(f"{shown(arn)} is not the ARN of {noun}", f"write it like {example}")
        return arn

    return check
