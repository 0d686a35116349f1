"""How messages, events and invocations identify the execution that sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidewheel.ports import Call

FIFO = ".fifo"
"""The suffix of the names of FIFO queues and topics."""


def identity(call: Call) -> Mapping[str, Any]:
    """The execution as a JSON object; its id is to be used as the idempotency key."""
    return {
        "execution": call.execution,
        "nominal_ms": call.nominal_ms,
        "due_ms": call.due_ms,
        "attempt": call.attempt,
        "fencing_token": call.attempt,
    }


def attributes(call: Call) -> dict[str, Any]:
    """The attributes of a message, in the form of SQS and SNS: the job's own, and the execution's identity."""
    own = call.target.spec.get("attributes") or {}
    numbers = {
        "Tidewheel-Nominal-Time": call.nominal_ms,
        "Tidewheel-Due-Time": call.due_ms,
        "Tidewheel-Attempt": call.attempt,
        "Tidewheel-Fencing-Token": call.attempt,
    }
    return {
        **{name: {"DataType": "String", "StringValue": value} for name, value in own.items()},
        "Tidewheel-Execution": {"DataType": "String", "StringValue": call.execution},
        **{name: {"DataType": "Number", "StringValue": str(value)} for name, value in numbers.items()},
    }


def grouping(call: Call, place: str) -> dict[str, Any]:
    """The message group and, for a FIFO queue or topic, the deduplication id, which drops repeats for five minutes.

    A job that names no group gets one of its own on a FIFO queue or topic, so that its messages stay in order.
    """
    group = call.target.spec.get("group")
    if not place.endswith(FIFO):
        return {"MessageGroupId": group} if group else {}
    job = call.execution.partition("-")[0]
    return {"MessageGroupId": group or job, "MessageDeduplicationId": call.execution}
