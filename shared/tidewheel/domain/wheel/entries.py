"""What rests in a slot: entries, as singles or in packs, and how they are encoded."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import FOREVER_MS, TRY_BOUND_MS
from tidewheel.domain.wheel.levels import Slot


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """An entry that stands for an occurrence of a job and, through it, for all that follow in its generation.

    Args:
        tenant: Whose job.
        job: Its id.
        generation: Under which generation of the job the entry was made.
        nominal_ms: The occurrence's nominal time (ms since the epoch).
        due_ms: Its due time (ms since the epoch).
    """

    tenant: str
    job: str
    generation: int
    nominal_ms: int
    due_ms: int

    @property
    def ref(self) -> str:
        """The part of its sort key that keeps two writers from overwriting each other."""
        return f"o{self.generation}"


@dataclass(frozen=True, slots=True)
class ExecutionEntry:
    """An entry that stands for an attempt of an execution that is on record: a retry, or a run on demand.

    Args:
        tenant: Whose execution.
        execution: Its id.
        attempt: Which attempt, 1 for the first.
        generation: Under which generation of the job the execution runs.
        due_ms: When the attempt is due (ms since the epoch).
        route: By which it is sent.
        precision: By which its release is chosen.
    """

    tenant: str
    execution: str
    attempt: int
    generation: int
    due_ms: int
    route: Route
    precision: Precision

    @classmethod
    def of(
        cls, record: Execution, job: Job, attempt: int, due_ms: int, precision: Precision = Precision.NORMAL
    ) -> ExecutionEntry:
        """The entry that brings an attempt of an execution at a time (ms)."""
        return cls(record.tenant, record.id, attempt, record.generation, due_ms, job.route, precision)

    @property
    def job(self) -> str:
        """The job's id."""
        return ExecutionId.parse(self.execution).job

    @property
    def ref(self) -> str:
        """The part of its sort key that keeps two writers from overwriting each other."""
        return f"w{self.execution}.{self.attempt}"


Entry = ScheduleEntry | ExecutionEntry


def single_key(entry: Entry) -> str:
    """Sort key of an entry that lies by itself: ordered by due time, unique to its writer's purpose."""
    return keys.single_sort(entry.due_ms, entry.tenant, entry.job, entry.ref)


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry with the slot it rests in.

    Args:
        slot: The slot.
        entry: The entry.
        send_by_ms: Until when (ms since the epoch) the request that writes it may be sent: what is sent later may land
            after the slot was loaded.
    """

    slot: Slot
    entry: Entry
    send_by_ms: int = field(default=FOREVER_MS, compare=False)

    @property
    def key(self) -> str:
        """Sort key of the single."""
        return single_key(self.entry)

    def is_too_late(self, now_ms: int) -> bool:
        """Whether it may not be sent any more (``now_ms``: ms since the epoch)."""
        return now_ms > self.send_by_ms

    def is_in_time(self, answered_ms: int) -> bool:
        """Whether a write that was answered at a time (ms since the epoch) surely landed before its slot was loaded."""
        return answered_ms <= self.send_by_ms + TRY_BOUND_MS


def encode(entry: Entry) -> str:
    """An entry as compact text: DynamoDB bills by the kilobyte."""
    parts: tuple[object, ...]
    if isinstance(entry, ScheduleEntry):
        delay = entry.due_ms - entry.nominal_ms
        parts = ("o", entry.tenant, entry.job, entry.generation, entry.nominal_ms, delay)
    else:
        tier = f"{entry.route}/{entry.precision}"
        parts = ("w", entry.tenant, entry.execution, entry.attempt, entry.generation, entry.due_ms, tier)
    return "|".join(str(part) for part in parts)


def decode(text: str) -> Entry:
    """The inverse of ``encode``.

    Raises:
        Unreadable: The text is no entry.
    """
    try:
        match text.split("|"):
            case ["o", tenant, job, generation, nominal, delay]:
                return ScheduleEntry(tenant, job, int(generation), int(nominal), int(nominal) + int(delay))
            case ["w", tenant, execution, attempt, generation, due, tier]:
                route, _, precision = tier.partition("/")
                ExecutionId.parse(execution)
                return ExecutionEntry(
                    tenant,
                    execution,
                    int(attempt),
                    int(generation),
                    int(due),
                    Route.parse(route),
                    Precision(precision),
                )
    except ValueError as error:
        raise Unreadable("wheel entry", text, str(error)) from error
    raise Unreadable("wheel entry", text, "unknown form")
