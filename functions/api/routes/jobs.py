"""Serves the operations on jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered, answered_page
from functions.api.cursors import foreign_cursor
from functions.api.repeats import once
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.domain import keys
from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.executions.states import State
from tidewheel.domain.jobs.forecast import forecast
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.jobs.listing import JobFilter
from tidewheel.domain.limits import MAX_UPCOMING
from tidewheel.engine.api.jobs import Due
from tidewheel.engine.api.lists import Listed
from tidewheel.engine.api.searches.jobs import by_failure
from tidewheel.wire.bodies.job import JobList, Occurrence, Upcoming
from tidewheel.wire.convert import DefinitionBuilder, builder_of, job_answer, patched, preview_of, whole_job_answer
from tidewheel.wire.endpoints.jobs import (
    CREATE_JOB,
    DEFAULT_UPCOMING,
    DELETE_JOB,
    EDIT_JOB,
    GET_JOB,
    KINDS,
    LIST_JOBS,
    LIST_UPCOMING,
    PAUSE_JOB,
    REPLACE_JOB,
    RESULTS,
    RESUME_JOB,
    STATES,
)
from tidewheel.wire.reading import fingerprint, read_job
from tidewheel.wire.values import from_ms


def _answered(request: Request, job: Job, status: int = 200, location: str | None = None) -> Response[str]:
    headers = {"ETag": f'"{job.generation}"'} | ({"Location": location} if location else {})
    last = request.services.jobs.last_runs(request.tenant, [job.id]).get(job.id)
    return answered(whole_job_answer(job, request.services.now_ms(), last), status, headers)


def _answered_page(request: Request, page: Listed[Job], kind: str) -> Response[str]:
    now_ms = request.services.now_ms()
    lasts = request.services.jobs.last_runs(request.tenant, [job.id for job in page.items])
    return answered_page(page, kind, lambda job: job_answer(job, now_ms, lasts.get(job.id)), JobList)


@serves(CREATE_JOB)
def create_job(request: Request) -> Response[str]:
    """Creates a job; a repeat under the same key gets 201 again, and the job as it stands now."""
    document, jobs = request.document(), request.services.jobs
    builder = request.granted(builder_of(read_job(document)))
    wanted = (request.tenant, builder, request.key, fingerprint(document), request.caller.name)
    if request.flag("dry_run"):
        return _foretold(request, jobs.draft(*wanted))
    job = jobs.create(*wanted)
    return _answered(request, job, 201, f"jobs/{job.id}")


def _foretold(request: Request, job: Job, before: Job | None = None) -> Response[str]:
    """The answer to a dry run."""
    now_ms = request.services.now_ms()
    return answered(
        whole_job_answer(job, now_ms).model_copy(update={"preview": preview_of(forecast(job, now_ms, before), job.id)})
    )


@serves(LIST_JOBS)
def list_jobs(request: Request) -> Response[str]:
    """A page of jobs, the newest first, or by name. Its cursors are valid for the same filters."""
    limit, reference = request.limit, request.one("ref")
    if reference is not None:
        return _meant(request, reference, limit)
    asked = _filter(request)
    results = _results(request.query.get("last_result", ()))
    kind = request.kind("jobs", request.filters())
    place = request.position(kind)
    if not by_failure(asked, results):
        place = _place(place)
    return _answered_page(request, request.services.jobs.listed(request.tenant, asked, limit, place, results), kind)


def _results(texts: Sequence[str]) -> frozenset[State]:
    for text in texts:
        if text not in RESULTS:
            raise Invalid("last_result", f"{text[:40]!r} is not how a run ends", f"use {', '.join(RESULTS)}")
    return frozenset(map(State, texts))


def _meant(request: Request, reference: str, limit: int) -> Response[str]:
    """The jobs that a reference may mean."""
    if others := sorted(request.query.keys() - {"ref", "limit"}):
        raise Invalid(others[0], "does not go with ref", "give one of them alone")
    found = request.services.jobs.all_meant(request.tenant, reference, limit)
    found = replace(found, items=[job for job in found.items if request.caller.sees(job.definition.tags.items())])
    return _answered_page(request, found, "ref")


def _place(text: str | None) -> str | None:
    """A place in a list of jobs."""
    try:
        return text if text is None or keys.parse_listed(text) else None
    except Unreadable as error:
        raise foreign_cursor() from error


def _filter(request: Request) -> JobFilter:
    state = request.one("state")
    if state is not None and state not in STATES:
        raise Invalid("state", f"{state[:40]!r} is not a state of a job", f"use {', '.join(STATES)}")
    return JobFilter(
        state=JobState(state) if state else None,
        tags=[*_tags(request.query.get("tag", ())), *sorted(request.caller.tags)],
        name_prefix=request.one("name_prefix") or "",
        fires_after_ms=request.instant("next_fire_after"),
        fires_before_ms=request.instant("next_fire_before"),
        owner=request.one("owner") or "",
        kinds=_kinds(request.query.get("kind", ())),
    )


def _kinds(texts: Sequence[str]) -> Sequence[str]:
    for text in texts:
        if text not in KINDS:
            raise Invalid("kind", f"{text[:40]!r} is not a kind of target", f"use {', '.join(KINDS)}")
    return texts


def _tags(texts: Sequence[str]) -> list[tuple[str, str]]:
    for text in texts:
        if ":" not in text[1:]:
            raise Invalid("tag", f"{text[:40]!r} is not key:value", "write the key, a colon and the value")
    return [(name, value) for name, _, value in (text.partition(":") for text in texts)]


@serves(GET_JOB)
def get_job(request: Request) -> Response[str]:
    """Reads a job."""
    return _answered(request, request.services.jobs.get(request.tenant, request.job))


@serves(REPLACE_JOB)
def replace_job(request: Request) -> Response[str]:
    """Gives a job a whole new definition."""
    return _edited(request, builder_of(read_job(request.document())))


@serves(EDIT_JOB)
def edit_job(request: Request) -> Response[str]:
    """Changes parts of a job's definition; they are merged into what is in force when it is written."""
    return _edited(request, patched(request.document()))


