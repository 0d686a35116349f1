"""Jobs and their generation rows as items of the Jobs table, and back."""

from __future__ import annotations

import json
from typing import Any

from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    document,
    get_number,
    get_text,
    item_key,
    number,
    optional_text,
    reading,
    text,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.jobs.job import Definition, Generation, Job, JobState, Target
from tidewheel.domain.jobs.policies import Misfire, Overlap, Policy, RetryPolicy, Strategy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.recurrence.schedule import Schedule, from_document, to_document


def job_key(tenant: str, job: str) -> NewItem:
    """The key of a job's record."""
    return item_key(keys.job_partition(tenant, job), keys.JOB_SORT)


def job_item(job: Job) -> NewItem:
    """A job as an item."""
    return without_nones(
        {
            **job_key(job.tenant, job.id),
            "tenant": text(job.tenant),
            "job": text(job.id),
            "d": document(_definition_document(job.definition)),
            "st": text(job.state),
            "gen": number(job.generation),
            "ef": number(job.effective_from_ms),
            "cr": number(job.created_ms),
            "up": number(job.updated_ms),
            "rq": optional_text(job.request),
            "ttl": ttl(job.expires_ms()),
        }
    )


def read_job(item: Item) -> Job:
    """The inverse of ``job_item``.

    Raises:
        Unreadable: Another version's record, or a damaged one.
    """
    return reading("job", item, _read_job)


def _read_job(item: Item) -> Job:
    return Job(
        tenant=item["tenant"]["S"],
        id=item["job"]["S"],
        definition=_read_definition(json.loads(item["d"]["S"])),
        state=JobState(item["st"]["S"]),
        generation=int(item["gen"]["N"]),
        effective_from_ms=int(item["ef"]["N"]),
        created_ms=int(item["cr"]["N"]),
        updated_ms=int(item["up"]["N"]),
        request=get_text(item, "rq"),
    )


def _definition_document(definition: Definition) -> dict[str, Any]:
    retry = definition.retry
    return {
        "n": definition.name,
        "s": to_document(definition.schedule) if definition.schedule else None,
        "k": definition.target.kind,
        "t": dict(definition.target.spec),
        "p": definition.priority,
        "q": definition.precision,
        "l": definition.pool,
        "j": definition.jitter_ms,
        "o": definition.timeout_ms,
        "r": [retry.max_attempts, retry.strategy, retry.base_ms, retry.cap_ms, retry.jitter],
        "g": dict(definition.tags),
        "m": [definition.misfire.policy, definition.misfire.grace_ms, definition.misfire.limit],
    } | _unusual(definition)


def _unusual(definition: Definition) -> dict[str, Any]:
    """What most jobs leave at its default, which is not stored."""
    unusual: dict[str, Any] = {}
    if definition.overlap is not Overlap.ALLOW:
        unusual["v"] = definition.overlap
    if definition.window_ms:
        unusual["w"] = definition.window_ms
    if definition.deadline_ms:
        unusual["e"] = definition.deadline_ms
    if definition.heartbeat_ms:
        unusual["h"] = definition.heartbeat_ms
    if definition.retry.on:
        unusual["ro"] = list(definition.retry.on)
    return unusual


def _read_definition(stored: dict[str, Any]) -> Definition:
    attempts, strategy, base, cap, jitter = stored["r"]
    return Definition(
        name=stored["n"],
        schedule=_read_schedule(stored["s"]),
        target=Target(stored["k"], stored["t"]),
        priority=stored["p"],
        precision=Precision(stored["q"]),
        pool=stored["l"],
        jitter_ms=stored["j"],
        timeout_ms=stored["o"],
        retry=RetryPolicy(attempts, Strategy(strategy), base, cap, jitter, tuple(stored.get("ro", ()))),
        tags=stored["g"],
        misfire=_read_misfire(stored.get("m")),
        overlap=Overlap(stored.get("v", Overlap.ALLOW)),
        window_ms=stored.get("w", 0),
        deadline_ms=stored.get("e", 0),
        heartbeat_ms=stored.get("h", 0),
    )


def _read_misfire(row: list[Any] | None) -> Misfire:
    """The misfire policy; the default one of a record without any."""
    return Misfire() if row is None else Misfire(Policy(row[0]), row[1], row[2])


def _read_schedule(stored: dict[str, Any] | None) -> Schedule | None:
    return None if stored is None else from_document(stored)


def generation_item(tenant: str, job: str, row: Generation, expires_ms: int | None, zones: str) -> NewItem:
    """A generation row, with the version of the time zone data that it was written under."""
    return without_nones(
        {
            **item_key(keys.job_partition(tenant, job), keys.generation_sort(row.number)),
            "st": text(row.state),
            "s": document(to_document(row.schedule)) if row.schedule else None,
            "j": number(row.jitter_ms),
            "w": number(row.window_ms) if row.window_ms else None,
            "ef": number(row.effective_from_ms),
            "tz": text(zones),
            "ttl": ttl(expires_ms),
        }
    )


def read_generation(item: Item) -> Generation:
    """The inverse of ``generation_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return reading("generation", item, _read_generation)


def _read_generation(item: Item) -> Generation:
    return Generation(
        number=keys.parse_generation_sort(item["sk"]["S"]),
        state=JobState(item["st"]["S"]),
        schedule=_read_schedule(json.loads(item["s"]["S"])) if "s" in item else None,
        jitter_ms=int(item["j"]["N"]),
        effective_from_ms=int(item["ef"]["N"]),
        window_ms=get_number(item, "w") or 0,
    )
