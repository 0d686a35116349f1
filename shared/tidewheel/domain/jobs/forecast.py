"""What a job will do: its next instants, its runs within a month, and what they cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from tidewheel.domain.executions.ledger import Instant, coming
from tidewheel.domain.jobs.job import Generation, Job, JobState
from tidewheel.domain.limits import DAY_MS, FORECAST_INSTANTS, FORECAST_MS, HOUR_MS
from tidewheel.domain.pricing import dollars_of_run


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is foretold of a job, unless something changes.

    Args:
        instants: The next ones, at most ``limits.FORECAST_INSTANTS``, by due time.
        runs: Executions that begin within ``limits.FORECAST_MS``, retries and requested runs apart.
        exact: Whether they were counted; else they are extrapolated from a shorter time.
        dollars: What these runs cost at list price, at most.
    """

    instants: Sequence[Instant]
    runs: int
    exact: bool
    dollars: float


def forecast(job: Job, now_ms: int, before: Job | None = None) -> Forecast:
    """What is foretold of a generation that is written now (ms since the epoch).

    Args:
        job: The job, with the new generation.
        now_ms: The time.
        before: The generation that it follows, which may have instants left that are due later; None for a new job.
    """
    if job.definition.schedule is None:
        now = [Instant(now_ms, now_ms, job.generation)] if before is None else []
        return Forecast(now, len(now), exact=True, dollars=len(now) * dollars_of_run())
    rows = [Generation.of(one) for one in (before, job) if one is not None]
    runs, exact = _runs(job, now_ms)
    instants = list(islice(coming(rows, job.id, now_ms), FORECAST_INSTANTS))
    return Forecast(instants, runs, exact, runs * dollars_of_run())


def _runs(job: Job, now_ms: int) -> tuple[int, bool]:
    """How many instants the job names within the forecast, and whether they were counted."""
    first = job.next_nominal(now_ms)
    until_ms = now_ms + FORECAST_MS
    if job.state is not JobState.ACTIVE or first is None or first >= until_ms:
        return 0, True
    for span_ms in (until_ms - first, 7 * DAY_MS, DAY_MS, HOUR_MS):
        counted = _counted(job, first, first + span_ms)
        if counted is not None:
            whole = until_ms - first
            return round(counted * whole / span_ms), span_ms == whole
    return 0, False  # no schedule names more than ``limits.COUNTED_MOST`` instants in an hour


def _counted(job: Job, first: int, until_ms: int) -> int | None:
    """The number of instants in [first, until), ``first`` being one; None if they are too many to walk."""
    schedule = job.definition.schedule
    assert schedule is not None
    return schedule.timing.count_between(first, job.occurrences.last_before(until_ms, first))
