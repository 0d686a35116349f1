"""The operation on the audit log."""

from __future__ import annotations

from tidewheel.domain.access.roles import Role
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.audit import AuditList
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import CURSOR, LIMIT, TEXT, TIME, Parameter

_FROM = Parameter("from", "query", "From when on; else a day before the end.", TIME)
_TO = Parameter("to", "query", "Until when, not included; else now.", TIME)
_PRINCIPAL = Parameter("principal", "query", "Only what this principal did, by its name as an entry shows it.", TEXT)
_OPERATION = Parameter("operation", "query", "Only requests of this operation, such as `createJob`.", TEXT)
_SUBJECT = Parameter("subject", "query", "Only what was about this id, of a job or of anything else.", TEXT)

LIST_AUDIT = Operation(
    id="listAudit",
    method="GET",
    path=f"/{VERSION}/audit",
    summary="Who changed what, and who was refused, the newest first",
    status=200,
    answer=AuditList,
    role=Role.ADMIN,
    parameters=(_FROM, _TO, _PRINCIPAL, _OPERATION, _SUBJECT, LIMIT, CURSOR),
    problems=("invalid", "unavailable"),
)
