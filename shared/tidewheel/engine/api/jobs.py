"""Jobs: created, read, edited, paused, resumed and deleted, each together with its entry on the wheel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from tidewheel.domain.errors import Conflict, Invalid, KeyReused, Outdated
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.ledger import Instant, coming
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet import pools
from tidewheel.domain.fleet.kinds import AllowedKinds
from tidewheel.domain.ids import ExecutionId, job_id
from tidewheel.domain.jobs.job import Definition, Generation, Job, JobState
from tidewheel.domain.jobs.listing import JobFilter, called
from tidewheel.domain.limits import MAX_JITTER_MS
from tidewheel.domain.quotas.tally import TallyChange
from tidewheel.domain.wheel.entries import Entry, Placed
from tidewheel.domain.wheel.pace import Pace
from tidewheel.engine.api.first_entry import FirstEntry
from tidewheel.engine.api.limits.service import LimitService
from tidewheel.engine.api.lists import Listed
from tidewheel.engine.api.lookup import existing_job, job_meant, jobs_meant, scheduled_runs
from tidewheel.engine.api.searches.jobs import JobSearch
from tidewheel.ports import Clock, Entropy, Jobs, NameTaken, Telemetry

DefinitionBuilder = Callable[[str, int, Definition | None], Definition]
"""Makes a definition of what the user wrote, given the job's id (for ``H``), now (ms) and what is in force."""

Store = Callable[[TallyChange | None, Placed | None], bool]
"""Stores a generation with what it changes in its tenant's tally, and its entry; False if it came too late."""

_EDIT_TRIES = 5


