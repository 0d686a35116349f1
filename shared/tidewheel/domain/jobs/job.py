"""The job: its definition, and the generation that each edit starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tidewheel.domain.fleet.route import Route
from tidewheel.domain.jobs.policies import Misfire, Overlap, RetryPolicy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import GENERATION_RETENTION_MS, RETENTION_MS
from tidewheel.domain.recurrence.occurrences import Occurrences
from tidewheel.domain.recurrence.schedule import Schedule


class JobState(StrEnum):
    """``COMPLETED`` and ``FAILED`` are derived, never stored: nothing is left to fire; and a one-time job's run failed.

    ``DELETED`` occurs in generations alone.
    """

    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Target:
    """What an attempt calls.

    Args:
        kind: The name of an adapter, such as ``http``.
        spec: The parameters of the kind, a JSON object that was checked against its model.
    """

    kind: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Definition:
    """The part of a job that its owner writes.

    Args:
        name: A name for people; it need not be unique, unless ``unique_name`` says so.
        schedule: When it fires; None for a job that runs once, when it is created.
        target: What it calls.
        priority: One of ``fleet.route.PRIORITIES``.
        precision: The tier.
        pool: The name of the pool whose workers run it.
        jitter_ms: The largest jitter (ms), a delay after the nominal time that differs at each occurrence.
        timeout_ms: How long (ms) one attempt may take.
        retry: What happens after a failure.
        misfire: What happens to occurrences that were missed.
        overlap: What happens to an execution while another one of the job has not ended.
        tags: Labels by which jobs are listed.
        window_ms: The width (ms) of the window after the nominal time in which the job has a fixed delay.
        deadline_ms: How long (ms) after its due time or redrive an execution may go on, with retries; 0: no limit.
        heartbeat_ms: How long (ms) a call may be silent before it is stopped; 0 for as long as its time-out.
        unique_name: Whether no other job of the tenant that asks for this may have the same name.
        unknown: What a newer release stored besides. This one keeps it, through edits too.
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
    unique_name: bool = False
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def holds_from(self, now_ms: int) -> int:
        """The first nominal time for which it holds if it is written now (both ms since the epoch)."""
        return now_ms if self.schedule is None else self.schedule.timing.holds_from(now_ms)


