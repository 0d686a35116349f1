"""Limits on what one job may be: its payload, its interval, its cost."""

from __future__ import annotations

import json
from itertools import pairwise

from tidewheel.domain.jobs.forecast import forecast
from tidewheel.domain.jobs.job import Job, Target
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import Limit, Limits
from tidewheel.domain.recurrence.schedule import Schedule

INSTANTS_LOOKED_AT = 200
"""Of a schedule, by which its shortest interval is told. A cron that names two instants close to each other names them
again and again, far more often than each 200 instants."""


def shortest_interval_ms(schedule: Schedule, from_ms: int) -> int | None:
    """The shortest time (ms) between two of a schedule's first instants from a time on; None for fewer than two."""
    found: list[int] = []
    next_ms = schedule.first_from(from_ms)
    while next_ms is not None and len(found) < INSTANTS_LOOKED_AT:
        found.append(next_ms)
        next_ms = schedule.first_from(next_ms + 1)
    return min((later - earlier for earlier, later in pairwise(found)), default=None)


def too_large(target: Target, limits: Limits) -> Exceeded | None:
    """By how much a target is larger than its tenant's limits allow; None if it is not."""
    if Limit.PAYLOAD_BYTES not in limits:
        return None
    size = len(json.dumps(dict(target.spec), separators=(",", ":"), ensure_ascii=False).encode())
    allowed = limits[Limit.PAYLOAD_BYTES]
    return Exceeded(Limit.PAYLOAD_BYTES, size, allowed) if size > allowed else None


def refused_by(job: Job, limits: Limits, now_ms: int) -> Exceeded | None:
    """The limit that a new generation of a job goes beyond, or None.

    Args:
        job: The job as it is to be stored.
        limits: Those of its tenant.
        now_ms: The time (ms since the epoch).
    """
    definition = job.definition
    if found := too_large(definition.target, limits):
        return found
    if definition.schedule is not None and Limit.SHORTEST_INTERVAL_SECONDS in limits:
        interval_ms = shortest_interval_ms(definition.schedule, now_ms)
        least = limits[Limit.SHORTEST_INTERVAL_SECONDS]
        if interval_ms is not None and interval_ms < least * SECOND_MS:
            return Exceeded(Limit.SHORTEST_INTERVAL_SECONDS, interval_ms / SECOND_MS, least)
    if Limit.DOLLARS_PER_MONTH in limits:
        dollars = forecast(job, now_ms).dollars
        if dollars > limits[Limit.DOLLARS_PER_MONTH]:
            return Exceeded(Limit.DOLLARS_PER_MONTH, dollars, limits[Limit.DOLLARS_PER_MONTH])
    return None
