"""Keys of the Jobs table."""

from __future__ import annotations

import hashlib

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.ids import is_job_id, text_of_nominal
from tidewheel.domain.keys.common import LAST, after

JOB_SORT = "job"
"""Jobs, sort: the job's record, in the job's partition."""
_GENERATION = "gen#"


def job_partition(tenant: str, job: str) -> str:
    """Jobs and Executions, partition: all that belongs to one job, in both tables."""
    return f"{tenant}#{job}"


def parse_job_partition(key: str) -> tuple[str, str]:
    """The tenant and the job id of a job's partition."""
    tenant, _, job = key.partition("#")
    return tenant, job


def parse_tenant(key: str) -> str:
    """The tenant of a job's partition, or of one of the steps of a run."""
    return key.partition("#")[0]


def generation_sort(generation: int) -> str:
    """Jobs, sort: a generation row, beside its job's record; by number."""
    return f"{_GENERATION}{generation:08d}"


def parse_generation_sort(key: str) -> int:
    """The number of a generation row.

    Raises:
        Unreadable: It is the key of something else.
        ValueError: What follows the prefix is no number.
    """
    return int(after(_GENERATION, key))


def generation_range(first: int) -> tuple[str, str]:
    """Jobs, sort: the first and last key of the generation rows from a number on."""
    return generation_sort(first), f"{_GENERATION}{LAST}"


def idempotency_sort(key: str) -> str:
    """Jobs, sort: the row that remembers a run request's idempotency key, hashed: the caller's text may be long."""
    return f"key#{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"


REQUEST_SORT = "request"
"""Jobs, sort: the row that remembers a request under an idempotency key, in a partition of its own."""


def request_partition(tenant: str, name: str) -> str:
    """Jobs, partition: a request of a tenant under an idempotency key, by the hash of its name (``domain.repeats``)."""
    return f"#request#{tenant}#{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}"


LISTED_END = "\U0010ffff"
"""Jobs, sort: the upper bound of the places in a list of jobs."""
_BEFORE_JOB = "\t"  # no name holds a tab, and it sorts before all that a name may hold
_LISTED = "#list#"  # a tenant holds no #, so that these are no job's partitions


def listed_partition(tenant: str, bucket: int, list: str) -> str:
    """Jobs, partition: a bucket of one of a tenant's lists of jobs (``domain.jobs.listing``); it holds rows alone.

    The list comes last: the value of a tag may hold any character.
    """
    return f"{_LISTED}{tenant}#{bucket:02d}#{list}"


def listed_at(at_ms: int, job: str) -> str:
    """Jobs, sort: a job's place in a list that is ordered by time; with an empty id, the lowest of that time."""
    return f"{text_of_nominal(at_ms)}{_BEFORE_JOB}{job}"


def listed_name(name: str, job: str) -> str:
    """Jobs, sort: a job's place in the list by name; a name comes before those that it is the beginning of."""
    return f"{name}{_BEFORE_JOB}{job}"


def listed_range(beginning: str) -> tuple[str, str]:
    """Jobs, sort: the lowest and the highest place in the list by name of names that begin so."""
    return beginning, f"{beginning}{LISTED_END}"


def listed_names(name: str) -> tuple[str, str]:
    """Jobs, sort: the lowest and the highest place in the list by name of jobs that have just this name."""
    return listed_range(f"{name}{_BEFORE_JOB}")


def parse_listed(place: str) -> str:
    """The id of the job at a place in a list.

    Raises:
        Unreadable: No job has such a place.
    """
    job = place.rpartition(_BEFORE_JOB)[2]
    if not is_job_id(job):
        raise Unreadable("place in a list", place, "it does not end with a job's id")
    return job


NAME_SORT = "name"
"""Jobs, sort: the row that holds a name for one job, in the name's own partition."""


def name_partition(tenant: str, name: str) -> str:
    """Jobs, partition: a name that a job of the tenant has for itself, hashed: it may hold any character."""
    return f"#name#{tenant}#{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}"


TALLY_SORT = "active_jobs"
"""Jobs, sort: the row that counts a tenant's active jobs, in a partition of its own."""
_TALLY = "#tally#"


def tally_partition(tenant: str) -> str:
    """Jobs, partition: what is counted of a tenant's jobs."""
    return f"{_TALLY}{tenant}"


def parse_tally_partition(key: str) -> str:
    """The tenant of a tally.

    Raises:
        Unreadable: It is the key of something else.
    """
    return after(_TALLY, key)


def job_cursor(tenant: str, job: str) -> str:
    """Jobs, index ``by_tenant``: a place in the list of all jobs, ordered by tenant and job id; stored in Control."""
    return f"{tenant}/{job}"


def parse_job_cursor(cursor: str) -> tuple[str, str]:
    """The tenant and the job id of a place in the list of all jobs."""
    tenant, _, job = cursor.partition("/")
    return tenant, job