@dataclass(frozen=True, slots=True)
class Job:
    """The record of a job. Instants are ms since the epoch.

    Args:
        tenant: The tenant that it belongs to.
        id: The job's id.
        definition: Its definition.
        state: ``ACTIVE`` or ``PAUSED``.
        generation: From 1; raised by every edit, pause and resume.
        effective_from_ms: The nominal time from which this generation is valid; it never goes back.
        created_ms: When it was created.
        updated_ms: When this generation was written.
        request: Fingerprint of the request that created it under an idempotency key, else empty.
        created_by: The name of the principal who created it; empty for a job from before that was kept.
        updated_by: The name of the principal who wrote this generation; empty likewise.
        unknown: What a newer release stored beside all this, as the store holds it.
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
    created_by: str = ""
    updated_by: str = ""
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def route(self) -> Route:
        """The queue of its work."""
        return Route(self.definition.pool, self.definition.priority)

    def next_nominal(self, from_ms: int) -> int | None:
        """The first nominal time of this generation at or after ``from_ms`` (both ms since the epoch), or None."""
        schedule = self.definition.schedule
        if self.state is not JobState.ACTIVE or schedule is None:
            return None
        return schedule.first_from(max(from_ms, self.effective_from_ms))

    @property
    def occurrences(self) -> Occurrences:
        """The occurrences of this generation, of a job that has a schedule."""
        return Generation.of(self).occurrences(self.id)

    def due(self, nominal_ms: int) -> int:
        """The due time of a nominal time (both ms since the epoch): later by the job's window and jitter."""
        return self.occurrences.due(nominal_ms)

    def next_due(self, now_ms: int) -> int | None:
        """The nominal time of the first instant that is due at or after ``now_ms`` (ms since the epoch), or None.

        The nominal time itself may be past. A due time is always before the next nominal time, so due times have the
        order of nominal times.
        """
        spread_ms = self.definition.jitter_ms + self.definition.window_ms
        first = self.next_nominal(now_ms - spread_ms)
        if first is None or first >= now_ms:
            return first
        last = self.occurrences.last_before(now_ms, first)
        return last if self.due(last) >= now_ms else self.next_nominal(now_ms)

    def last_due(self) -> int | None:
        """The due time of the last instant of this generation (ms since the epoch).

        None if it fires without end. For a job that names no instant any more, when that was known.
        """
        schedule = self.definition.schedule
        if schedule is None:
            return self.created_ms
        last_ms = schedule.last_ms
        if last_ms is None:
            return None
        first = schedule.first_from(self.effective_from_ms)
        return self.effective_from_ms if first is None else self.due(self.occurrences.last_before(last_ms + 1, first))

    def state_at(self, now_ms: int) -> JobState:
        """The state to show: ``COMPLETED`` for an active job with nothing left to fire."""
        finished = self.state is JobState.ACTIVE and self.next_due(now_ms) is None
        return JobState.COMPLETED if finished else self.state

    def expires_ms(self) -> int | None:
        """When the record expires (ms since the epoch); None if the job is paused or fires without end."""
        if self.state is JobState.PAUSED:
            return None
        schedule = self.definition.schedule
        if schedule is None:
            return self.updated_ms + RETENTION_MS
        last_ms = schedule.last_ms
        spread_ms = self.definition.jitter_ms + self.definition.window_ms
        return None if last_ms is None else max(last_ms, self.updated_ms) + spread_ms + RETENTION_MS

    def row_expires_ms(self, following_ms: int) -> int | None:
        """When the row of this generation expires, once another follows from a time on (both ms since the epoch).

        None for the first one of a job that was created under an idempotency key: it stays for ever, also after the
        job's deletion, since whoever repeats that request must not create the job anew. No other id can occur twice.
        """
        if self.generation == 1 and self.request:
            return None
        return following_ms + GENERATION_RETENTION_MS

    def edited(self, definition: Definition, state: JobState, now_ms: int, by: str = "") -> Job:
        """The next generation, written at ``now_ms`` (ms since the epoch) and valid for nominal times from then on.

        What this release does not know of the definition stays as it is. ``by`` is the name of the principal who edits.
        """
        same = definition.schedule == self.definition.schedule
        from_ms = now_ms if same else definition.holds_from(now_ms)
        return replace(
            self,
            definition=replace(definition, unknown=self.definition.unknown),
            state=state,
            generation=self.generation + 1,
            effective_from_ms=max(from_ms, self.effective_from_ms),
            updated_ms=now_ms,
            updated_by=by,
        )

    def resumed(self, now_ms: int, by: str = "") -> Job:
        """The next generation of a paused job, written at ``now_ms`` (ms since the epoch), in which it fires again.

        It names the instants after that. The instant of a one-time job that passed while the job was paused is named as
        well: it was missed, and the misfire policy says whether it still runs.
        """
        again = self.edited(self.definition, JobState.ACTIVE, now_ms, by)
        schedule = self.definition.schedule
        if schedule is None or schedule.repeats:
            return again
        return replace(again, effective_from_ms=self.effective_from_ms)


@dataclass(frozen=True, slots=True)
class Generation:
    """The schedule of a job from one edit to the next, from which past instants are recomputed.

    Args:
        number: The number of the generation, from 1.
        state: ``ACTIVE``, ``PAUSED`` or ``DELETED``.
        schedule: Its schedule, or None.
        jitter_ms: The largest jitter (ms).
        effective_from_ms: The nominal time from which it was valid (ms since the epoch).
        window_ms: The width of its window (ms).
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
        """Its occurrences; it must have a schedule.

        Args:
            job: The job's id, on which jitter and window depend.
            cut_ms: The first nominal time of the next generation (ms since the epoch), or None.
        """
        assert self.schedule is not None
        return Occurrences(self.schedule, self.jitter_ms, job, cut_ms, self.window_ms)
