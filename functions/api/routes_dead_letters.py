"""The operations on dead letters."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request, cursor, position
from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.ids import ExecutionId, is_job_id
from tidewheel.domain.limits import MAX_PAGE
from tidewheel.engine.api.dead_letters import DeadLetters
from tidewheel.engine.api.redrive import Redrive
from tidewheel.wire.convert import execution_answer
from tidewheel.wire.execution import ExecutionList
from tidewheel.wire.redrive import RedriveAnswer, RedriveBody, Skipped, read_redrive
from tidewheel.wire.values import from_ms, to_ms


def listed(request: Request) -> Response[str]:
    """Dead letters, the last to end first. The cursors of one job's hold for that job alone."""
    job, limit = _job(request.one("job")), request.limit
    page = _letters(request).listed(request.tenant, job, limit, request.position(_kind(job)))
    items = tuple(map(execution_answer, page.items))
    return answered(ExecutionList(items=items, cursor=cursor(_kind(job), page.cursor)))


def redrive(request: Request) -> Response[str]:
    """Has up to a page of them run again; the answer's cursor and time go on with the others."""
    body, job_service = read_redrive(request.document()), request.job_service
    records, rest = _chosen(request, body)
    flow = Redrive(job_service.jobs, job_service.clock, job_service.telemetry, job_service.layouts, job_service.pace)
    done = flow.run(records, body.rate, to_ms(body.after) if body.after else 0)
    skipped = tuple(Skipped(id=id, reason=reason) for id, reason in done.skipped.items())
    until = from_ms(done.until_ms)
    return answered(RedriveAnswer(redriven=tuple(done.ids), skipped=skipped, until=until, cursor=rest), 202)


def _chosen(request: Request, body: RedriveBody) -> tuple[list[tuple[str, Execution | None]], str | None]:
    """The records that a body names, and the cursor of those that follow."""
    executions, tenant = request.job_service.executions, request.tenant
    if body.ids is not None:
        return [(id, executions.get(tenant, _execution(id))) for id in dict.fromkeys(body.ids)], None
    job = _job(body.job)
    before = None if body.cursor is None else position(body.cursor, _kind(job))
    page = _letters(request).listed(tenant, job, MAX_PAGE, before)
    return [(record.id, record) for record in page.items], cursor(_kind(job), page.cursor)


def _letters(request: Request) -> DeadLetters:
    return DeadLetters(request.job_service.executions, request.job_service.telemetry)


def _kind(job: str) -> str:
    return f"dead-letters/{job}"


def _job(text: str | None) -> str:
    """A job's id, or empty for all jobs."""
    if text is not None and not is_job_id(text):
        raise Invalid("job", f"{text[:40]!r} is not the id of a job", "use an id as the list of jobs shows it")
    return text or ""


def _execution(text: str) -> str:
    try:
        return str(ExecutionId.parse(text))
    except Unreadable as error:
        problem = f"{text[:60]!r} is not the id of an execution"
        raise Invalid("ids", problem, "use ids as the list of dead letters shows them") from error
