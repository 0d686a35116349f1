"""Calls on the service itself and on the parties that jobs call."""

from __future__ import annotations

from typing import Any

from tidewheel.client.flow import Flow, Stream, all_items
from tidewheel.client.sending import call, send
from tidewheel.wire.bodies.circuit import CircuitAnswer, CircuitList
from tidewheel.wire.bodies.health import Health
from tidewheel.wire.bodies.usage import Usage
from tidewheel.wire.endpoints.circuits import CLOSE_CIRCUIT, LIST_CIRCUITS
from tidewheel.wire.endpoints.service import GET_HEALTH, GET_OPENAPI, SET_MODE
from tidewheel.wire.endpoints.usage import GET_USAGE


def circuits_page(*, limit: int | None = None, cursor: str | None = None) -> Flow[CircuitList]:
    """One page of the parties that jobs call and that failed lately, by party."""
    return call(LIST_CIRCUITS, {"limit": limit, "cursor": cursor})


def circuits(*, page: int | None = None) -> Stream[CircuitAnswer]:
    """All parties that jobs call and that failed lately, by party, fetched page by page."""
    return all_items(lambda cursor: circuits_page(limit=page, cursor=cursor))


def close_circuit(id: str) -> Flow[CircuitAnswer]:
    """Has a party called again at once; ``tidewheel.wire.bodies.circuit.circuit_id`` names a party's circuit."""
    return call(CLOSE_CIRCUIT, {"id": id})


def usage() -> Flow[Usage]:
    """The limits of the caller's tenant, and what is used of them."""
    return call(GET_USAGE)


def health() -> Flow[Health]:
    """Whether the API answers, and how much the deployment takes on at present."""
    return call(GET_HEALTH)


def set_read_only(read_only: bool, reason: str = "") -> Flow[Health]:  # noqa: FBT001 - it names what it sets
    """Sets the operator's switch: while it is on, the API refuses every change, and what was accepted goes on.

    Args:
        read_only: Whether it is to be on.
        reason: Why; everybody may read it.
    """
    return call(SET_MODE, {}, body={"read_only": read_only, "reason": reason})


def openapi() -> Flow[dict[str, Any]]:
    """The API's OpenAPI document."""
    response = yield from send(GET_OPENAPI, {})
    document: dict[str, Any] = response.json()
    return document