def _edited(request: Request, written: DefinitionBuilder) -> Response[str]:
    builder = request.granted(written)
    if request.flag("dry_run"):
        return _foretold(
            request,
            *request.services.jobs.draft_edit(request.tenant, request.job, builder, request.match, request.caller.name),
        )

    def edit() -> Job:
        return request.services.jobs.edit(request.tenant, request.job, builder, request.match, request.caller.name)

    return _answered(request, _once(request, edit))


def _once(request: Request, act: Callable[[], Job]) -> Job:
    """The job after what was done to it once under the request's key; a repeat gets it as it stands now."""
    return once(request, act, lambda job: job.id, lambda found: request.services.jobs.get(request.tenant, found))


@serves(DELETE_JOB)
def delete_job(request: Request) -> Response[str]:
    """Deletes a job."""

    def delete() -> str:
        request.services.jobs.delete(request.tenant, request.job, request.match)
        return request.job

    once(request, delete, str, str)
    return Response(204, body="")  # a null body is no body to every gateway


@serves(PAUSE_JOB)
def pause_job(request: Request) -> Response[str]:
    """Pauses a job. A repeat changes nothing, whatever was done to the job since."""
    jobs, tenant, by = request.services.jobs, request.tenant, request.caller.name
    return _answered(request, _once(request, lambda: jobs.pause(tenant, request.job, by)))


@serves(RESUME_JOB)
def resume_job(request: Request) -> Response[str]:
    """Resumes a job. A repeat changes nothing, whatever was done to the job since."""
    jobs, tenant, by = request.services.jobs, request.tenant, request.caller.name
    return _answered(request, _once(request, lambda: jobs.resume(tenant, request.job, by)))


def unchanged(request: Request) -> Response[str]:
    """The job that a request means, where nothing is to be done to it."""
    return _answered(request, request.services.jobs.unchanged(request.tenant, request.job, request.match))


@serves(LIST_UPCOMING)
def list_upcoming(request: Request) -> Response[str]:
    """The next occurrences of a job."""
    count = request.whole("count", DEFAULT_UPCOMING, MAX_UPCOMING)
    dues = request.services.jobs.upcoming(request.tenant, request.job, count)
    return answered(Upcoming(items=tuple(map(_occurrence, dues))))


def _occurrence(due: Due) -> Occurrence:
    return Occurrence(
        nominal_at=from_ms(due.nominal_ms),
        due_at=from_ms(due.due_ms),
        execution=due.execution,
        cancelled=due.cancelled,
    )
