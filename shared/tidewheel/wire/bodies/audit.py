"""The answers about the audit log."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from tidewheel.domain.access.audit import TRIED, AuditRow, Change
from tidewheel.wire.model import Model
from tidewheel.wire.values import Instant, from_ms

Document = Annotated[dict[str, Any] | None, Field(description="With `***` for what looks like a secret.")]


class ChangeAnswer(Model):
    """What a request did to one thing."""

    kind: Annotated[str, Field(description="What it is, such as `job`.")]
    id: str
    before: Document = None
    after: Document = None


class AuditAnswer(Model):
    """A request that changed something or tried to, or that was refused."""

    at: Annotated[Instant, Field(description="When it came.")]
    request: Annotated[str, Field(description="Its id, as in the answer's problem and in the access log.")]
    principal: Annotated[str, Field(description="Who made it.")]
    key: Annotated[str | None, Field(description="The id of the API key that it was made with.")]
    role: str
    address: Annotated[str | None, Field(description="The network address that it came from.")]
    operation: Annotated[str, Field(description="The operation, as this document calls it.")]
    path: str
    subjects: Annotated[tuple[str, ...], Field(description="The ids of what it was about.")]
    status: Annotated[
        int | None,
        Field(
            description="The HTTP status of its answer. Null: it was tried, and what came of it is not known; see what "
            "it was about."
        ),
    ]
    problem: Annotated[str | None, Field(description="The kind of problem that it was refused for.")]
    fields: Annotated[tuple[str, ...], Field(description="The fields that were refused.")]
    changes: tuple[ChangeAnswer, ...]
    more: Annotated[
        int,
        Field(description="How many refusals of the same principal were left out, in the last minute that had some."),
    ]


class AuditList(Model):
    """A page of the audit log, the newest first; the cursor is null on the last.

    A page may have fewer entries than the limit, or none, though others follow: a request looks at some thousand rows
    or twenty days at most.
    """

    items: tuple[AuditAnswer, ...]
    cursor: str | None


def audit_answer(row: AuditRow) -> AuditAnswer:
    """The answer that stands for an entry."""
    return AuditAnswer(
        at=from_ms(row.at_ms),
        request=row.request,
        principal=row.principal,
        key=row.key or None,
        role=row.role,
        address=row.address or None,
        operation=row.operation,
        path=row.path,
        subjects=row.subjects,
        status=None if row.status == TRIED else row.status,
        problem=row.problem or None,
        fields=row.fields,
        changes=tuple(map(_change, row.changes)),
        more=row.more,
    )


def _change(one: Change) -> ChangeAnswer:
    before, after = (json.loads(text) if text else None for text in (one.before, one.after))
    return ChangeAnswer(kind=one.kind, id=one.id, before=before, after=after)
