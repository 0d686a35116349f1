"""What the reconciler looks for: the last instant of each job that must have an account by now. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import WAITING
from tidewheel.domain.fleet.lease import Holding
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.limits import RECONCILE_MARGIN_MS, RECONCILE_SWEEP_MS, RETENTION_MS
from tidewheel.domain.wheel.levels import RINGS


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far a sweep over all jobs has come.

    Args:
        began_ms: When it began (ms since the epoch).
        after: The cursor in the list of jobs; empty at the beginning.
        over: Whether all jobs were checked.
    """

    began_ms: int
    after: str = ""
    over: bool = False


def resumed(seen: Sweep | None, now_ms: int) -> Sweep | None:
    """The sweep to continue, or a new one; None if the last one began less than ``limits.RECONCILE_SWEEP_MS`` ago."""
    if seen is not None and not seen.over:
        return seen
    early = seen is not None and now_ms - seen.began_ms < RECONCILE_SWEEP_MS
    return None if early else Sweep(now_ms)


def done_until(holding: Holding | None) -> int:
    """The due time (ms since the epoch) before which everything of a shard was dispatched: its lowest cursor.

    0 for a shard that no scheduler has owned yet.
    """
    cursors = holding.cursors if holding else {}
    return min(cursors.get(ring.level, 0) for ring in RINGS)


def expected(job: Job, done_until_ms: int, now_ms: int) -> int | None:
    """The last instant of the current generation that must have an account by now (ms since the epoch), or None.

    Args:
        job: The job.
        done_until_ms: The due time before which its shard has dispatched everything (ms since the epoch).
        now_ms: The time (ms since the epoch).
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


def is_overdue(record: Execution, done_until_ms: int, now_ms: int) -> bool:
    """Whether an execution's next attempt should have begun long ago, so that what was to bring it may be lost.

    Args:
        record: Its record.
        done_until_ms: The due time before which its shard has dispatched everything (ms since the epoch).
        now_ms: The time (ms since the epoch).
    """
    bound = min(done_until_ms, now_ms - RECONCILE_MARGIN_MS)
    return record.state in WAITING and record.next_ms is not None and record.next_ms < bound


def first_missing(job: Job, last_ms: int, accounted: Iterable[int], now_ms: int) -> int:
    """The nominal time (ms since the epoch) of the schedule entry to write, so that each instant gets its account.

    Args:
        job: The job.
        last_ms: The last expected instant, which has no account (ms since the epoch).
        accounted: Instants that have one (ms since the epoch).
        now_ms: The time (ms since the epoch).
    """
    first = _oldest(job, now_ms)
    newest = max((at for at in accounted if first is not None and first <= at < last_ms), default=None)
    found = first if newest is None else job.occurrences.after(newest)
    return last_ms if found is None else min(found, last_ms)


def _oldest(job: Job, now_ms: int) -> int | None:
    """The first instant of the current generation whose execution cannot have expired."""
    if job.state is not JobState.ACTIVE or job.definition.schedule is None:
        return None
    return job.definition.schedule.first_from(max(job.effective_from_ms, now_ms - RETENTION_MS + RECONCILE_MARGIN_MS))
