"""The ``eventbridge`` target: puts one event on a bus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.targets.calling import READ_MS, answered, succeeded
from tidewheel.adapters.aws.targets.messages import identity
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.ports import Call, Caller

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

KIND = "eventbridge"
_FAULTS = {"InternalException", "InternalFailure"}
_STATUS_OF_FAULT, _STATUS_OF_THROTTLE, _STATUS_OF_REFUSAL = 500, 429, 400


def make(_: Surroundings) -> Caller:
    """The caller of this kind."""
    return EventBridgeTarget(boto3.client("events", config=clients.asking_once(READ_MS)))


@dataclass(frozen=True, slots=True)
class EventBridgeTarget:
    """``ports.Caller`` for the kind ``eventbridge``: the event's detail is the job's, with a ``tidewheel`` object."""

    client: EventBridgeClient

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        return answered(call, lambda: self._put(call), lambda said: _answer_of(call, said))

    def _put(self, call: Call) -> Mapping[str, Any]:
        spec = call.target.spec
        event: PutEventsRequestEntryTypeDef = {
            "EventBusName": spec["bus"],
            "Source": spec["source"],
            "DetailType": spec["detail_type"],
            "Detail": json.dumps({**spec.get("detail", {}), "tidewheel": identity(call)}),
        }
        return self.client.put_events(Entries=[event])


def _answer_of(call: Call, said: Mapping[str, Any]) -> Answer:
    """The answer for the one entry. The request's own status is 200 even if the entry was refused.

    An entry's error has no status, so it gets the one that fits its code, since the job's ``retry.on`` may name it.
    """
    entry = said["Entries"][0]
    if "ErrorCode" not in entry:
        return succeeded(call, {"EventId": entry["EventId"]})
    code = entry["ErrorCode"]
    status = _STATUS_OF_REFUSAL
    if code in _FAULTS:
        status = _STATUS_OF_FAULT
    elif clients.is_throttle(code):
        status = _STATUS_OF_THROTTLE
    reason = f"{code}: {entry.get('ErrorMessage', '')}"
    return Answer(Result.FAILED, status, reason=reason, retryable=status != _STATUS_OF_REFUSAL)
