"""The parts that targets share which send a payload: messages, events and inputs."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from tidewheel.domain.jobs.secret import references_in
from tidewheel.wire.model import refusal, shown

MAX_PAYLOAD_BYTES = 256 * 1024
"""Bytes: the quota of SNS for a message, of EventBridge for an entry and of Step Functions for an input. SQS takes as
much."""

RESERVED_BYTES = 1024
"""Bytes of it that are kept free for the fields that name the execution; they take about 400."""

MAX_ATTRIBUTES = 5
"""A message may have ten (Amazon SQS message quotas); five of them name the execution."""

_UNCARRIED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE = re.compile(r"(?!aws\.|amazon\.|tidewheel)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII | re.IGNORECASE)
_MAX_NAME = 256
_GROUP = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


def text_of(payload: Any) -> str:
    """A payload as it is sent: a string as it is, anything else as JSON."""
    return payload if isinstance(payload, str) else json.dumps(payload)


def check_size(*texts: str) -> None:
    """Refuses texts that are too long together as they are sent."""
    size, most = sum(len(text.encode()) for text in texts), MAX_PAYLOAD_BYTES - RESERVED_BYTES
    if size > most:
        raise refusal(f"takes {size} bytes when it is sent", f"send {most} bytes or fewer, such as a link to the rest")


def check_plain(payload: Any) -> None:
    """Refuses references to secrets. They are revealed to http and lambda targets alone; here they would be stored."""
    for reference in references_in(payload):
        raise refusal(
            f"the secret {shown(reference.name)} would be stored", "let whoever receives this read it instead"
        )


def _carried(text: str, noun: str) -> None:
    if not text:
        raise refusal(f"{noun} is empty", "write one character or more")
    if found := _UNCARRIED.search(text):
        raise refusal(f"{noun} holds {found[0]!r}", "leave out the control characters that XML 1.0 leaves out")


def _check_body(body: Any) -> Any:
    text = text_of(body)
    _carried(text, "the body")
    check_plain(body)
    check_size(text)
    return body


def _check_json(payload: Any) -> Any:
    check_plain(payload)
    check_size(json.dumps(payload))
    return payload


def _check_attributes(attributes: dict[str, str]) -> dict[str, str]:
    """Checks names and values. Error messages leave values out, since they may be secrets."""
    for name, value in attributes.items():
        if len(name) > _MAX_NAME or not _ATTRIBUTE.fullmatch(name):
            remedy = "use A-Z a-z 0-9 _ - and single dots inside, and begin with neither AWS., Amazon. nor Tidewheel"
            raise refusal(f"{shown(name)} cannot be an attribute's name", remedy)
        _carried(value, f"the value of {name}")
    return attributes


def _check_group(group: str) -> str:
    if not _GROUP.fullmatch(group):
        raise refusal(f"{shown(group)} is not a message group", "use 1 to 128 visible ASCII characters")
    return group


def _check_together(attributes: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    """Body and attributes count together, the attributes with their names and types."""
    body = text_of(info.data.get("body"))  # absent if it was refused itself
    check_size(body, *(f"{name}String{value}" for name, value in attributes.items()))
    return attributes


JsonPayload = Annotated[Any, AfterValidator(_check_json)]
"""Any JSON, sent as JSON."""

MessageBody = Annotated[Any, AfterValidator(_check_body)]
"""Any JSON; a string is sent as it is."""

Attributes = Annotated[
    dict[str, str],
    Field(max_length=MAX_ATTRIBUTES),
    AfterValidator(_check_attributes),
    AfterValidator(_check_together),
]
"""Attributes of a message, all of them strings. They follow the ``body`` in their model, with which they must fit."""

Group = Annotated[
    str,
    Field(description="The message group. A FIFO queue or topic has by default one for each job."),
    AfterValidator(_check_group),
]
"""A message group."""
