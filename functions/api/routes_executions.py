"""The operations on executions."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request, cursor
from tidewheel.engine.ledger import Ledger
from tidewheel.wire.convert import execution_answer, ledger_answer, listed_answer
from tidewheel.wire.execution import ExecutionList


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


def ledger(request: Request) -> Response[str]:
    """How each instant of a job is accounted for."""
    job, define = request.job, request.define
    flow = Ledger(define.jobs, define.executions, define.clock)
    report = flow.of(request.tenant, job, request.instant("from"), request.instant("to"))
    return answered(ledger_answer(report.lines, report.from_ms, report.until_ms))
