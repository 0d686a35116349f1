"""Serves the operations on executions."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered, answered_page
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.domain.executions.states import is_end
from tidewheel.wire.cancel import read_cancel
from tidewheel.wire.convert import execution_answer, listed_answer
from tidewheel.wire.endpoints.executions import CANCEL_EXECUTION, GET_EXECUTION, LIST_EXECUTIONS, RUN_JOB
from tidewheel.wire.execution import ExecutionList


@serves(RUN_JOB)
def run_job(request: Request) -> Response[str]:
    """Runs a job now."""
    execution = request.services.executions.run(request.tenant, request.job, request.key)
    return answered(execution_answer(execution), 202, {"Location": f"../../executions/{execution.id}"})


@serves(LIST_EXECUTIONS)
def list_executions(request: Request) -> Response[str]:
    """A page of a job's executions, newest nominal time first. Its cursors are valid for this job alone."""
    job, limit = request.job, request.limit
    kind = f"executions/{job}"
    page = request.services.executions.history(request.tenant, job, limit, request.position(kind))
    return answered_page(page, kind, listed_answer, ExecutionList)


@serves(GET_EXECUTION)
def get_execution(request: Request) -> Response[str]:
    """Reads an execution."""
    return answered(execution_answer(request.services.executions.get(request.tenant, request.execution)))


@serves(CANCEL_EXECUTION)
def cancel_execution(request: Request) -> Response[str]:
    """Cancels an execution; 202 while its worker has yet to end it. A repeat changes nothing."""
    _ = request.key  # only checked: a repeat is safe without it
    id, executions = request.execution, request.services.executions
    record = executions.cancel(request.tenant, id, read_cancel(request.document(optional=True)).reason)
    return answered(execution_answer(record), 200 if is_end(record.state) else 202)
