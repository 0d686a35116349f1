"""The operations on jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request, cursor
from tidewheel.domain.errors import Invalid
from tidewheel.domain.ids import is_job_id
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import MAX_UPCOMING
from tidewheel.wire.convert import builder_of, execution_answer, job_answer, patched
from tidewheel.wire.job import JobList, Occurrence, Upcoming
from tidewheel.wire.operations import DEFAULT_UPCOMING, STATES
from tidewheel.wire.reading import fingerprint, read_job
from tidewheel.wire.values import from_ms

_LIST = "jobs"


def _job(request: Request, job: Job, status: int = 200, location: str | None = None) -> Response[str]:
    headers = {"ETag": f'"{job.generation}"'} | ({"Location": location} if location else {})
    return answered(job_answer(job, request.job_service.clock.now_ms()), status, headers)


def create(request: Request) -> Response[str]:
    """Creates a job; a repeat under the same key gets 201 again, and the job as it stands now."""
    document, key = request.document(), request.key
    job = request.job_service.create(request.tenant, builder_of(read_job(document)), key, fingerprint(document))
    return _job(request, job, 201, f"jobs/{job.id}")


def listed(request: Request) -> Response[str]:
    """Lists jobs."""
    wanted, limit, after = _wanted(request), request.limit, request.position(_LIST)
    if after is not None and not is_job_id(after):
        raise Invalid("cursor", "is not one of this list", "use the cursor of this list's last page, as it was")
    page = request.job_service.listed(request.tenant, wanted, limit, after)
    now_ms = request.job_service.clock.now_ms()
    items = tuple(job_answer(job, now_ms) for job in page.items)
    return answered(JobList(items=items, cursor=cursor(_LIST, page.cursor)))


def _wanted(request: Request) -> Callable[[Job, int], bool]:
    state = request.one("state")
    if state is not None and state not in STATES:
        raise Invalid("state", f"{state[:40]!r} is not a state of a job", f"use {', '.join(STATES)}")
    tags = _tags(request.query.get("tag", ()))

    def wanted(job: Job, now_ms: int) -> bool:
        tagged = all(job.definition.tags.get(name) == value for name, value in tags)
        return tagged and (state is None or job.state_at(now_ms) == state)

    return wanted


def _tags(texts: Sequence[str]) -> list[tuple[str, str]]:
    for text in texts:
        if ":" not in text[1:]:
            raise Invalid("tag", f"{text[:40]!r} is not key:value", "write the key, a colon and the value")
    return [(name, value) for name, _, value in (text.partition(":") for text in texts)]


def get(request: Request) -> Response[str]:
    """Reads a job."""
    return _job(request, request.job_service.get(request.tenant, request.job))


def replace(request: Request) -> Response[str]:
    """Gives a job a whole new definition."""
    id, match, body = request.job, request.match, read_job(request.document())
    return _job(request, request.job_service.edit(request.tenant, id, builder_of(body), match))


def edit(request: Request) -> Response[str]:
    """Changes parts of a job's definition; they are merged into what is in force when it is written."""
    id, match, patch = request.job, request.match, request.document()
    return _job(request, request.job_service.edit(request.tenant, id, patched(patch), match))


def delete(request: Request) -> Response[str]:
    """Deletes a job."""
    request.job_service.delete(request.tenant, request.job, request.match)
    return Response(204, body="")  # a null body is no body to every gateway


def pause(request: Request) -> Response[str]:
    """Pauses a job. A repeat changes nothing, so the key is checked and not needed."""
    _ = request.key
    return _job(request, request.job_service.pause(request.tenant, request.job))


def resume(request: Request) -> Response[str]:
    """Resumes a job. A repeat changes nothing, so the key is checked and not needed."""
    _ = request.key
    return _job(request, request.job_service.resume(request.tenant, request.job))


def run(request: Request) -> Response[str]:
    """Runs a job now."""
    execution = request.job_service.run(request.tenant, request.job, request.key)
    return answered(execution_answer(execution), 202, {"Location": f"../../executions/{execution.id}"})


def upcoming(request: Request) -> Response[str]:
    """The next instants of a job."""
    count = request.whole("count", DEFAULT_UPCOMING, MAX_UPCOMING)
    dues = request.job_service.upcoming(request.tenant, request.job, count)
    items = tuple(Occurrence(nominal_at=from_ms(due.nominal_ms), due_at=from_ms(due.due_ms)) for due in dues)
    return answered(Upcoming(items=items))
