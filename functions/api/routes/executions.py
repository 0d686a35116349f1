"""Serves the operations on executions."""

from __future__ import annotations

import re

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered, answered_page
from functions.api.cursors import foreign_cursor
from functions.api.repeats import once
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.domain.errors import Invalid
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.limits import DAY_MS
from tidewheel.engine.api.searches.executions import RunFilter
from tidewheel.wire.bodies.cancel import read_cancel
from tidewheel.wire.bodies.execution import EXECUTION_STATES, ExecutionList
from tidewheel.wire.convert import execution_answer, listed_answer
from tidewheel.wire.endpoints.executions import CANCEL_EXECUTION, GET_EXECUTION, LIST_EXECUTIONS, LIST_RUNS, RUN_JOB

_POSITION = re.compile(
    r"(?:[0-9a-z]{9}\t[0-9a-z]{17})?\|(?:\d{15} [0-9a-z-]{10,80})?|\d{13}#[0-9a-z-]{10,80}", re.ASCII
)
"""Where a page of runs ended: a group of jobs and a run in it, or a dead letter."""


@serves(RUN_JOB)
def run_job(request: Request) -> Response[str]:
    """Runs a job now."""
    execution = request.services.executions.run(request.tenant, request.job, request.key)
    return answered(execution_answer(execution), 202, {"Location": f"../../executions/{execution.id}"})


@serves(LIST_EXECUTIONS)
def list_executions(request: Request) -> Response[str]:
    """A page of a job's executions, newest nominal time first. Its cursors are valid for this job alone."""
    job, limit = request.job, request.limit
    kind = request.kind("executions", job)
    page = request.services.executions.history(request.tenant, job, limit, request.position(kind))
    return answered_page(page, kind, listed_answer, ExecutionList)


@serves(LIST_RUNS)
def list_runs(request: Request) -> Response[str]:
    """A page of executions across jobs. Its cursors are valid for the same filters."""
    asked, limit = _filter(request), request.limit
    kind = request.kind("runs", asked.job, request.filters("job"))
    after = request.position(kind)
    if after is not None and not _POSITION.fullmatch(after):
        raise foreign_cursor()
    return answered_page(
        request.services.runs.listed(request.tenant, asked, limit, after), kind, listed_answer, ExecutionList
    )


def _filter(request: Request) -> RunFilter:
    states = request.query.get("state", ())
    for state in states:
        if state not in EXECUTION_STATES:
            problem = f"{state[:40]!r} is not a state of an execution"
            raise Invalid("state", problem, f"use {', '.join(EXECUTION_STATES)}")
    job = request.named_job(request.one("job"))
    from_ms, until_ms = request.instant("from"), request.instant("to")
    until_ms = request.services.now_ms() + 1 if until_ms is None else until_ms
    if from_ms is None:
        from_ms = 0 if job else max(0, until_ms - DAY_MS)
    if from_ms >= until_ms:
        raise Invalid("from", "is not before the end", "put it before `to`, which is now unless given")
    return RunFilter(frozenset(map(State, states)), from_ms, until_ms, job)


@serves(GET_EXECUTION)
def get_execution(request: Request) -> Response[str]:
    """Reads an execution."""
    record, place = request.services.executions.placed(request.tenant, request.execution)
    return answered(execution_answer(record, place))


@serves(CANCEL_EXECUTION)
def cancel_execution(request: Request) -> Response[str]:
    """Cancels an execution; 202 while its worker has yet to end it. A repeat changes nothing."""
    why, executions = read_cancel(request.document(optional=True)).reason, request.services.executions
    record = once(
        request,
        lambda: executions.cancel(request.tenant, request.execution, why),
        lambda cancelled: cancelled.id,
        lambda found: executions.get(request.tenant, found),
    )
    return answered(execution_answer(record), 200 if is_end(record.state) else 202)
