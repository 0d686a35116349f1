"""The API's flow: jobs are defined, edited and run on request; each with what it puts on the wheel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from tidewheel.domain.errors import Conflict, Invalid, NotFound, Outdated
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.ledger import standing
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet import pools
from tidewheel.domain.fleet.route import POOLS
from tidewheel.domain.ids import ExecutionId, Origin, job_id, nonce
from tidewheel.domain.jobs.job import Definition, Generation, Job, JobState
from tidewheel.domain.limits import IMMEDIATE_MS, MAX_PAGE
from tidewheel.domain.wheel.entries import Entry, ExecutionEntry, Placed, ScheduleEntry
from tidewheel.domain.wheel.levels import late
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.api.lists import filtered, report_unreadable
from tidewheel.engine.common.immediate_dispatch import ImmediateDispatch
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.ends.overlap_lock import OverlapLock
from tidewheel.ports import Circuits, Clock, Entropy, Executions, Jobs, Locks, Logs, Page, Queue, Telemetry, Wheel

DefinitionBuilder = Callable[[str, int, Definition | None], Definition]
"""Makes a definition of what the user wrote, given the job's id (for ``H``), now (ms) and what is in force."""

_EDIT_TRIES = 5


@dataclass(frozen=True, slots=True)
class Due:
    """An instant to come: what the schedule names and when it starts (ms)."""

    nominal_ms: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class JobService:
    """What users can do with jobs.

    Every method raises ``NotFound`` for an id that the tenant does not have, and ``PortError`` when a store or
    queue fails: then nothing, or the whole of it, was written.
    """

    jobs: Jobs
    executions: Executions
    wheel: Wheel
    queue: Queue
    clock: Clock
    entropy: Entropy
    telemetry: Telemetry
    layouts: LayoutCache
    logs: Logs
    locks: Locks
    circuits: Circuits
    pace: Pace = LOOP
    pools: Collection[str] = POOLS

    @property
    def ends(self) -> EndHandler:
        """What follows an execution's end."""
        immediate = ImmediateDispatch(self.queue, self.wheel, self.clock, self.telemetry, self.pace)
        wheel_writer = WheelWriter(self.wheel, self.layouts, self.clock, immediate)
        overlap_lock = OverlapLock(self.executions, self.locks, self.clock, wheel_writer.put)
        return EndHandler(self.executions, overlap_lock, (overlap_lock,))

    def create(self, tenant: str, builder: DefinitionBuilder, key: str = "", fingerprint: str = "") -> Job:
        """Creates a job, or returns the one that the same idempotency key created before.

        Args:
            tenant: Whose it is.
            builder: Makes the definition; raises ``Invalid``.
            key: The idempotency key, or empty.
            fingerprint: Of the request's body, to tell a repeat from another use of the key.

        Raises:
            Invalid: The definition is refused, or the key was used for another request.
            Conflict: The key created a job that has been deleted since.
        """
        now = self.clock.now_ms()
        id = job_id(hashlib.blake2b(f"{tenant}/{key}".encode()).digest() if key else self.entropy.bytes(10))
        request = fingerprint if key else ""
        if key and (existing := self.jobs.get(tenant, id, consistent=True)):
            return _same_request(existing, request)  # before the draft, which would refuse what is past by now
        definition = self._accepted(builder(id, now, None))
        job = Job(tenant, id, definition, JobState.ACTIVE, 1, now, now, now, request)
        placed, queued = self._first(job, now)
        if not self.jobs.create(job, placed, queued):
            return self._created_before(job)
        self._hand_over(job, placed, now)
        self.telemetry.count("jobs_created")
        return job

    def _created_before(self, job: Job) -> Job:
        existing = self.jobs.get(job.tenant, job.id, consistent=True)
        if existing is None:
            raise Conflict("job", job.id, "this idempotency key's job was deleted", "use a new key")
        return _same_request(existing, job.request)

    def _first(self, job: Job, now: int) -> tuple[Placed | None, Execution | None]:
        """The wheel entry of a generation's first occurrence.

        And its queued execution, if it is due at once and nothing follows it.
        """
        if job.definition.schedule is None:
            return self._asked(job, now) if job.generation == 1 else (None, None)
        nominal = job.next_nominal(now)
        if nominal is None:
            return None, None
        due = job.due(nominal)
        if due < now + IMMEDIATE_MS and not job.definition.schedule.repeats and job.generation == 1:
            return self._recorded(job, ExecutionId(job.id, nominal), due)
        schedule_entry = ScheduleEntry(job.tenant, job.id, job.generation, nominal, due)
        return self._place(schedule_entry, now), None

    def _asked(self, job: Job, now: int) -> tuple[Placed, Execution]:
        id = ExecutionId(job.id, now, Origin.RUN, nonce(self.entropy.bytes(5)))
        return self._recorded(job, id, now)

    def _recorded(self, job: Job, id: ExecutionId, due: int) -> tuple[Placed, Execution]:
        queued = Execution(job.tenant, str(id), State.QUEUED, due, job.generation)
        precision = job.definition.precision
        entry = ExecutionEntry(job.tenant, queued.id, 1, job.generation, due, job.route, precision)
        return Placed(late(self._shard(job)), entry), queued

    def _shard(self, job: Job) -> int:
        return self.layouts.shard_of(job.tenant, job.id)

    def _place(self, entry: Entry, now: int) -> Placed:
        return Placed(self.pace.place(entry.due_ms, now, self.layouts.shard_of(entry.tenant, entry.job)), entry)

    def _hand_over(self, job: Job, placed: Placed | None, now: int) -> None:
        """Sends what is due too soon. If that fails, the wheel does it: the entry is there."""
        if placed is not None:
            ImmediateDispatch(self.queue, self.wheel, self.clock, self.telemetry, self.pace).hand_over(job, placed, now)

    def _accepted(self, definition: Definition) -> Definition:
        """Raises ``Invalid`` for what cannot be promised at this pace, or run by any worker."""
        self.pace.refuse(definition.precision)
        pools.refuse(definition, self.pools)
        return definition

    def get(self, tenant: str, id: str) -> Job:
        """One job as of now."""
        job = self.jobs.get(tenant, id, consistent=True)
        if job is None:
            raise NotFound("job", tenant, id)
        return job

    def listed(self, tenant: str, wanted: Callable[[Job, int], bool], limit: int, after: str | None) -> Page[Job]:
        """Jobs by id that ``wanted`` (given now, ms) keeps; see ``filtered``."""
        now = self.clock.now_ms()
        return filtered(
            lambda cursor: self.jobs.list(tenant, MAX_PAGE, cursor),
            lambda job: wanted(job, now),
            lambda job: job.id,
            limit,
            after,
            self.telemetry,
        )

    def edit(self, tenant: str, id: str, builder: DefinitionBuilder, match: int | None = None) -> Job:
        """Gives a job a new definition; its state stays.

        Args:
            tenant: Whose it is.
            id: The job.
            builder: Makes the definition; raises ``Invalid``.
            match: The generation that the caller saw, or None for whichever is newest.

        Raises:
            Invalid: The definition is refused.
            Outdated: ``match`` is not the newest generation.
        """

        def change(job: Job, now: int) -> Job:
            definition = self._accepted(builder(job.id, now, job.definition))
            if definition.schedule is None and job.definition.schedule is not None:
                raise Invalid("schedule", "a scheduled job keeps a schedule", "pause the job to stop it")
            return job.edited(definition, job.state, now)

        return self._change(tenant, id, change, match)

    def pause(self, tenant: str, id: str) -> Job:
        """Stops a job from firing; pausing it again changes nothing."""
        return self._set_state(tenant, id, JobState.PAUSED)

    def resume(self, tenant: str, id: str) -> Job:
        """Lets a paused job fire again, from its first instant after now."""
        return self._set_state(tenant, id, JobState.ACTIVE)

    def _set_state(self, tenant: str, id: str, state: JobState) -> Job:
        def change(job: Job, now: int) -> Job:
            return job if job.state is state else job.edited(job.definition, state, now)

        return self._change(tenant, id, change, None)

    def _change(self, tenant: str, id: str, change: Callable[[Job, int], Job], match: int | None) -> Job:
        for _ in range(_EDIT_TRIES):
            now = self.clock.now_ms()
            job = self._matching(tenant, id, match)
            new = change(job, now)
            if new is job:
                return job
            placed, _queued = self._first(new, now)
            if self.jobs.replace(new, job.generation, placed):
                self._hand_over(new, placed, now)
                return new
        raise Conflict("job", id, "it is being edited by many at once", "try again")

    def _matching(self, tenant: str, id: str, match: int | None) -> Job:
        job = self.get(tenant, id)
        if match is not None and match != job.generation:
            problem = f"generation {match} was edited; the newest is {job.generation}"
            raise Outdated("job", id, problem, "read the job again and repeat the edit")
        return job

    def delete(self, tenant: str, id: str, match: int | None = None) -> None:
        """Removes a job: nothing of it fires any more; its executions stay until their time to live.

        Raises:
            Outdated: ``match`` is not the newest generation.
        """
        for _ in range(_EDIT_TRIES):
            now = self.clock.now_ms()
            job = self._matching(tenant, id, match)
            closing = Generation.of(job.edited(job.definition, JobState.DELETED, now))
            if self.jobs.delete(job, job.generation, closing):
                return
        raise Conflict("job", id, "it is being edited by many at once", "try again")

    def run(self, tenant: str, id: str, key: str = "") -> Execution:
        """Runs a job now, beside its schedule, paused or not.

        Returns:
            The queued execution, or the one that the same idempotency key made before, as it stands now.
        """
        now = self.clock.now_ms()
        job = self.get(tenant, id)
        placed, queued = self._asked(job, now)
        before = self.jobs.enqueue(placed, queued, key)
        if before is not None:
            return self.execution(tenant, before)
        self._hand_over(job, placed, now)
        return queued

    def upcoming(self, tenant: str, id: str, count: int) -> list[Due]:
        """The next instants of a job that are due, at most ``count``; none while it is paused."""
        job = self.get(tenant, id)
        schedule, first = job.definition.schedule, job.next_due(self.clock.now_ms())
        if schedule is None or first is None:
            return []
        return [Due(nominal, job.due(nominal)) for nominal in schedule.upcoming(first, count)]

    def execution(self, tenant: str, id: str) -> Execution:
        """One execution as of now."""
        found = self.executions.get(tenant, id)
        if found is None:
            raise NotFound("execution", tenant, id)
        return found

    def history(self, tenant: str, job: str, limit: int, before: str | None) -> Page[Execution | Missed]:
        """A job's executions and ledger rows, newest nominal time first; a deleted job's too, while they are kept."""
        page = self.executions.list(tenant, job, limit, before)
        report_unreadable(page, self.telemetry)
        if not (page.items or page.unreadable) and before is None:
            self.get(tenant, job)
        return replace(page, items=standing(page.items))


def _same_request(existing: Job, request: str) -> Job:
    if existing.request != request:
        raise Invalid("Idempotency-Key", "was used for another request", "use a new key for each request")
    return existing
