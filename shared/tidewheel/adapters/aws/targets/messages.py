"""What messages, events and invocations say of the execution that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidewheel.ports import Call

FIFO = ".fifo"
"""How the name of a FIFO queue or topic ends."""


def identity(call: Call) -> Mapping[str, Any]:
    """What tells repeats apart, as a JSON object; the execution's id is to be used as an idempotency key."""
    return {
        "execution": call.execution,
        "nominal_ms": call.nominal_ms,
        "due_ms": call.due_ms,
        "attempt": call.attempt,
        "fencing_token": call.attempt,
    }


def attributes(call: Call) -> dict[str, Any]:
    """The same, and the job's own, as attributes of a message (the form is that of SQS and SNS)."""
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
    """The message group of a queue or topic, and by what a FIFO one drops repeats (for five minutes).

    Without a group of its own a job is one, so that its messages stay in order.
    """
    group = call.target.spec.get("group")
    if not place.endswith(FIFO):
        return {"MessageGroupId": group} if group else {}
    job = call.execution.partition("-")[0]
    return {"MessageGroupId": group or job, "MessageDeduplicationId": call.execution}
