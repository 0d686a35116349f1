"""The operations on executions."""

from __future__ import annotations

import re

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request, cursor, foreign_cursor
from tidewheel.domain.executions.states import is_end
from tidewheel.engine.api.cancel import Cancel
from tidewheel.engine.api.ledger import Ledger
from tidewheel.engine.api.logs import LogBook, Place
from tidewheel.wire.cancel import read_cancel
from tidewheel.wire.convert import execution_answer, ledger_answer, listed_answer
from tidewheel.wire.execution import ExecutionList, LogAnswer

_PLACE = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,9})", re.ASCII)
_MOST_ATTEMPTS = 100_000
"""Redriven and handed-over executions have more attempts than a job allows at once; none has as many as this."""


def listed(request: Request) -> Response[str]:
    """A job's executions, newest nominal time first. Its cursors hold for this job alone."""
    job, limit = request.job, request.limit
    kind = f"executions/{job}"
    page = request.define.history(request.tenant, job, limit, request.position(kind))
    items = tuple(map(listed_answer, page.items))
    return answered(ExecutionList(items=items, cursor=cursor(kind, page.cursor)))


def get(request: Request) -> Response[str]:
    """Reads an execution."""
    return answered(execution_answer(request.define.execution(request.tenant, request.execution)))


def cancel(request: Request) -> Response[str]:
    """Cancels an execution; 202 while its worker has yet to end it. A repeat changes nothing."""
    _ = request.key
    id, define = request.execution, request.define
    flow = Cancel(define.jobs, define.executions, define.gate, define.clock, define.telemetry)
    record = flow.run(request.tenant, id, read_cancel(request.document(optional=True)).reason)
    return answered(execution_answer(record), 200 if is_end(record.state) else 202)


def ledger(request: Request) -> Response[str]:
    """How each instant of a job is accounted for."""
    job, define = request.job, request.define
    flow = Ledger(define.jobs, define.executions, define.clock)
    report = flow.of(request.tenant, job, request.instant("from"), request.instant("to"))
    return answered(ledger_answer(report.lines, report.from_ms, report.until_ms))


def logs(request: Request) -> Response[str]:
    """A piece of an attempt's log. Without an attempt, a cursor goes on with the one that it came from."""
    id, define = request.execution, request.define
    kind = f"logs/{id}"
    attempt = request.whole("attempt", 0, _MOST_ATTEMPTS) or None
    text = request.position(kind)
    place = None if text is None else _place(text)
    if place is not None and attempt not in {None, place.attempt}:
        raise foreign_cursor()
    page = LogBook(define.executions, define.logs).read(request.tenant, id, attempt, place)
    return answered(
        LogAnswer.model_validate(
            {
                "attempt": page.attempt,
                "text": page.text,
                "source": page.source and page.source.value,
                "cursor": cursor(kind, _position(page.place)),
                "complete": page.complete,
            }
        )
    )


def _position(place: Place | None) -> str | None:
    return None if place is None else f"{place.attempt}.{place.part}.{place.offset}"


def _place(text: str) -> Place:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise foreign_cursor()
    return Place(*map(int, found.groups()))
