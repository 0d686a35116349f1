"""Every way in which a request can fail, as a problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from functions.api.received import TooLarge, Unsupported
from tidewheel.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    KeyReused,
    MadeBefore,
    NotFound,
    Outdated,
    Overloaded,
    ReadOnly,
    Unauthenticated,
)
from tidewheel.domain.limits import OVERLOADED_RETRY_S, READ_ONLY_RETRY_S
from tidewheel.domain.quotas.exceeded import LimitExceeded
from tidewheel.domain.quotas.limit import tokens_of, window_at
from tidewheel.ports import PortError, Throttled
from tidewheel.wire.endpoints import operations_at
from tidewheel.wire.parameters import IDEMPOTENCY_KEY
from tidewheel.wire.problem import MEDIA_TYPE, FieldProblem, ReachedLimit, problem
from tidewheel.wire.rate_limit import RETRY_AFTER, rate_limit, seconds
from tidewheel.wire.refused import Malformed, of_domain
from tidewheel.wire.values import from_ms

RETRY_AFTER_S = 1
CHALLENGE = "Bearer"
"""How to sign in: a key or a token, after this word in the header ``Authorization`` (RFC 6750)."""

_MOST_ERRORS = 50
"""Errors that an answer names: a body may have ten thousand unknown fields."""

_log = Logger(service="api")


def request_id(event: APIGatewayProxyEvent) -> str:
    """The request's id, as its caller and the access log see it."""
    return str((event.get("requestContext") or {}).get("requestId") or "unknown")


def failed(error: Exception, event: APIGatewayProxyEvent) -> Response[str]:
    """The answer to a request that failed. A fault of the service is logged and not described to the caller."""
    kind, detail, errors = _described(error)
    if isinstance(error, PortError):
        _log.warning("a store or queue failed", request_id=request_id(event), problem=str(error))
    elif kind == "internal":
        _log.error("a request failed", request_id=request_id(event), exc_info=error)
    return _answer(kind, detail, event, errors, _headers(error), _limit(error))


def _headers(error: Exception) -> Mapping[str, str]:
    """What an answer says besides its document."""
    match error:
        case Throttled():
            return {"Retry-After": str(RETRY_AFTER_S)}
        case Overloaded():
            return {"Retry-After": str(OVERLOADED_RETRY_S)}
        case ReadOnly():
            return {"Retry-After": str(READ_ONLY_RETRY_S)}
        case Unauthenticated():
            return {"WWW-Authenticate": CHALLENGE}
        case LimitExceeded():
            return _limit_headers(error)
    return {}


def not_done(event: APIGatewayProxyEvent, index: int) -> Response[str]:
    """The answer to an item of a call whose time was up before it."""
    what = "was not begun: the call's time was up"
    remedy = "send the call again with the same Idempotency-Key: what was done is not done again"
    errors = (FieldProblem(field=f"items.{index}", problem=what, remedy=remedy),)
    return _answer("unavailable", f"this item {what}; {remedy}", event, errors)


def _limit_headers(error: LimitExceeded) -> Mapping[str, str]:
    """The limit that was reached, and when to come again. The quota of a window is that of the whole window."""
    found, wait_ms = error.exceeded, error.wait_ms
    if found.reset_ms is None or wait_ms is None:
        return rate_limit(found.limit, found.allowed, 0)
    window = window_at(found.limit, found.reset_ms - 1)
    length_ms = window.until_ms - window.from_ms
    headers = rate_limit(found.limit, tokens_of(found.limit, found.allowed), 0, length_ms, wait_ms)
    return {**headers, RETRY_AFTER: str(seconds(wait_ms))}


def _limit(error: Exception) -> ReachedLimit | None:
    """The limit that was reached, for the document."""
    if not isinstance(error, LimitExceeded):
        return None
    found = error.exceeded
    reset_at = None if found.reset_ms is None else from_ms(found.reset_ms)
    return ReachedLimit(name=found.limit, used=found.used, allowed=found.allowed, reset_at=reset_at)


