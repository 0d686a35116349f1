"""Serves the operations on dead letters."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered, answered_page
from functions.api.cursors import cursor, position
from functions.api.repeats import digest_of, name_of
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.ids import ExecutionId
from tidewheel.engine.api.redrive import RedrivePlan
from tidewheel.wire.bodies.execution import ExecutionList
from tidewheel.wire.bodies.redrive import RedriveAnswer, RedriveBody, Skipped, read_redrive
from tidewheel.wire.convert import execution_answer
from tidewheel.wire.endpoints.dead_letters import LIST_DEAD_LETTERS, REDRIVE_DEAD_LETTERS
from tidewheel.wire.values import from_ms, to_ms


@serves(LIST_DEAD_LETTERS)
def list_dead_letters(request: Request) -> Response[str]:
    """A page of dead letters, the last to end first. The cursors of one job's are valid for that job alone."""
    job, limit = request.named_job(request.one("job")), request.limit
    kind = _kind(request, job)
    page = request.services.dead_letters.listed(request.tenant, job, limit, request.position(kind))
    return answered_page(page, kind, execution_answer, ExecutionList)


@serves(REDRIVE_DEAD_LETTERS)
def redrive_dead_letters(request: Request) -> Response[str]:
    """Runs up to a page of dead letters again; a request for the next page passes the answer's cursor and time.

    A repeat under the same key gets the first answer. If there was none, it does what the first set out to do: it must
    not run the page that follows.
    """
    body, repeats = read_redrive(request.document()), request.services.repeats
    if not request.key:
        return answered(_redriven(request, body, _plan(request, body)), 202)
    key = request.tenant, name_of(request), digest_of(request)
    started = repeats.found(*key) or repeats.begin(*key, str(_plan(request, body)))
    if started.result:
        return answered(RedriveAnswer.model_validate_json(started.result), 202)
    answer = _redriven(request, body, RedrivePlan.parse(started.plan))
    repeats.fulfil_planned(started, answer.model_dump_json())
    return answered(answer, 202)


def _plan(request: Request, body: RedriveBody) -> RedrivePlan:
    dead_letters, tenant = request.services.dead_letters, request.tenant
    after_ms = to_ms(body.after) if body.after else 0
    if body.ids is not None:
        return dead_letters.planned(tenant, map(_execution, body.ids), body.rate, after_ms)
    job = request.named_job(body.job)
    before = None if body.cursor is None else position(body.cursor, _kind(request, job))
    return dead_letters.planned_page(tenant, job, before, body.rate, after_ms)


def _redriven(request: Request, body: RedriveBody, plan: RedrivePlan) -> RedriveAnswer:
    """What became of the dead letters of a plan, and the cursor of those that follow."""
    done = request.services.dead_letters.redrive(request.tenant, plan)
    return RedriveAnswer(
        redriven=tuple(done.ids),
        skipped=tuple(Skipped(id=id, reason=reason) for id, reason in done.skipped.items()),
        until=from_ms(done.until_ms),
        cursor=plan.cursor and cursor(_kind(request, request.named_job(body.job)), plan.cursor),
    )


def _kind(request: Request, job: str) -> str:
    return request.kind("dead-letters", job)


def _execution(text: str) -> str:
    try:
        return str(ExecutionId.parse(text))
    except Unreadable as error:
        problem = f"{text[:60]!r} is not the id of an execution"
        raise Invalid("ids", problem, "use ids as the list of dead letters shows them") from error