@dataclass(frozen=True, slots=True)
class Due:
    """An occurrence to come.

    Args:
        nominal_ms: Its nominal time (ms since the epoch).
        due_ms: Its due time (ms since the epoch).
        execution: The id that its execution has, or will have.
        cancelled: Whether someone cancelled it, so that it will not run.
    """

    nominal_ms: int
    due_ms: int
    execution: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class JobService:
    """What users do with jobs.

    Every method that takes an id raises ``NotFound`` for one that the tenant does not have. Every method raises
    ``PortError`` when a store fails: then either nothing or all of it was written.

    Args:
        jobs: The store; it writes a job and its entry in one transaction.
        first_entry: Makes the entry of a generation.
        clock: Time.
        entropy: Makes the ids of jobs that are created without an idempotency key.
        telemetry: Counts.
        pace: Refuses a precision that the deployment cannot keep.
        pools: The names of the pools that have workers.
        kinds: Which kinds of target they run.
        search: Lists jobs.
        limits: What a tenant's jobs may be.
    """

    jobs: Jobs
    first_entry: FirstEntry
    clock: Clock
    entropy: Entropy
    telemetry: Telemetry
    pace: Pace
    pools: Collection[str]
    kinds: AllowedKinds
    search: JobSearch
    limits: LimitService

    def create(
        self, tenant: str, builder: DefinitionBuilder, key: str = "", fingerprint: str = "", by: str = ""
    ) -> Job:
        """Creates a job, or returns the one that the same idempotency key created before.

        Args:
            tenant: Whose it is.
            builder: Makes the definition; raises ``Invalid``.
            key: The idempotency key, or empty.
            fingerprint: A hash of the request's body; it tells a repeat from another use of the key.
            by: The name of the principal who creates it.

        Raises:
            Invalid: The definition is refused.
            LimitExceeded: It goes beyond a limit of the tenant.
            KeyReused: The key was used for another request.
            Conflict: The key created a job that has been deleted since.
        """
        now, id = self.clock.now_ms(), self._id(tenant, key)
        request = fingerprint if key else ""
        if key and (existing := self.jobs.get(tenant, id, consistent=True)):
            return _same_request(existing, request)  # before the builder, which would refuse what is past by now
        job = self._drafted(tenant, id, builder, now, request, by)
        entry, queued = self.first_entry.of_generation(job, now)
        if not self._stored(None, job, entry, lambda tally, placed: self.jobs.create(job, placed, queued, tally)):
            return self._created_before(job)
        self.telemetry.count("job_created")
        return job

    def _drafted(self, tenant: str, id: str, builder: DefinitionBuilder, now: int, request: str, by: str) -> Job:
        """The first generation of a new job, not stored."""
        definition = self._accepted(builder(id, now, None))
        from_ms = definition.holds_from(now)
        job = Job(tenant, id, definition, JobState.ACTIVE, 1, from_ms, now, now, request, by, by)
        return self.limits.accepted(job, now)

    def draft(self, tenant: str, builder: DefinitionBuilder, key: str = "", fingerprint: str = "", by: str = "") -> Job:
        """The job that ``create`` would answer, with the same errors; nothing is written.

        With an idempotency key its id is the one that it will have under that key, and so are its instants where they
        depend on the id.
        """
        now, id = self.clock.now_ms(), self._id(tenant, key)
        request = fingerprint if key else ""
        if key and (existing := self.jobs.get(tenant, id, consistent=True)):
            return _same_request(existing, request)
        job = self._drafted(tenant, id, builder, now, request, by)
        self._check_name(job)
        self.limits.check_active(None, job)
        return job

    def draft_edit(
        self, tenant: str, id: str, builder: DefinitionBuilder, match: int | None = None, by: str = ""
    ) -> tuple[Job, Job]:
        """The job that ``edit`` would answer, and the one that it would replace; nothing is written.

        It raises what ``edit`` does.
        """
        before = self._matching(tenant, id, match)
        job = self._edited(before, builder, self.clock.now_ms(), by)
        self._check_name(job)
        self.limits.check_active(before, job)
        return job, before

    def _id(self, tenant: str, key: str) -> str:
        return job_id(hashlib.blake2b(f"{tenant}/{key}".encode()).digest() if key else self.entropy.bytes(10))

    def _created_before(self, job: Job) -> Job:
        existing = self.jobs.get(job.tenant, job.id, consistent=True)
        if existing is None:
            raise Conflict("job", job.id, "this idempotency key's job was deleted", "use a new key")
        return _same_request(existing, job.request)

    def _accepted(self, definition: Definition) -> Definition:
        """Raises ``Invalid`` for a precision that the pace cannot keep, or a pool that cannot or must not run it."""
        self.pace.refuse(definition.precision)
        pools.refuse(definition, self.pools)
        self.kinds.refuse(definition.target.kind, definition.pool)
        return definition

    def get(self, tenant: str, id: str) -> Job:
        """One job, read with strong consistency."""
        return existing_job(self.jobs, tenant, id)

    def meant(self, tenant: str, text: str) -> str:
        """The id of the job that a text means: see ``lookup.job_meant``."""
        return job_meant(self.jobs, tenant, text)

    def all_meant(self, tenant: str, text: str, limit: int) -> Listed[Job]:
        """The jobs that a text may mean, as one page: see ``lookup.jobs_meant``."""
        return Listed(jobs_meant(self.jobs, tenant, text, limit), None, lambda job: job.id)

    def unchanged(self, tenant: str, id: str, match: int | None = None) -> Job:
        """One job, if ``match`` is its newest generation or None. Raises ``Outdated``."""
        return self._matching(tenant, id, match)

    def listed(
        self, tenant: str, asked: JobFilter, limit: int, after: str | None, results: Collection[State] = ()
    ) -> Listed[Job]:
        """A page of the jobs that a filter asks for: see ``JobSearch.listed``."""
        return self.search.listed(tenant, asked, results, limit, after, self.clock.now_ms())

    def last_runs(self, tenant: str, jobs: Collection[str]) -> Mapping[str, Execution]:
        """The last run of each job that has ended: see ``JobSearch.last_runs``."""
        return self.search.last_runs(tenant, jobs, self.clock.now_ms())

    def edit(self, tenant: str, id: str, builder: DefinitionBuilder, match: int | None = None, by: str = "") -> Job:
        """Gives a job a new definition; its state stays.

        Args:
            tenant: Whose it is.
            id: The job.
            builder: Makes the definition; raises ``Invalid``.
            match: The generation that the caller read, or None to edit whichever is newest.
            by: The name of the principal who edits it.

        Raises:
            Invalid: The definition is refused.
            LimitExceeded: It goes beyond a limit of the tenant.
            Outdated: ``match`` is not the newest generation.
            Conflict: Too many others edited it meanwhile.
        """
        return self._change(tenant, id, lambda job, now: self._edited(job, builder, now, by), match)

    def _edited(self, job: Job, builder: DefinitionBuilder, now: int, by: str) -> Job:
        """The next generation of a job under another definition, not stored."""
        definition = self._accepted(builder(job.id, now, job.definition))
        if definition.schedule is None and job.definition.schedule is not None:
            raise Invalid("schedule", "a scheduled job keeps a schedule", "pause the job to stop it")
        return self.limits.accepted(job.edited(definition, job.state, now, by), now)

    def pause(self, tenant: str, id: str, by: str = "") -> Job:
        """Stops a job from firing; pausing it again changes nothing. Raises ``Conflict`` as ``edit`` does."""

        def change(job: Job, now: int) -> Job:
            return job if job.state is JobState.PAUSED else job.edited(job.definition, JobState.PAUSED, now, by)

        return self._change(tenant, id, change, None)

    def resume(self, tenant: str, id: str, by: str = "") -> Job:
        """Lets a paused job fire again from its first occurrence after now. Raises ``Conflict`` as ``edit`` does.

        A one-time job whose instant passed meanwhile follows its misfire policy.
        """

        def change(job: Job, now: int) -> Job:
            return job if job.state is JobState.ACTIVE else job.resumed(now, by)

        return self._change(tenant, id, change, None)

    def _change(self, tenant: str, id: str, change: Callable[[Job, int], Job], match: int | None) -> Job:
        for _ in range(_EDIT_TRIES):
            now = self.clock.now_ms()
            job = self._matching(tenant, id, match)
            new = change(job, now)
            if new is job:
                return job
            entry, _queued = self.first_entry.of_generation(new, now)
            if self._stored(job, new, entry, partial(self._replaced, new, job)):
                return new
        raise _contended(id)

    def _replaced(self, new: Job, before: Job, tally: TallyChange | None, placed: Placed | None) -> bool:
        return self.jobs.replace(new, before, placed, tally)

    def _stored(self, before: Job | None, job: Job, entry: Entry | None, store: Store) -> bool:
        """Whether a generation was stored, with its entry if it fires; if not, its id or number is taken.

        Raises:
            Conflict: It asks for a unique name, and another job has this name.
            LimitExceeded: The tenant has as many active jobs as it may.
        """
        self._check_name(job)
        try:
            return self.limits.stored(
                job.tenant, before, job, lambda tally: self._sent(job, entry, partial(store, tally))
            )
        except NameTaken as error:
            raise _name_taken(job, error.holder) from error

    def _check_name(self, job: Job) -> None:
        """Refuses a unique name that any other job has, whether or not that one asks for it."""
        if job.definition.unique_name:
            others = self.jobs.listed(job.tenant, called(job.definition.name), 2, None).items
            for other in others:
                if other.id != job.id:
                    raise _name_taken(job, other.id)

    def _sent(self, job: Job, entry: Entry | None, store: Callable[[Placed | None], bool]) -> bool:
        return store(None) if entry is None else self.first_entry.write(job, entry, store, written=bool)

    def _matching(self, tenant: str, id: str, match: int | None) -> Job:
        job = self.get(tenant, id)
        if match is not None and match != job.generation:
            problem = f"generation {match} was edited; the newest is {job.generation}"
            raise Outdated("job", id, problem, "read the job again and repeat the edit")
        return job

    def delete(self, tenant: str, id: str, match: int | None = None) -> None:
        """Deletes a job: it does not fire again. Its executions stay until their time to live ends.

        Raises:
            Outdated: ``match`` is not the newest generation.
            Conflict: Too many others edited it meanwhile.
        """
        for _ in range(_EDIT_TRIES):
            now = self.clock.now_ms()
            job = self._matching(tenant, id, match)
            closing = Generation.of(job.edited(job.definition, JobState.DELETED, now))
            if self.limits.stored(tenant, job, None, partial(self.jobs.delete, job, job.generation, closing)):
                return
        raise _contended(id)

    def upcoming(self, tenant: str, id: str, count: int) -> list[Due]:
        """What will fire unless something changes, at most ``count``, by due time; what was cancelled is marked.

        Of a paused job, and of a former schedule, that is what had its nominal time before, and is due later than it.
        """
        job, now = self.get(tenant, id), self.clock.now_ms()
        alone = job.generation == 1 or job.effective_from_ms < now - 2 * MAX_JITTER_MS
        rows = [Generation.of(job)] if alone else list(self.jobs.generations(tenant, id, 1).values())
        instants = list(islice(coming(rows, id, now), count))
        runs = self._recorded(tenant, id, instants)
        return [_due(id, instant, runs.get(instant.nominal_ms)) for instant in instants]

    def _recorded(self, tenant: str, id: str, instants: Sequence[Instant]) -> Mapping[int, Execution]:
        """The executions that instants to come have already, such as those that were cancelled ahead."""
        nominal = [instant.nominal_ms for instant in instants]
        executions = self.search.executions
        return scheduled_runs(executions, tenant, id, min(nominal), max(nominal) + 1) if nominal else {}


def _due(job: str, instant: Instant, run: Execution | None) -> Due:
    cancelled = run is not None and run.state is State.CANCELLED
    return Due(instant.nominal_ms, instant.due_ms, str(ExecutionId(job, instant.nominal_ms)), cancelled)


def _same_request(existing: Job, request: str) -> Job:
    if existing.request != request:
        raise KeyReused(existing.request, request)
    return existing


def _name_taken(job: Job, holder: str) -> Conflict:
    return Conflict("job", job.id, f"job {holder} has the name {job.definition.name!r}", "use another name")


def _contended(id: str) -> Conflict:
    return Conflict("job", id, "it is being edited by many at once", "try again")