def unknown(event: APIGatewayProxyEvent) -> Response[str]:
    """The answer to a request that matches no operation."""
    path: str = event["path"]
    allowed = sorted(operation.method for operation in operations_at(path))
    if not allowed or event["httpMethod"] in allowed:  # its id has characters that no id can have
        return _answer("not-found", f"there is no {path}; see /v1/openapi.json", event)
    detail = f"{event['httpMethod']} is not allowed on {path}; use {' or '.join(allowed)}"
    return _answer("method-not-allowed", detail, event, headers={"Allow": ", ".join(allowed)})


_Description = tuple[str, str, tuple[FieldProblem, ...]]


@singledispatch
def _described(_error: Exception) -> _Description:
    return "internal", "the request could not be served; its id names it in the log", ()


@_described.register
def _(error: Invalid) -> _Description:
    errors = of_domain(error)[:_MOST_ERRORS]
    return "invalid", "; ".join(f"{one.field}: {one.problem}" for one in errors), errors


@_described.register
def _(error: Malformed) -> _Description:
    return "malformed", error.problem, (FieldProblem(field="body", problem=error.problem, remedy=error.remedy),)


@_described.register
def _(error: TooLarge) -> _Description:
    remedy = "send less, or a reference to where the payload is"
    return "too-large", str(error), (FieldProblem(field="body", problem=str(error), remedy=remedy),)


@_described.register
def _(error: LimitExceeded) -> _Description:
    return "limited", str(error), ()


@_described.register
def _(error: Unsupported) -> _Description:
    remedy = "send JSON, with the header Content-Type: application/json"
    return "unsupported", str(error), (FieldProblem(field="Content-Type", problem=str(error), remedy=remedy),)


@_described.register
def _(error: Unauthenticated) -> _Description:
    remedy = "send a key or a token in the header Authorization, after the word Bearer"
    return (
        "unauthenticated",
        error.problem,
        (FieldProblem(field="Authorization", problem=error.problem, remedy=remedy),),
    )


@_described.register
def _(error: Forbidden) -> _Description:
    return "forbidden", f"{error.problem}; {error.remedy}", ()


@_described.register
def _(error: Overloaded) -> _Description:
    return "overloaded", f"{error}; try again later, with the same Idempotency-Key", ()


@_described.register
def _(error: ReadOnly) -> _Description:
    return "read-only", f"{error}; try again later, with the same Idempotency-Key", ()


@_described.register
def _(error: NotFound) -> _Description:
    return "not-found", f"{error.kind} {error.id} does not exist", ()


@_described.register
def _(error: KeyReused) -> _Description:
    return "conflict", str(error), (FieldProblem(field=error.id, problem=error.problem, remedy=error.remedy),)


@_described.register
def _(error: MadeBefore) -> _Description:
    problem = f"{error.kind} {error.id} {error.problem}"
    return "conflict", str(error), (FieldProblem(field=IDEMPOTENCY_KEY, problem=problem, remedy=error.remedy),)


@_described.register
def _(error: Conflict) -> _Description:
    return "conflict", str(error), ()


@_described.register
def _(error: Outdated) -> _Description:
    return "outdated", str(error), (FieldProblem(field="If-Match", problem=error.problem, remedy=error.remedy),)


@_described.register
def _(_error: PortError) -> _Description:
    return "unavailable", "a store or queue did not answer in time; try again, with the same Idempotency-Key", ()


def _answer(
    kind: str,
    detail: str,
    event: APIGatewayProxyEvent,
    errors: tuple[FieldProblem, ...] = (),
    headers: Mapping[str, str] | None = None,
    limit: ReachedLimit | None = None,
) -> Response[str]:
    document = problem(kind, detail, request_id(event), errors, limit)
    text = document.model_dump_json(exclude_none=True)
    return Response(document.status, MEDIA_TYPE, text, headers=dict(headers or {}))
