"""What a sweep over all jobs looks for: the last instant that each schedule owes an account of. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidewheel.domain.fleet.lease import Holding
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.limits import RECONCILE_MARGIN_MS, RECONCILE_SWEEP_MS, RETENTION_MS
from tidewheel.domain.wheel.levels import RINGS


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far a sweep over all jobs has come.

    Args:
        began_ms: When it began (ms).
        after: The place in the list of jobs after which it goes on; empty at its beginning.
        over: Whether it has seen them all.
    """

    began_ms: int
    after: str = ""
    over: bool = False


def resumed(seen: Sweep | None, now_ms: int) -> Sweep | None:
    """The sweep to go on with, or a new one; None as long as the last one is too fresh for another."""
    if seen is not None and not seen.over:
        return seen
    early = seen is not None and now_ms - seen.began_ms < RECONCILE_SWEEP_MS
    return None if early else Sweep(now_ms)


def done_until(holding: Holding | None) -> int:
    """The due time (ms) below which all of a shard is handed on: the lowest of its cursors.

    An entry rests in any of the levels, so that what is due later may rightly still wait; 0 for a shard that
    was never turned.
    """
    cursors = holding.cursors if holding else {}
    return min(cursors.get(ring.level, 0) for ring in RINGS)


def expected(job: Job, done_until_ms: int, now_ms: int) -> int | None:
    """The last instant (ms) of the generation in force whose account must be there by now, or None.

    Args:
        job: The job.
        done_until_ms: The due time below which the job's shard has handed everything on.
        now_ms: The time.
    """
    first = _oldest(job, now_ms)
    bound = min(done_until_ms, now_ms - RECONCILE_MARGIN_MS)
    if first is None or first >= bound:
        return None
    occurrences = job.occurrences
    last = occurrences.last_before(bound, first)
    if occurrences.due(last) < bound:
        return last
    return occurrences.last_before(last, first) if last > first else None  # due before the other's nominal time


def first_missing(job: Job, last_ms: int, accounted: Iterable[int], now_ms: int) -> int:
    """The instant (ms) from which on a chain must be armed again, so that each one up to ``last_ms`` gets its account.

    Args:
        job: The job.
        last_ms: The last instant owed, which has no account.
        accounted: Instants (ms) that have one.
        now_ms: The time.
    """
    first = _oldest(job, now_ms)
    newest = max((at for at in accounted if first is not None and first <= at < last_ms), default=None)
    found = first if newest is None else job.occurrences.after(newest)
    return last_ms if found is None else min(found, last_ms)


def _oldest(job: Job, now_ms: int) -> int | None:
    """The first instant of the generation in force whose execution cannot have reached its time to live."""
    if job.state is not JobState.ACTIVE or job.definition.schedule is None:
        return None
    return job.definition.schedule.first_from(max(job.effective_from_ms, now_ms - RETENTION_MS + RECONCILE_MARGIN_MS))
