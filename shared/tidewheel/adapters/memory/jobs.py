"""Jobs in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tidewheel.adapters.memory.world import World, refuse_late
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.jobs.listing import Listing, place_of
from tidewheel.domain.quotas.tally import TallyChange
from tidewheel.domain.wheel.entries import Placed
from tidewheel.ports import Clock, JobKey, NameTaken, Page


class MemoryJobs:
    """``ports.Jobs`` in memory. Plain reads are as fresh as consistent ones.

    Args:
        world: The items.
        clock: The time at which a write is sent; without one, no write comes too late.
    """

    def __init__(self, world: World, clock: Clock | None = None) -> None:
        self._world = world
        self._clock = clock

    def create(
        self, job: Job, placed: Placed | None, queued: Execution | None, tally: TallyChange | None = None
    ) -> bool:
        """See ``ports.Jobs``."""
        refuse_late("jobs.create", placed, self._clock)
        world, key = self._world, (job.tenant, job.id)
        with world.lock:
            if key in world.generations:
                return False
            self._check_name(job)
            world.tally(world.tallied(tally))
            self._write(job)
            world.place(placed)
            if queued is not None:
                world.executions[queued.tenant, queued.id] = queued
        return True

    def _check_name(self, job: Job) -> None:
        """Raises ``NameTaken`` if another job has the name for itself that this one asks for."""
        wanted = job.definition
        for (tenant, id), other in self._world.jobs.items():
            theirs = other.definition
            unique = wanted.unique_name and theirs.unique_name and (tenant, theirs.name) == (job.tenant, wanted.name)
            if unique and id != job.id:
                raise NameTaken(id)

    def _write(self, job: Job) -> None:
        key = (job.tenant, job.id)
        self._world.jobs[key] = job
        self._world.generations.setdefault(key, {})[job.generation] = Generation.of(job)

    def replace(self, job: Job, before: Job, placed: Placed | None, tally: TallyChange | None = None) -> bool:
        """See ``ports.Jobs``."""
        refuse_late("jobs.replace", placed, self._clock)
        with self._world.lock:
            if not self._stands(job, before.generation):
                return False
            self._check_name(job)
            self._world.tally(self._world.tallied(tally))
            self._write(job)
            self._world.place(placed)
        return True

    def delete(self, job: Job, expected: int, last: Generation, tally: TallyChange | None = None) -> bool:
        """See ``ports.Jobs``."""
        key = (job.tenant, job.id)
        with self._world.lock:
            if not self._stands(job, expected):
                return False
            self._world.tally(self._world.tallied(tally))
            del self._world.jobs[key]
            self._world.generations[key][last.number] = last
        return True

    def _stands(self, job: Job, expected: int) -> bool:
        stored = self._world.jobs.get((job.tenant, job.id))
        return stored is not None and stored.generation == expected

    def enqueue(self, placed: Placed, queued: Execution, key: str) -> str | None:
        """See ``ports.Jobs``."""
        refuse_late("jobs.enqueue", placed, self._clock)
        with self._world.lock:
            slot = (queued.tenant, queued.job, key)
            if key and slot in self._world.idempotency:
                return self._world.idempotency[slot]
            if key:
                self._world.idempotency[slot] = queued.id
            self._world.executions[queued.tenant, queued.id] = queued
            self._world.place(placed)
        return None

    def requeue(self, placed: Placed, queued: Execution) -> bool:
        """See ``ports.Jobs``."""
        refuse_late("jobs.requeue", placed, self._clock)
        with self._world.lock:
            standing = self._world.executions.get((queued.tenant, queued.id))
            if standing is None or standing.version != queued.version - 1:
                return False
            self._world.executions[queued.tenant, queued.id] = queued
            self._world.place(placed)
        return True

    def get(self, tenant: str, id: str, *, consistent: bool = False) -> Job | None:  # noqa: ARG002 - always is
        """See ``ports.Jobs``."""
        return self._world.jobs.get((tenant, id))

    def batch(self, wanted: Iterable[JobKey]) -> Mapping[JobKey, Job | Unreadable]:
        """See ``ports.Jobs``."""
        return {key: self._world.jobs[key] for key in wanted if key in self._world.jobs}

    def generations(self, tenant: str, id: str, first: int) -> Mapping[int, Generation]:
        """See ``ports.Jobs``."""
        with self._world.lock:
            rows = self._world.generations.get((tenant, id), {})
            return {number: row for number, row in sorted(rows.items()) if number >= first}

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Job]:
        """See ``ports.Jobs``."""
        with self._world.lock:
            ids = sorted(id for owner, id in self._world.jobs if owner == tenant and id > (after or ""))
            return Page(
                [self._world.jobs[tenant, id] for id in ids[:limit]], ids[limit - 1] if len(ids) > limit else None
            )

    def listed(self, tenant: str, listing: Listing, limit: int, after: str | None) -> Page[Job]:
        """See ``ports.Jobs``. Nothing outlives anything here: the rows follow from the jobs."""
        part = listing.after(after)
        with self._world.lock:
            mine = [job for (owner, _), job in self._world.jobs.items() if owner == tenant]
            places = {place: job for job in mine if (place := place_of(job, listing.list))}
        left = sorted((it for it in places if part.low <= it <= part.high and it != after), reverse=part.descending)
        return Page([places[place] for place in left[:limit]], left[limit - 1] if len(left) > limit else None)

    def sweep(self, after: str | None, limit: int) -> Page[Job]:
        """See ``ports.Jobs``."""
        with self._world.lock:
            left = sorted(key for key in self._world.jobs if keys.job_cursor(*key) > (after or ""))
            found = [self._world.jobs[key] for key in left[:limit]]
            return Page(found, keys.job_cursor(*left[limit - 1]) if len(left) > limit else None)
