"""The operations on dead letters."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request, cursor
from tidewheel.domain.errors import Invalid
from tidewheel.domain.ids import is_job_id
from tidewheel.engine.dead_letters import DeadLetters
from tidewheel.wire.convert import execution_answer
from tidewheel.wire.execution import ExecutionList


def listed(request: Request) -> Response[str]:
    """Dead letters, the last to end first. The cursors of one job's hold for that job alone."""
    job, limit, define = request.one("job") or "", request.limit, request.define
    if job and not is_job_id(job):
        raise Invalid("job", f"{job[:40]!r} is not the id of a job", "use an id as the list of jobs shows it")
    kind = f"dead-letters/{job}"
    page = DeadLetters(define.executions, define.telemetry).listed(request.tenant, job, limit, request.position(kind))
    return answered(ExecutionList(items=tuple(map(execution_answer, page.items)), cursor=cursor(kind, page.cursor)))
