"""The ledger: the instants that a job's generations named, recomputed, and what became of each. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice, zip_longest

from tidewheel.domain.errors import Invalid
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Generation, JobState
from tidewheel.domain.limits import SETTLED_MS

PENDING = "pending"
"""The instant is in the future, or was due so recently that its account may not be stored yet."""
PAUSED = "paused"
"""The instant of a one-time job passed while the job was paused; once it is resumed its misfire policy decides."""
MISSING = "missing"
"""The instant has no account: neither an execution nor a row."""


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant that a generation named: its nominal time and its due time (ms since the epoch)."""

    nominal_ms: int
    due_ms: int
    generation: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What became of an instant.

    Args:
        instant: The instant.
        state: The state of its execution, ``skipped`` if a row covers it, ``PENDING``, ``PAUSED`` or ``MISSING``.
        reason: The reason of the execution or the row.
        execution: The execution's id; of a pending instant the id that it will have, by which it can be cancelled;
            else None.
    """

    instant: Instant
    state: str
    reason: str = ""
    execution: str | None = None


def named(rows: Iterable[Generation], job: str, from_ms: int, until_ms: int, most: int) -> list[Instant]:
    """The instants of [from, until) that a job's generations named, in order.

    Args:
        rows: All generations, by number; each ends where the next one takes effect.
        job: The job's id, on which jitter depends.
        from_ms: The beginning (ms since the epoch).
        until_ms: The end (ms since the epoch), exclusive.
        most: How many instants are allowed.

    Raises:
        Invalid: For the field ``to``, if there are more.
    """
    found = list(islice(_named(list(rows), job, from_ms, until_ms), most + 1))
    if len(found) > most:
        problem = f"the job's schedule named more than {most} instants in that time"
        raise Invalid("to", problem, "ask for a shorter time")
    return found


def _named(rows: Sequence[Generation], job: str, from_ms: int, until_ms: int) -> Iterator[Instant]:
    for row, following in zip_longest(rows, rows[1:]):
        if row.state is not JobState.ACTIVE or row.schedule is None:
            continue
        cut_ms = min(until_ms, following.effective_from_ms) if following else until_ms
        occurrences = row.occurrences(job)
        nominal = row.schedule.first_from(max(from_ms, row.effective_from_ms))
        while nominal is not None and nominal < cut_ms:
            yield Instant(nominal, occurrences.due(nominal), row.number)
            nominal = row.schedule.next_after(nominal)


def paused_over(rows: Sequence[Generation], job: str, from_ms: int, until_ms: int) -> Iterator[Instant]:
    """The instants of [from, until) that a one-time schedule would have named had the job not been paused, in order.

    A paused generation names nothing; but nobody expects a one-time job to vanish without a trace.
    """
    for row, following in zip_longest(rows, rows[1:]):
        if row.state is not JobState.PAUSED or row.schedule is None or row.schedule.repeats:
            continue
        cut_ms = min(until_ms, following.effective_from_ms) if following else until_ms
        nominal = row.schedule.first_from(max(from_ms, row.effective_from_ms))
        if nominal is not None and nominal < cut_ms:
            yield Instant(nominal, row.occurrences(job).due(nominal), row.number)


def coming(rows: Sequence[Generation], job: str, now_ms: int) -> Iterator[Instant]:
    """The instants that are due at or after ``now_ms`` (ms since the epoch), by due time: what will fire.

    One that a former generation named before the next took effect still fires, though its due time is later than that.

    Args:
        rows: The generations by number, at least all that may have such an instant, and all that followed them.
        job: The job's id, on which window and jitter depend.
        now_ms: The time.
    """
    parts = (_coming(row, following, job, now_ms) for row, following in zip_longest(rows, rows[1:]))
    return merge(*parts, key=lambda instant: instant.due_ms)


def _coming(row: Generation, following: Generation | None, job: str, now_ms: int) -> Iterator[Instant]:
    if row.state is not JobState.ACTIVE or row.schedule is None:
        return
    cut_ms = following.effective_from_ms if following else None
    first = row.schedule.first_from(max(row.effective_from_ms, now_ms - row.jitter_ms - row.window_ms))
    if first is None or (cut_ms is not None and first >= cut_ms):
        return
    occurrences = row.occurrences(job, cut_ms)
    nominal = occurrences.due_after(now_ms - 1, first)
    while nominal is not None:
        yield Instant(nominal, occurrences.due(nominal), row.number)
        nominal = occurrences.after(nominal)


def accounted(
    job: str, instants: Iterable[Instant], executions: Mapping[int, Execution], rows: Sequence[Missed], now_ms: int
) -> list[LedgerEntry]:
    """An entry for each instant. An execution outranks a row.

    Args:
        job: The job's id.
        instants: The instants that were named.
        executions: The scheduled executions, by nominal time (ms since the epoch).
        rows: The rows of missed instants.
        now_ms: The time (ms since the epoch).
    """
    return [_entry(job, instant, executions.get(instant.nominal_ms), rows, now_ms) for instant in instants]


def resting(instants: Iterable[Instant], executions: Mapping[int, Execution]) -> list[LedgerEntry]:
    """An entry for each instant that passed while its job was paused, unless its execution was cancelled ahead."""
    reason = "its job was paused then; the misfire policy decides when it is resumed"
    return [LedgerEntry(instant, PAUSED, reason) for instant in instants if instant.nominal_ms not in executions]


def _entry(job: str, instant: Instant, execution: Execution | None, rows: Sequence[Missed], now_ms: int) -> LedgerEntry:
    if execution is not None:
        return LedgerEntry(instant, execution.state, execution.reason, execution.id)
    for row in rows:
        if row.from_ms <= instant.nominal_ms <= row.until_ms:
            return LedgerEntry(instant, State.SKIPPED, row.reason)
    if instant.due_ms <= now_ms - SETTLED_MS:
        return LedgerEntry(instant, MISSING)
    return LedgerEntry(instant, PENDING, execution=str(ExecutionId(job, instant.nominal_ms)))


def in_line(entry: LedgerEntry, job: str, waiting: Container[str]) -> LedgerEntry:
    """The account of an instant; queued if it has none and its execution, which has no record yet, waits for a permit.

    Args:
        entry: The account as far as the records say.
        job: The job's id.
        waiting: The ids of the executions that wait for a permit.
    """
    id = str(ExecutionId(job, entry.instant.nominal_ms))
    if entry.state != MISSING or id not in waiting:
        return entry
    return LedgerEntry(entry.instant, State.QUEUED, "waits in line for a permit of its tenant", id)


def standing(items: Sequence[Execution | Missed]) -> list[Execution | Missed]:
    """A part of a job's history without the rows whose every instant has an execution in it.

    A scheduler that repeats a slot does not know what its predecessor dispatched, and may record that as missed.
    """
    ran = [id.nominal_ms for id in map(_id_of, items) if id is not None and id.origin is Origin.SCHEDULE]
    return [item for item in items if not (isinstance(item, Missed) and _outranked(item, ran))]


def _id_of(item: Execution | Missed) -> ExecutionId | None:
    return ExecutionId.parse(item.id) if isinstance(item, Execution) else None


def _outranked(row: Missed, ran: Iterable[int]) -> bool:
    return row.count is not None and sum(row.from_ms <= nominal <= row.until_ms for nominal in ran) >= row.count
