"""Reads one record of a tenant, or raises ``NotFound``; and finds out which one a user's text means."""

from __future__ import annotations

from collections.abc import Sequence

from tidewheel.domain import keys
from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.ids import ExecutionId, Origin, begins_job_id, is_job_id, is_whole_execution_id
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.listing import called
from tidewheel.ports import Executions, Jobs

BY_NAME = "name:"
"""What a text begins with that is a job's name and nothing else."""
_CANDIDATES = 5
_PAGE = 1_000
_REMEDY = "use more of the id"


def existing_job(jobs: Jobs, tenant: str, id: str) -> Job:
    """A job, read with strong consistency.

    Raises:
        NotFound: The tenant has no such job.
        PortError: The store failed.
    """
    job = jobs.get(tenant, id, consistent=True)
    if job is None:
        raise NotFound("job", tenant, id)
    return job


def existing_execution(executions: Executions, tenant: str, id: str) -> Execution:
    """An execution.

    Raises:
        NotFound: The tenant has no such execution.
        PortError: The store failed.
    """
    execution = executions.get(tenant, id)
    if execution is None:
        raise NotFound("execution", tenant, id)
    return execution


def jobs_meant(jobs: Jobs, tenant: str, text: str, most: int) -> Sequence[Job]:
    """The jobs that a text may mean: by id, by the beginning of the id, or by name.

    A name that a job has for itself means that job.

    Args:
        jobs: The store.
        tenant: Whose.
        text: An id, its first four characters or more, or a name; after ``name:``, a name alone.
        most: How many at most.
    """
    if is_job_id(text):
        job = jobs.get(tenant, text, consistent=True)
        return [job] if job else []
    following = jobs.list(tenant, most, text).items if begins_job_id(text) else ()
    by_id = [job for job in following if job.id.startswith(text)]
    named = jobs.listed(tenant, called(text.removeprefix(BY_NAME)), most, None).items
    named = [job for job in named if job.definition.unique_name] or named
    return list({job.id: job for job in (*by_id, *named)}.values())[:most]


def job_meant(jobs: Jobs, tenant: str, text: str) -> str:
    """The id of the job that a text means, as for ``jobs_meant``. An id is not looked up.

    Raises:
        NotFound: There is none.
        Conflict: There are several.
        PortError: The store failed.
    """
    if is_job_id(text):
        return text
    found = [job.id for job in jobs_meant(jobs, tenant, text, _CANDIDATES)]
    return _only("job", tenant, text, found)


def execution_meant(executions: Executions, tenant: str, text: str) -> str:
    """The id of the execution that a text means: its id, or the beginning, with the whole id of its job.

    Raises:
        NotFound: There is none.
        Conflict: There are several.
        PortError: The store failed.
    """
    if is_whole_execution_id(text):
        return text
    job, dash, _ = text.partition("-")
    if not (dash and is_job_id(job)):
        raise NotFound("execution", tenant, text)
    page = executions.list(tenant, job, _CANDIDATES, keys.execution_prefix_end(text))
    found = [item.id for item in page.items if isinstance(item, Execution) and item.id.startswith(text)]
    return text if text in found else _only("execution", tenant, text, found)


def scheduled_runs(executions: Executions, tenant: str, job: str, from_ms: int, until_ms: int) -> dict[int, Execution]:
    """The executions of a job's scheduled occurrences, by nominal time (ms since the epoch), in [from, until).

    Raises:
        PortError: The store failed.
    """
    found: dict[int, Execution] = {}
    before: str | None = keys.execution_bound(job, until_ms)
    begin = keys.execution_bound(job, from_ms)
    while before is not None and before > begin:
        page = executions.list(tenant, job, _PAGE, before)
        for item in page.items:
            if isinstance(item, Execution) and ExecutionId.parse(item.id).origin is Origin.SCHEDULE:
                found[item.nominal_ms] = item
        before = page.cursor
    return found


def _only(kind: str, tenant: str, text: str, found: Sequence[str]) -> str:
    if not found:
        raise NotFound(kind, tenant, text)
    if len(found) > 1:
        raise Conflict(kind, text, f"it may be any of {', '.join(found)}", _REMEDY)
    return found[0]
