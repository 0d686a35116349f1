"""The ``eventbridge`` target on the wire."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tidewheel.wire.bodies.target import Right, WatchedTarget
from tidewheel.wire.model import refusal, shown
from tidewheel.wire.payload import check_plain, check_size

_BUS = re.compile(
    r"(?:arn:aws[a-z-]*:events:[a-z]{2}(?:-[a-z0-9]+)+:\d{12}:event-bus/)?[A-Za-z0-9._/-]{1,256}", re.ASCII
)
_TOLD = "tidewheel"
_RESERVED = "aws."


def _check_bus(bus: str) -> str:
    if not _BUS.fullmatch(bus):
        raise refusal(f"{shown(bus)} is not an event bus", "use its name or its ARN, such as tidewheel-target-orders")
    return bus


def _check_source(source: str) -> str:
    if source.startswith(_RESERVED):
        raise refusal(f"{shown(source)} is kept for AWS itself", "begin with something other than aws.")
    if not source.isprintable():
        raise refusal(f"{shown(source)} holds a control character", "use printable characters, such as acme.billing")
    return source


def _check_detail(detail: dict[str, Any]) -> dict[str, Any]:
    if _TOLD in detail:
        raise refusal(
            f"{_TOLD} is where the event says which execution it comes from", "use another name in the detail"
        )
    check_plain(detail)
    check_size(json.dumps(detail))
    return detail


class EventBridgeTarget(WatchedTarget):
    """An event on an EventBridge bus, by the bus's name or ARN; `tidewheel` in its detail says where it comes from."""

    PARTY = "bus"
    DATA = frozenset({"detail"})
    SERVICES = frozenset({"events"})
    RIGHTS = (Right(("events:PutEvents",), ("event-bus/{target}",)),)

    kind: Literal["eventbridge"]
    bus: Annotated[str, Field(max_length=320, examples=["tidewheel-target-orders"]), AfterValidator(_check_bus)]
    source: Annotated[
        str, Field(min_length=1, max_length=256, examples=["acme.billing"]), AfterValidator(_check_source)
    ]
    detail_type: Annotated[str, Field(min_length=1, max_length=128, examples=["invoices.due"])]
    detail: Annotated[dict[str, Any], AfterValidator(_check_detail)] = Field(default_factory=dict)

    def summary(self) -> str:
        """The bus, and what the event says it is."""
        return f"eventbridge {self.bus.rpartition(':event-bus/')[2]} {self.detail_type}"
