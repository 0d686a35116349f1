"""Serves the operation on the audit log."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered_page
from functions.api.cursors import foreign_cursor
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.domain import keys
from tidewheel.domain.access.audit import AuditFilter
from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.limits import DAY_MS
from tidewheel.wire.bodies.audit import AuditList, audit_answer
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.endpoints.audit import LIST_AUDIT


@serves(LIST_AUDIT)
def list_audit(request: Request) -> Response[str]:
    """A page of the audit log. Its cursors are valid for the same filters."""
    asked, limit = _filter(request), request.limit
    kind = request.kind("audit", request.filters())
    after = _place(request.position(kind))
    page = request.services.audit.listed(request.tenant, asked, limit, after)
    return answered_page(page, kind, audit_answer, AuditList)


def _filter(request: Request) -> AuditFilter:
    from_ms, until_ms = request.instant("from"), request.instant("to")
    until_ms = request.services.now_ms() + 1 if until_ms is None else until_ms
    from_ms = max(0, until_ms - DAY_MS) if from_ms is None else from_ms
    if from_ms >= until_ms:
        raise Invalid("from", "is not before the end", "put it before `to`, which is now unless given")
    operation = request.one("operation") or ""
    if operation and operation not in {one.id for one in OPERATIONS}:
        raise Invalid("operation", f"{operation[:40]!r} is not an operation", "use one of /v1/openapi.json")
    return AuditFilter(from_ms, until_ms, request.one("principal") or "", operation, request.one("subject") or "")


def _place(text: str | None) -> str | None:
    """A place in the audit log."""
    try:
        return text if text is None or keys.audit_read_from(text) else None
    except Unreadable as error:
        raise foreign_cursor() from error
