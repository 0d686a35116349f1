"""Jobs and their generation rows as items of the Jobs table, and back."""

from __future__ import annotations

import json
from typing import Any

from tidewheel.adapters.aws.dynamodb.definitions import definition_document, read_definition
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    document,
    get_number,
    get_text,
    item_key,
    number,
    optional_text,
    reads,
    text,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.ids import bucket_of
from tidewheel.domain.jobs.job import Generation, Job, JobState
from tidewheel.domain.jobs.listing import Row
from tidewheel.domain.limits import LIST_BUCKETS
from tidewheel.domain.recurrence.schedule import Schedule, from_document, to_document

VERSION = 1
"""Of jobs and generation rows: the version that a reader must know at least, as of messages (``wire.message``)."""
_JOB_NAMES = frozenset({"pk", "sk", "tenant", "job", "v", "d", "st", "gen", "ef", "cr", "up", "rq", "cb", "ub", "ttl"})


def job_key(tenant: str, job: str) -> NewItem:
    """The key of a job's record."""
    return item_key(keys.job_partition(tenant, job), keys.JOB_SORT)


def job_item(job: Job) -> NewItem:
    """A job as an item."""
    return dict(job.unknown) | without_nones(
        {
            **job_key(job.tenant, job.id),
            "v": number(VERSION),
            "tenant": text(job.tenant),
            "job": text(job.id),
            "d": document(definition_document(job.definition)),
            "st": text(job.state),
            "gen": number(job.generation),
            "ef": number(job.effective_from_ms),
            "cr": number(job.created_ms),
            "up": number(job.updated_ms),
            "rq": optional_text(job.request),
            "cb": optional_text(job.created_by),
            "ub": optional_text(job.updated_by),
            "ttl": ttl(job.expires_ms()),
        }
    )


@reads("job")
def read_job(item: Item) -> Job:
    """The inverse of ``job_item``.

    Raises:
        Unreadable: Another version's record, or a damaged one.
    """
    _check_version(item)
    return Job(
        tenant=item["tenant"]["S"],
        id=item["job"]["S"],
        definition=read_definition(item["d"]["S"]),
        state=JobState(item["st"]["S"]),
        generation=int(item["gen"]["N"]),
        effective_from_ms=int(item["ef"]["N"]),
        created_ms=int(item["cr"]["N"]),
        updated_ms=int(item["up"]["N"]),
        request=get_text(item, "rq"),
        created_by=get_text(item, "cb"),
        updated_by=get_text(item, "ub"),
        unknown={name: value for name, value in item.items() if name not in _JOB_NAMES},
    )


def _check_version(item: Item) -> None:
    """Items from before there were versions have none."""
    version = get_number(item, "v") or VERSION
    if version > VERSION:
        raise Unreadable("version", str(version), f"this release reads up to {VERSION}")


def held_name_key(job: Job) -> NewItem:
    """The key of the row by which a job has its name for itself."""
    return item_key(keys.name_partition(job.tenant, job.definition.name), keys.NAME_SORT)


def held_name_item(job: Job) -> NewItem:
    """That row."""
    return without_nones({**held_name_key(job), "x": text(job.id), "ttl": ttl(job.expires_ms())})


def row_key(job: Job, row: Row) -> NewItem:
    """The key of a job's row in a list."""
    bucket = bucket_of(job.tenant, job.id, LIST_BUCKETS)
    return item_key(keys.listed_partition(job.tenant, bucket, row.list), row.place)


def row_item(job: Job, row: Row) -> NewItem:
    """A job's row in a list: its key says it all."""
    return without_nones({**row_key(job, row), "ttl": ttl(row.expires_ms)})


def _read_schedule(stored: dict[str, Any] | None) -> Schedule | None:
    return None if stored is None else from_document(stored)


def generation_item(tenant: str, job: str, row: Generation, expires_ms: int | None, zones: str) -> NewItem:
    """A generation row, with the version of the time zone data that it was written under."""
    return without_nones(
        {
            **item_key(keys.job_partition(tenant, job), keys.generation_sort(row.number)),
            "v": number(VERSION),
            "st": text(row.state),
            "s": document(to_document(row.schedule)) if row.schedule else None,
            "j": number(row.jitter_ms),
            "w": number(row.window_ms) if row.window_ms else None,
            "ef": number(row.effective_from_ms),
            "tz": text(zones),
            "ttl": ttl(expires_ms),
        }
    )


@reads("generation")
def read_generation(item: Item) -> Generation:
    """The inverse of ``generation_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    _check_version(item)
    return Generation(
        number=keys.parse_generation_sort(item["sk"]["S"]),
        state=JobState(item["st"]["S"]),
        schedule=_read_schedule(json.loads(item["s"]["S"])) if "s" in item else None,
        jitter_ms=int(item["j"]["N"]),
        effective_from_ms=int(item["ef"]["N"]),
        window_ms=get_number(item, "w") or 0,
    )
