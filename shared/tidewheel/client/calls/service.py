"""Calls on the service itself and on the parties that jobs call."""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from tidewheel.client.flow import Flow, Stream, all_items
from tidewheel.client.sending import call, send
from tidewheel.wire.bodies.audit import AuditAnswer, AuditList
from tidewheel.wire.bodies.circuit import CircuitAnswer, CircuitList
from tidewheel.wire.bodies.health import Health
from tidewheel.wire.bodies.usage import Usage
from tidewheel.wire.endpoints.audit import LIST_AUDIT
from tidewheel.wire.endpoints.circuits import CLOSE_CIRCUIT, LIST_CIRCUITS
from tidewheel.wire.endpoints.service import GET_HEALTH, GET_OPENAPI, SET_MODE
from tidewheel.wire.endpoints.usage import GET_USAGE


class AuditFilters(TypedDict, total=False):
    """Which entries of the audit log a list is to have: those for which all that is given holds.

    Args:
        start: From when on, in RFC 3339; else a day before the end.
        end: Until when, not included; else now.
        principal: What this principal did, by its name.
        operation: Of this operation, such as ``createJob``.
        subject: About this id.
    """

    start: str | None
    end: str | None
    principal: str | None
    operation: str | None
    subject: str | None


def audit_page(
    *, limit: int | None = None, cursor: str | None = None, **filters: Unpack[AuditFilters]
) -> Flow[AuditList]:
    """One page of the entries of the audit log that the filters (``AuditFilters``) leave, the newest first.

    Args:
        limit: How many at most; a page may be shorter though others follow.
        cursor: The last page's cursor.
        filters: Which entries.
    """
    names = {"start": "from", "end": "to"}
    values: dict[str, Any] = {names.get(name, name): value for name, value in filters.items()}
    return call(LIST_AUDIT, {**values, "limit": limit, "cursor": cursor})


def audit(*, page: int | None = None, **filters: Unpack[AuditFilters]) -> Stream[AuditAnswer]:
    """All entries of the audit log that the filters (``AuditFilters``) leave, fetched page by page.

    Args:
        page: How many a page has at most.
        filters: Which entries.
    """
    return all_items(lambda cursor: audit_page(limit=page, cursor=cursor, **filters))


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
