"""Serves the operation on many jobs: each item is served as the single request that it stands for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from functions.api import problems
from functions.api.repeats import digest_of, name_of
from functions.api.request import Request
from functions.api.routes import jobs
from functions.api.serving import Handler, serves
from tidewheel.domain.limits import ANSWER_BYTES, ANSWER_SENT_BYTES, BULK_MS
from tidewheel.engine.api.audit.changes import Noted, gather
from tidewheel.wire.bodies.bulk import BulkItem, CreateItem, EditItem, ReplaceItem, read_bulk
from tidewheel.wire.endpoints.jobs import BULK_JOBS
from tidewheel.wire.parameters import IDEMPOTENCY_KEY, IF_MATCH

_HANDLERS: Mapping[str, Handler] = {
    "create": jobs.create_job,
    "replace": jobs.replace_job,
    "edit": jobs.edit_job,
    "delete": jobs.delete_job,
    "pause": jobs.pause_job,
    "resume": jobs.resume_job,
}
_OK = 300
_OWN_HEADERS = {IDEMPOTENCY_KEY.lower(), IF_MATCH.lower()}
_FRAME = 400
"""More bytes than a result has besides its job or its problem."""


@serves(BULK_JOBS)
def bulk_jobs(request: Request) -> Response[str]:
    """Does each item by itself, until the call's time is up; a repeat under the same key does what is left."""
    items, dry_run = read_bulk(request.document()).items, request.flag("dry_run")
    if request.key and not dry_run:
        request.services.repeats.begin(request.tenant, name_of(request), digest_of(request), "")
    results = list(_results(request, items, dry_run=dry_run))
    failed = sum(result["status"] >= _OK for result in results)
    return Response(200, "application/json", json.dumps({"items": results, "failed": failed}, ensure_ascii=False))


def _results(request: Request, items: Sequence[BulkItem], *, dry_run: bool) -> Iterator[dict[str, Any]]:
    until_ms = request.services.now_ms() + BULK_MS
    size = sent = 0
    for index, item in enumerate(items):
        if index and request.services.now_ms() >= until_ms:
            answer = problems.not_done(request.event, index)
        else:
            answer = _answer(request, item, index, dry_run=dry_run)
        size += len((answer.body or "").encode()) + _FRAME
        sent += len(json.dumps(answer.body)) + _FRAME
        yield _result(answer, item, fits=size < ANSWER_BYTES and sent < ANSWER_SENT_BYTES)


def _answer(request: Request, item: BulkItem, index: int, *, dry_run: bool) -> Response[str]:
    """The answer to the single request that an item stands for."""
    handler = _HANDLERS[item.action]
    path = {} if isinstance(item, CreateItem) else {"id": quote(item.id, safe="")}
    event = _event(request, item, index, dry_run=dry_run and "dry_run" in handler.operation.takes("query"))
    single = Request(event, handler.operation, path, request.make_services)
    try:
        if dry_run and "dry_run" not in handler.operation.takes("query"):
            single.authorize()
            return jobs.unchanged(single)
        return handler.answer(single)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this item's alone, and logged
        answer = problems.failed(error, event)
        refusal = {"item": index, "operation": handler.operation.id, "status": answer.status_code}
        gather(Noted("refusal", getattr(item, "id", ""), after=refusal))
        return answer


def _event(request: Request, item: BulkItem, index: int, *, dry_run: bool) -> APIGatewayProxyEvent:
    """What API Gateway would have sent for a single request."""
    given: Mapping[str, str] = request.event.get("headers") or {}
    headers = {name: value for name, value in given.items() if name.lower() not in _OWN_HEADERS}
    if request.key:
        headers[IDEMPOTENCY_KEY] = _key_of(request.key, index)
    match = getattr(item, "match", None)
    if match is not None:
        headers[IF_MATCH] = f'"{match}"'
    document: Any = None
    if isinstance(item, CreateItem | ReplaceItem):
        document = item.job
    elif isinstance(item, EditItem):
        document = item.patch
    query = {"dry_run": ["true"]} if dry_run else None
    return APIGatewayProxyEvent(
        {
            **request.event.raw_event,
            "body": None if document is None else json.dumps(document),
            "isBase64Encoded": False,
            "headers": headers,
            "queryStringParameters": query and {name: values[0] for name, values in query.items()},
            "multiValueQueryStringParameters": query,
        }
    )


def _key_of(key: str, index: int) -> str:
    """The idempotency key of an item, from that of the call."""
    return f"bulk-{hashlib.blake2b(f'{key} {index}'.encode(), digest_size=16).hexdigest()}"


def _result(answer: Response[str], item: BulkItem, *, fits: bool) -> dict[str, Any]:
    found: Any = json.loads(answer.body) if answer.body else None
    done = answer.status_code < _OK
    return {
        "status": answer.status_code,
        "id": found["id"] if done and found else getattr(item, "id", None),
        "job": found if done and fits else None,
        "problem": None if done else found,
    }
