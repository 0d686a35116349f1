"""Which operations a key may call that is for the jobs with certain tags alone."""

from __future__ import annotations

from typing import Any

from tidewheel.domain.access.principal import Principal
from tidewheel.domain.errors import Forbidden
from tidewheel.wire.endpoints import access, jobs
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import EXECUTION_ID, JOB_ID

NARROWED = frozenset(
    {
        access.GET_ME.id,
        access.CREATE_KEY.id,
        access.LIST_KEYS.id,
        access.ROTATE_KEY.id,
        access.REVOKE_KEY.id,
        jobs.CREATE_JOB.id,
        jobs.LIST_JOBS.id,
        jobs.BULK_JOBS.id,  # each item is served, and looked at, as a request by itself
    }
)
"""Operations of no one job whose handlers themselves see to the tags."""


def check_scope(who: Principal, operation: Operation[Any], job: str | None) -> None:
    """Refuses an operation across jobs to a key that is for some of them.

    An operation that is not known to be narrowed is refused, so that a new one is closed to such keys at first.

    Args:
        who: Who calls.
        operation: What.
        job: The value of the parameter ``job``; None if it is not given.

    Raises:
        Forbidden: It would tell of other jobs.
    """
    names_a_job = JOB_ID in operation.parameters or EXECUTION_ID in operation.parameters
    if not who.tags or operation.id in NARROWED or names_a_job:
        return
    if "job" not in operation.takes("query"):
        problem = f"{operation.id} is about all jobs, and your key is for those with certain tags"
        raise Forbidden(who.name, problem, "use a key without tags")
    if not job:
        problem = f"{operation.id} takes the parameter job, since your key is for the jobs with certain tags"
        raise Forbidden(who.name, problem, "name one of them")
