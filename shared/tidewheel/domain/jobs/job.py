"""The job: what a user defines, and the generations that its edits leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tidewheel.domain.fleet.route import Route
from tidewheel.domain.jobs.policies import Misfire, Overlap, RetryPolicy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import RETENTION_MS
from tidewheel.domain.recurrence.occurrences import Occurrences
from tidewheel.domain.recurrence.schedule import Schedule


class JobState(StrEnum):
    """``COMPLETED`` is derived, never stored: nothing is left to fire. ``DELETED`` occurs in generations alone."""

    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Target:
    """What an attempt calls.

    Args:
        kind: ``http`` or ``lambda``: the name of an adapter.
        spec: What the kind needs, already checked against its model; a JSON object.
    """

    kind: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Definition:
    """The part of a job that its owner writes.

    Args:
        name: For people; need not be unique.
        schedule: When it fires, or None for a job that ran when it was created.
        target: What it calls.
        priority: One of ``names.PRIORITIES``.
        precision: The tier.
        pool: One of ``names.POOLS``.
        jitter_ms: Width of the deterministic spread after the nominal time, another at each.
        timeout_ms: How long one attempt may take.
        retry: What happens after a failure.
        misfire: What happens to occurrences that nobody could fire in time.
        overlap: What becomes of a run whose job is still busy with another one.
        tags: For listing.
        window_ms: Width of the window after the nominal time in which the job has its place, the same at each.
        deadline_ms: How long after its due time (or its redrive) an execution may go on, retries included; 0: for ever.
        heartbeat_ms: How long a run may be silent before it is revoked; 0: as long as its time-out.
    """

    name: str
    schedule: Schedule | None
    target: Target
    priority: str = "normal"
    precision: Precision = Precision.NORMAL
    pool: str = "lambda"
    jitter_ms: int = 0
    timeout_ms: int = 60_000
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    misfire: Misfire = field(default_factory=Misfire)
    overlap: Overlap = Overlap.ALLOW
    tags: Mapping[str, str] = field(default_factory=dict)
    window_ms: int = 0
    deadline_ms: int = 0
    heartbeat_ms: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A definition in force.

    Args:
        tenant: Whose it is.
        id: The job's id.
        definition: What it does.
        state: ``ACTIVE`` or ``PAUSED``.
        generation: 1 at first; every edit, pause and resume raises it.
        effective_from_ms: From which nominal time this generation counts; never goes back.
        created_ms: When it was created.
        updated_ms: When this generation was written.
        request: Fingerprint of the request that created it under an idempotency key, else empty.
    """

    tenant: str
    id: str
    definition: Definition
    state: JobState
    generation: int
    effective_from_ms: int
    created_ms: int
    updated_ms: int
    request: str = ""

    @property
    def route(self) -> Route:
        """The queue of its work."""
        return Route(self.definition.pool, self.definition.priority)

    def next_nominal(self, from_ms: int) -> int | None:
        """The first instant (ms) at or after ``from_ms`` that this generation will fire, or None."""
        schedule = self.definition.schedule
        if self.state is not JobState.ACTIVE or schedule is None:
            return None
        return schedule.first_from(max(from_ms, self.effective_from_ms))

    @property
    def occurrences(self) -> Occurrences:
        """The occurrences of this generation, of a job that has a schedule."""
        return Generation.of(self).occurrences(self.id)

    def due(self, nominal_ms: int) -> int:
        """The due time (ms) of a nominal time: shifted by the job's window and jitter."""
        return self.occurrences.due(nominal_ms)

    def next_due(self, now_ms: int) -> int | None:
        """The nominal time (ms) of the first instant that is due at ``now_ms`` or later, or None.

        Its nominal time may be past. None before it is due so late: due times keep the order of nominal times,
        each stays before the next nominal one.
        """
        spread_ms = self.definition.jitter_ms + self.definition.window_ms
        first = self.next_nominal(now_ms - spread_ms)
        if first is None or first >= now_ms:
            return first
        last = self.occurrences.last_before(now_ms, first)
        return last if self.due(last) >= now_ms else self.next_nominal(now_ms)

    def state_at(self, now_ms: int) -> JobState:
        """The state to show: ``COMPLETED`` for an active job with nothing left to fire."""
        finished = self.state is JobState.ACTIVE and self.next_due(now_ms) is None
        return JobState.COMPLETED if finished else self.state

    def expires_ms(self) -> int | None:
        """When the record may vanish (ms), for a job whose last instant is known; else None."""
        if self.state is JobState.PAUSED:
            return None
        schedule = self.definition.schedule
        if schedule is None:
            return self.updated_ms + RETENTION_MS
        last_ms = schedule.last_ms
        spread_ms = self.definition.jitter_ms + self.definition.window_ms
        return None if last_ms is None else max(last_ms, self.updated_ms) + spread_ms + RETENTION_MS

    def edited(self, definition: Definition, state: JobState, now_ms: int) -> Job:
        """The next generation, in force for nominal times from ``now_ms`` on."""
        return replace(
            self,
            definition=definition,
            state=state,
            generation=self.generation + 1,
            effective_from_ms=max(now_ms, self.effective_from_ms),
            updated_ms=now_ms,
        )


@dataclass(frozen=True, slots=True)
class Generation:
    """What a job's schedule was from one edit to the next: enough to recompute the past.

    Args:
        number: The generation.
        state: ``ACTIVE``, ``PAUSED`` or ``DELETED``.
        schedule: What it fired by.
        jitter_ms: Its spread.
        effective_from_ms: From which nominal time it counted.
        window_ms: The width of its window.
    """

    number: int
    state: JobState
    schedule: Schedule | None
    jitter_ms: int
    effective_from_ms: int
    window_ms: int = 0

    @classmethod
    def of(cls, job: Job) -> Generation:
        """The generation row that is written beside the job's record."""
        definition = job.definition
        return cls(
            job.generation,
            job.state,
            definition.schedule,
            definition.jitter_ms,
            job.effective_from_ms,
            definition.window_ms,
        )

    def occurrences(self, job: str, cut_ms: int | None = None) -> Occurrences:
        """Its occurrences.

        Args:
            job: The job's id, on which their spread depends.
            cut_ms: The first nominal time (ms) that is the next generation's, or None.
        """
        assert self.schedule is not None
        return Occurrences(self.schedule, self.jitter_ms, job, cut_ms, self.window_ms)
