"""The limit of active jobs: a tenant's tally changes in the transaction that writes a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tidewheel.domain import keys
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.listing import ACTIVE, ENDING, Listing
from tidewheel.domain.limits import FOREVER_MS
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import Limit
from tidewheel.domain.quotas.tally import Tally, TallyChange, change_of, counted, counts, end_of
from tidewheel.engine.common.quota import Quota
from tidewheel.ports import Clock, Fenced, Jobs, Page, Tallies, TallyMoved, Throttled

_TRIES = 20
"""How often a write is tried whose tally others change at the same time. Each time one of them gets on, so that it
takes as many clients of one tenant, all at once, until one is sent away."""
_PAGE = 500
_PAGES = 4
"""Jobs of one page, and how many pages of those that have ended since are worth it: beyond that all are counted."""
_NEXT = 10
"""The same of those that end next: the first is the one, unless its row outlived it."""

Store = Callable[[TallyChange | None], bool]
"""Stores a job, with what it changes in its tenant's tally; False if another write of that job came before."""


@dataclass(frozen=True, slots=True)
class ActiveJobs:
    """Counts the active jobs of tenants that have a limit of them; the others pay nothing.

    Every method raises ``PortError`` if a store fails.

    Args:
        quota: The limits of tenants.
        jobs: Where jobs are.
        tallies: Where their tallies are.
        clock: Reads the time.
    """

    quota: Quota
    jobs: Jobs
    tallies: Tallies
    clock: Clock = field(repr=False)

    def stored(self, tenant: str, before: Job | None, after: Job | None, store: Store) -> bool | Exceeded:
        """Stores a job within its tenant's limit.

        Args:
            tenant: Whose it is.
            before: The job that is replaced or deleted; None if it is new.
            after: The job as it is to be stored; None if it is deleted.
            store: Stores it; it is called again if others changed the tally meanwhile.

        Returns:
            What ``store`` returned, or the limit that stands in the way.

        Raises:
            Throttled: Others keep changing the tally.
        """
        limit = self._limit(tenant)
        if limit is None:
            return store(None)
        for _ in range(_TRIES):
            tally = self._current(tenant, limit)
            if tally is None:
                continue
            change = change_of(tally, before, after, limit)
            if change is None:
                return store(None)
            if change.by > 0 and tally.count >= limit:
                if not tally.is_exact(self.clock.now_ms()):
                    self._brought_forward(tally, limit)
                    continue
                return Exceeded(Limit.ACTIVE_JOBS, tally.count, limit)
            try:
                return store(change)
            except TallyMoved:
                continue
        raise Throttled("tallies.change", tenant, "too many change the tenant's jobs at the same time")

    def refused(self, tenant: str, before: Job | None, after: Job | None) -> Exceeded | None:
        """What ``stored`` would refuse a job for, without storing it."""
        found = self.stored(tenant, before, after, lambda _: True)
        return found if isinstance(found, Exceeded) else None

    def used(self, tenant: str) -> int | None:
        """How many jobs of a tenant are active; None if that is not limited."""
        limit = self._limit(tenant)
        if limit is None:
            return None
        tally = self._current(tenant, limit)
        if tally is not None and not tally.is_exact(self.clock.now_ms()):
            tally = self._brought_forward(tally, limit)
        return None if tally is None else tally.count

    def _limit(self, tenant: str) -> int | None:
        limit = self.quota.of(tenant).get(Limit.ACTIVE_JOBS)
        return None if limit is None else int(limit)

    def _current(self, tenant: str, limit: int) -> Tally | None:
        """The tally as it stands, counted anew if that is due; None if somebody else changed it meanwhile."""
        tally = self.tallies.get(tenant)
        if tally is None or tally.is_to_be_counted(limit, self.clock.now_ms()):
            return self._counted(tenant, limit, tally)
        return tally

    def _counted(self, tenant: str, limit: int, before: Tally | None) -> Tally | None:
        """Looks through all jobs that may be active."""
        now_ms, found, unreadable = self.clock.now_ms(), list[Job](), 0
        for page in self._pages(tenant, Listing(ACTIVE)):
            found += [job for job in page.items if counts(job, now_ms)]
            unreadable += len(page.unreadable)
        return self._written(counted(tenant, found, limit, now_ms, before, unreadable))

    def _brought_forward(self, tally: Tally, limit: int) -> Tally | None:
        """Takes those off that have ended since, which are found by their ends; None if somebody else was faster."""
        now_ms, ended = self.clock.now_ms(), 0
        since = Listing(ENDING, keys.listed_at(tally.as_of_ms, ""), keys.listed_at(now_ms, ""), descending=False)
        for number, page in enumerate(self._pages(tally.tenant, since)):
            if number == _PAGES:
                return self._counted(tally.tenant, limit, tally)
            ended += sum(counts(job, tally.as_of_ms) for job in page.items)
        return self._written(tally.brought_forward(ended, self._next_end_ms(tally.tenant, now_ms), now_ms))

    def _next_end_ms(self, tenant: str, now_ms: int) -> int:
        """When the next active job ends (ms since the epoch); ``FOREVER_MS`` if none does."""
        to_come = Listing(ENDING, keys.listed_at(now_ms, ""), descending=False)
        for page in self._pages(tenant, to_come, _NEXT):
            for job in page.items:
                if counts(job, now_ms):
                    return end_of(job)
        return FOREVER_MS

    def _pages(self, tenant: str, listing: Listing, limit: int = _PAGE) -> Iterator[Page[Job]]:
        after = None
        while True:
            page = self.jobs.listed(tenant, listing, limit, after)
            yield page
            if page.cursor is None:
                return
            after = page.cursor

    def _written(self, tally: Tally) -> Tally | None:
        """The tally, if it was written; None if another one stands, or none."""
        try:
            return tally if self.tallies.swap(tally) is None else None
        except Fenced:
            return None
