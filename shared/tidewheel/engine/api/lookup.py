"""Reads one record of a tenant, or raises ``NotFound``."""

from __future__ import annotations

from tidewheel.domain.errors import NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.jobs.job import Job
from tidewheel.ports import Executions, Jobs


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
