"""How many of a tenant's jobs are active: a row that every write of a job changes along with it. Pure.

A job is *active* while its state is shown as ``active``: it is not paused, and has an instant left to fire. One that
runs at once, without a schedule, never is. Nothing is written when a job fires for the last time, so a row cannot know
by itself who has ended meanwhile. It says as of when it judges (``as_of_ms``), and before which time none of the jobs
that it counts ends (``ends_ms``): up to then it is exact. After that it may only count too many, and is brought forward
by the jobs that have ended since. So nobody is let in beyond the limit, and nobody is refused below it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.limits import FOREVER_MS, HOUR_MS, SECOND_MS

SETTLED_AFTER_MS = 15 * SECOND_MS
"""A row that is new is counted again after so long: until then a process may still write jobs that does not know of the
limit, for the 5 s for which it keeps a tenant and the 10 s that a write may take."""
TRUSTED_MS = HOUR_MS
"""A row is counted anew after so long: a tenant whose limit was taken away and given back, and a release that knows no
such rows, leave it as it is."""


@dataclass(frozen=True, slots=True)
class Tally:
    """A tenant's count of active jobs. Instants are ms since the epoch.

    Args:
        tenant: Whose.
        count: How many jobs count.
        as_of_ms: A job counts that is active at this time, as far as its record says.
        ends_ms: None of them ends before this; ``FOREVER_MS`` if none ends at all.
        counted_ms: When all jobs were last looked through.
        made_ms: When they were for the first time.
        limit: The tenant's limit at that time.
        version: Raised by every write; 0 if it was never written.
    """

    tenant: str
    count: int
    as_of_ms: int
    ends_ms: int
    counted_ms: int
    made_ms: int
    limit: int
    version: int = 0

    def is_exact(self, now_ms: int) -> bool:
        """Whether no job that it counts has ended by now (ms since the epoch)."""
        return now_ms <= self.ends_ms

    def is_to_be_counted(self, limit: int, now_ms: int) -> bool:
        """Whether all jobs are to be looked through, given the tenant's limit and the time (ms since the epoch)."""
        unsettled = self.counted_ms < self.made_ms + SETTLED_AFTER_MS <= now_ms
        return unsettled or limit != self.limit or now_ms >= self.counted_ms + TRUSTED_MS

    def brought_forward(self, ended: int, ends_ms: int, now_ms: int) -> Tally:
        """As of now, where some have ended since.

        Args:
            ended: How many of those that it counts.
            ends_ms: When the next one of the others ends; ``FOREVER_MS`` if none does.
            now_ms: The time (ms since the epoch).
        """
        count = max(0, self.count - ended)
        return replace(self, count=count, as_of_ms=now_ms, ends_ms=ends_ms, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class TallyChange:
    """What a write of a job changes in its tenant's tally. It is refused if the tally is judged as of another time.

    Args:
        tally: The tally as it was read.
        by: 1 if one job more counts, -1 if one less, else 0.
        most: For one more: how many may count afterwards.
        ends_ms: A new ``Tally.ends_ms``, earlier than the one that was read, which must still hold; None: it stays.
    """

    tally: Tally
    by: int
    most: int
    ends_ms: int | None = None

    def applied_to(self, standing: Tally | None) -> Tally | None:
        """The tally after the write; None if the write is refused."""
        if standing is None or standing.as_of_ms != self.tally.as_of_ms:
            return None
        if self.by > 0 and standing.count >= self.most:
            return None
        if self.ends_ms is not None and standing.ends_ms != self.tally.ends_ms:
            return None
        ends_ms = standing.ends_ms if self.ends_ms is None else self.ends_ms
        return replace(standing, count=standing.count + self.by, ends_ms=ends_ms, version=standing.version + 1)


def counts(job: Job | None, as_of_ms: int) -> bool:
    """Whether a job is active at a time (ms since the epoch); one that does not exist is not."""
    if job is None or job.state is not JobState.ACTIVE or job.definition.schedule is None:
        return False
    last_ms = job.last_due()
    if last_ms is None:
        return True
    return last_ms >= as_of_ms and job.next_nominal(job.effective_from_ms) is not None  # it names an instant at all


def end_of(job: Job) -> int:
    """When an active job ends (ms since the epoch); ``FOREVER_MS`` if it fires without end."""
    last_ms = job.last_due()
    return FOREVER_MS if last_ms is None else last_ms


def change_of(tally: Tally, before: Job | None, after: Job | None, limit: int) -> TallyChange | None:
    """What a write of a job changes; None if nothing, whatever others write.

    A job that ends is part of it even if as many count as before: whoever brings the tally forward must not miss that
    its end has moved.

    Args:
        tally: The tally as it was read.
        before: The job that is replaced or deleted; None if it is new.
        after: The job as it is stored; None if it is deleted.
        limit: How many may be active.
    """
    counted = [job for job in (before, after) if job is not None and counts(job, tally.as_of_ms)]
    by = counts(after, tally.as_of_ms) - counts(before, tally.as_of_ms)
    ends = [end for job in counted if (end := end_of(job)) < FOREVER_MS]
    if not by and not ends:
        return None
    end_ms = end_of(after) if after is not None and after in counted else FOREVER_MS
    return TallyChange(tally, by, limit, end_ms if end_ms < tally.ends_ms else None)


def counted(tenant: str, jobs: Iterable[Job], limit: int, now_ms: int, before: Tally | None, unreadable: int) -> Tally:
    """A tally of all jobs.

    Args:
        tenant: Whose.
        jobs: All that may be active.
        limit: How many may be.
        now_ms: The time (ms since the epoch).
        before: The tally that is replaced, or None.
        unreadable: How many records cannot be read; they count, since they may be active.
    """
    ends = [end_of(job) for job in jobs if counts(job, now_ms)]
    made_ms, version = (now_ms, 0) if before is None else (before.made_ms, before.version)
    ends_ms = min(ends, default=FOREVER_MS)
    return Tally(tenant, len(ends) + unreadable, now_ms, ends_ms, now_ms, made_ms, limit, version + 1)
