"""The operations on executions."""

from __future__ import annotations

import re

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request, cursor, foreign_cursor
from tidewheel.domain.executions.states import is_end
from tidewheel.engine.api.cancel import Cancel
from tidewheel.engine.api.ledger import Ledger
from tidewheel.engine.api.logs import LogBook, LogPosition
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
    page = request.job_service.history(request.tenant, job, limit, request.position(kind))
    items = tuple(map(listed_answer, page.items))
    return answered(ExecutionList(items=items, cursor=cursor(kind, page.cursor)))


def get(request: Request) -> Response[str]:
    """Reads an execution."""
    return answered(execution_answer(request.job_service.execution(request.tenant, request.execution)))


def cancel(request: Request) -> Response[str]:
    """Cancels an execution; 202 while its worker has yet to end it. A repeat changes nothing."""
    _ = request.key
    id, job_service = request.execution, request.job_service
    flow = Cancel(job_service.jobs, job_service.executions, job_service.ends, job_service.clock, job_service.telemetry)
    record = flow.run(request.tenant, id, read_cancel(request.document(optional=True)).reason)
    return answered(execution_answer(record), 200 if is_end(record.state) else 202)


def ledger(request: Request) -> Response[str]:
    """How each instant of a job is accounted for."""
    job, job_service = request.job, request.job_service
    flow = Ledger(job_service.jobs, job_service.executions, job_service.clock)
    report = flow.of(request.tenant, job, request.instant("from"), request.instant("to"))
    return answered(ledger_answer(report.lines, report.from_ms, report.until_ms))


def logs(request: Request) -> Response[str]:
    """A piece of an attempt's log. Without an attempt, a cursor goes on with the one that it came from."""
    id, job_service = request.execution, request.job_service
    kind = f"logs/{id}"
    attempt = request.whole("attempt", 0, _MOST_ATTEMPTS) or None
    text = request.position(kind)
    position = None if text is None else _position_of(text)
    if position is not None and attempt not in {None, position.attempt}:
        raise foreign_cursor()
    page = LogBook(job_service.executions, job_service.logs).read(request.tenant, id, attempt, position)
    return answered(
        LogAnswer.model_validate(
            {
                "attempt": page.attempt,
                "text": page.text,
                "source": page.source and page.source.value,
                "cursor": cursor(kind, _position(page.position)),
                "complete": page.complete,
            }
        )
    )


def _position(position: LogPosition | None) -> str | None:
    return None if position is None else f"{position.attempt}.{position.part}.{position.offset}"


def _position_of(text: str) -> LogPosition:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise foreign_cursor()
    return LogPosition(*map(int, found.groups()))
