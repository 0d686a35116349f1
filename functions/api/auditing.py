"""Keeps the audit log around every handler: what changes something, and what is refused, is on it.

A changing request has a row before its handler runs. If that row cannot be written the request fails with 503, and
nothing has been changed; whoever repeats it has a row for each try. What came of it follows in a second row, which may
be missing if the process ends or the store fails meanwhile: then the first row stands alone as `tried`, and the log has
the line. Written the other way round, after the change alone, a crash between the two would leave a change of which
nobody knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from pydantic import ValidationError

from functions.api import problems
from functions.api.request import Request
from functions.api.serving import Serve
from tidewheel.domain.access.api_key import ApiKey
from tidewheel.domain.access.audit import AuditRow, Change
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.errors import DomainError
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.masking import masked_fields
from tidewheel.domain.workflows.records import WorkflowRecord
from tidewheel.engine.api.audit.changes import Noted, noting
from tidewheel.wire.convert import masked_document_of
from tidewheel.wire.problem import TYPE_PREFIX, Problem

_LONGEST = 300
"""Characters of what a caller wrote that a row keeps."""
_LONGEST_ID = 80
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]", re.ASCII)
"""What a request's id has not, where it is part of a key."""
_REFUSED = range(400, 500)


def audited(request: Request, admit: Callable[[Request], None], serve: Serve) -> Response[str]:
    """Answers a request, and keeps the audit log of it.

    Args:
        request: The request.
        admit: Refuses whoever may not make it, by raising.
        serve: Its handler.
    """
    if request.operation.role is None:
        admit(request)
        return serve(request)
    row = _row(request)
    try:
        admit(request)
        changing = request.operation.changes and not request.is_dry_run
        if changing:
            request.services.audit.tried(_of(row, request.caller, _subjects(request, None, ())))
    except Exception as error:  # noqa: BLE001 - whatever it is, it has an answer
        return _refused(request, row, problems.failed(error, request.event))
    with noting() as changes:
        try:
            response = serve(request)
        except Exception as error:  # noqa: BLE001 - likewise
            response = problems.failed(error, request.event)
    if not changing:
        return _refused(request, row, response)
    row = _of(row, request.caller, _subjects(request, response, changes))
    request.services.audit.ended(replace(_answered(row, response), changes=tuple(map(_change, changes))))
    return response


def _row(request: Request) -> AuditRow:
    """What is known of a request whoever makes it."""
    event = request.event
    identity = (event.get("requestContext") or {}).get("identity") or {}
    return AuditRow(
        "",
        request.services.now_ms(),
        _UNFIT.sub("-", problems.request_id(event))[:_LONGEST_ID],  # clients may choose it
        address=str(identity.get("sourceIp") or ""),
        operation=request.operation.id,
        path=str(event.path)[:_LONGEST],
    )


def _of(row: AuditRow, caller: Principal, subjects: tuple[str, ...]) -> AuditRow:
    return replace(
        row,
        tenant=caller.tenant,
        principal=caller.name,
        key=caller.key,
        role=caller.role.value,
        address=caller.address or row.address,
        subjects=subjects,
    )


def _refused(request: Request, row: AuditRow, response: Response[str]) -> Response[str]:
    """Keeps the row of a request that changed nothing, if it was refused."""
    if response.status_code in _REFUSED:
        row, audit = _answered(row, response), request.services.audit
        try:
            caller = request.caller
        except DomainError:  # nobody signed in, or not for a tenant
            audit.unsigned(row)
        else:
            audit.refused(_of(row, caller, _subjects(request, None, ())))
    return response


def _answered(row: AuditRow, response: Response[str]) -> AuditRow:
    """The row with its answer; of a problem the kind and the fields, not the text, which may quote what was sent."""
    row = replace(row, status=response.status_code)
    if response.status_code not in _REFUSED or not response.body:
        return row
    try:
        problem = Problem.model_validate_json(response.body)
    except ValidationError:
        return row
    fields = tuple(one.field[:_LONGEST] for one in problem.errors[:20])
    return replace(row, problem=problem.type.removeprefix(TYPE_PREFIX), fields=fields)


def _subjects(request: Request, response: Response[str] | None, changes: Sequence[Noted]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_named(request, response, changes)))


def _named(request: Request, response: Response[str] | None, changes: Sequence[Noted]) -> Iterator[str]:
    """The ids of what a request is about: as they were looked up, what was made, and what was changed."""
    if "id" in request.path:
        known = vars(request)  # what was looked up is cached there
        yield known.get("job") or known.get("execution") or unquote(request.path["id"])[:_LONGEST]
    if "name" in request.path:
        yield unquote(request.path["name"])[:_LONGEST]
    if response is not None and (place := response.headers.get("Location")):
        yield str(place).rpartition("/")[2]
    yield from (change.id for change in changes if change.id)


def _change(noted: Noted) -> Change:
    return Change(noted.kind, noted.id, _text(noted.before), _text(noted.after))


def _text(record: Any) -> str:
    """A record as JSON without what looks like a secret; empty for None."""
    if record is None:
        return ""
    document = _DOCUMENTS[type(record)](record)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _job(job: Job) -> dict[str, Any]:
    document = masked_document_of(job.definition, job.id)
    return {**document, "state": job.state.value, "generation": job.generation}


def _plain(record: Any) -> dict[str, Any]:
    """A record's fields, masked, sets as lists; of a key not the digest of its token."""
    fields = {name: value for name, value in asdict(record).items() if name != "digest"}
    plain = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in fields.items()}
    return masked_fields(plain, references=False)


def _refusal(record: dict[str, Any]) -> dict[str, Any]:
    return masked_fields(record, references=False)


def _workflow(record: WorkflowRecord) -> dict[str, Any]:
    """Which version is the latest; what that says can be read by its digest for ever."""
    fields = asdict(record)
    return masked_fields({"version": fields.pop("digest"), **fields}, references=False)


_DOCUMENTS: dict[type, Callable[[Any], Any]] = {
    Job: _job,
    Tenant: _plain,
    ApiKey: _plain,
    WorkflowRecord: _workflow,
    dict: _refusal,
}
"""What the audit log keeps of a record, by its type: all of them without what looks like a secret."""
