"""From a chain entry to its occurrences: what fires in a window, and what is armed after it. Pure planning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.misfire import Missed, judged
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Generation, Job, JobState
from tidewheel.domain.jobs.precision import Precision, release_ms
from tidewheel.domain.limits import GRACE_MS
from tidewheel.domain.recurrence.occurrences import Occurrences
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.wheel.entries import ExecutionEntry, ScheduleEntry
from tidewheel.domain.wheel.pace import delay_s


@dataclass(frozen=True, slots=True)
class Firing:
    """A dispatch with the time and the place of its hand-over."""

    release_ms: int
    route: Route
    dispatch: Dispatch

    def delay_s(self, now_ms: int) -> int:
        """For how many whole seconds its message is to be hidden if it is sent now (ms).

        A first attempt comes up to a second early, since its worker holds it until it is due; a later one is not
        held, and comes up to a second late. High precision is not handed over earlier than normal.
        """
        return delay_s(max(self.release_ms, self.dispatch.due_ms), now_ms, held=self.dispatch.attempt == 1)


class Drop(StrEnum):
    """Why an entry stood for nothing any more. None of them is an error."""

    DELETED = "deleted"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a chain entry comes to.

    Args:
        firings: The occurrences that fire from memory, in order.
        late: Those that fire as well, but are so late that what is due now goes before them; in order.
        missed: The range of those that will not run, its instants not yet counted; None if all run.
        schedule: The schedule by which they can be counted.
        arm: The entry for the first occurrence after them, or None at the end of the chain.
        drop: Why there is nothing, if there is nothing.
    """

    firings: tuple[Firing, ...] = ()
    late: tuple[Firing, ...] = ()
    missed: Missed | None = None
    schedule: Schedule | None = None
    arm: ScheduleEntry | None = None
    drop: Drop | None = None


def first_firing(job: Job, nominal_ms: int, *, recorded: bool) -> Firing:
    """The first attempt of the occurrence of a job at a nominal time."""
    return _firing(
        job, ScheduleEntry(job.tenant, job.id, job.generation, nominal_ms, job.due(nominal_ms)), recorded=recorded
    )


def _firing(job: Job, schedule_entry: ScheduleEntry, *, recorded: bool = False) -> Firing:
    execution = str(ExecutionId(schedule_entry.job, schedule_entry.nominal_ms))
    dispatch = Dispatch(schedule_entry.tenant, execution, 1, schedule_entry.generation, schedule_entry.due_ms, recorded)
    return Firing(release_ms(schedule_entry.due_ms, job.definition.precision), job.route, dispatch)


def execution_firing(entry: ExecutionEntry) -> Firing:
    """The attempt that a waiting entry stands for."""
    dispatch = Dispatch(entry.tenant, entry.execution, entry.attempt, entry.generation, entry.due_ms, recorded=True)
    tier = entry.precision if entry.attempt == 1 else Precision.NORMAL
    return Firing(release_ms(entry.due_ms, tier), entry.route, dispatch)


def needs_history(schedule_entry: ScheduleEntry, job: Job) -> bool:
    """Whether generation rows are needed to say what the entry still stands for.

    An older generation's chain goes on up to the ``effective_from`` of the generation that followed it. Those
    never go back, so an entry past the newest one is past all of them.
    """
    return schedule_entry.generation < job.generation and schedule_entry.nominal_ms < job.effective_from_ms


def expand(
    schedule_entry: ScheduleEntry,
    job: Job | None,
    history: Mapping[int, Generation],
    takes: Callable[[int], bool],
    now_ms: int,
    handed_ms: int = 0,
) -> Expansion:
    """Plans a chain entry against the job it belongs to.

    Args:
        schedule_entry: The entry.
        job: The job's record, at least as new as the entry; None if the job is deleted.
        history: Generation rows by number; needed only where ``needs_history`` says so.
        takes: Whether the wheel still takes an entry due at a time (ms): the first occurrence to come of which
            that is true is armed, those before it fire from memory.
        now_ms: The time, by which occurrences are missed or not.
        handed_ms: The due time (ms) up to which the entry's occurrences are known to be handed on.
    """
    if job is None:
        return Expansion(drop=Drop.DELETED)
    definition, cut_ms = Generation.of(job), None
    if schedule_entry.generation < job.generation:
        following = history.get(schedule_entry.generation + 1)
        cut_ms = following.effective_from_ms if following else job.effective_from_ms
        definition = history.get(schedule_entry.generation, definition)
    superseded = cut_ms is not None and schedule_entry.nominal_ms >= cut_ms
    if superseded or definition.state is not JobState.ACTIVE or definition.schedule is None:
        return Expansion(drop=Drop.SUPERSEDED)
    occurrences = definition.occurrences(schedule_entry.job, cut_ms)
    first = occurrences.due_after(handed_ms, schedule_entry.nominal_ms)
    return (
        Expansion()
        if first is None
        else _planned(_at(schedule_entry, occurrences, first), job, occurrences, takes, now_ms)
    )


def _planned(
    schedule_entry: ScheduleEntry, job: Job, occurrences: Occurrences, takes: Callable[[int], bool], now_ms: int
) -> Expansion:
    verdict = judged(occurrences, schedule_entry.nominal_ms, job.definition.misfire, now_ms)
    late = [_firing(job, _at(schedule_entry, occurrences, nominal)) for nominal in verdict.late]
    missed = None
    if verdict.skipped:
        missed = Missed(
            schedule_entry.tenant,
            schedule_entry.job,
            schedule_entry.generation,
            *verdict.skipped,
            None,
            verdict.reason,
            now_ms,
        )
    live, arm = _walked(schedule_entry, occurrences, verdict.live, takes, now_ms)
    firings = [_firing(job, one) for one in live]
    overdue = [one for one in firings if one.dispatch.due_ms < now_ms - GRACE_MS]
    return Expansion(
        tuple(firings[len(overdue) :]), (*late, *overdue), missed, occurrences.schedule if missed else None, arm
    )


def _walked(
    schedule_entry: ScheduleEntry,
    occurrences: Occurrences,
    nominal_ms: int | None,
    takes: Callable[[int], bool],
    now_ms: int,
) -> tuple[list[ScheduleEntry], ScheduleEntry | None]:
    """The occurrences from a nominal time on that fire from memory, and the entry to be armed after them.

    One that is due already is never armed: its slot may be far back in the backlog, and when that is loaded it
    could have become a misfire of its own.
    """
    live: list[ScheduleEntry] = []
    while nominal_ms is not None:
        entry = _at(schedule_entry, occurrences, nominal_ms)
        if entry.due_ms > now_ms and takes(entry.due_ms):
            return live, entry
        live.append(entry)
        nominal_ms = occurrences.after(nominal_ms)
    return live, None


def _at(schedule_entry: ScheduleEntry, occurrences: Occurrences, nominal_ms: int) -> ScheduleEntry:
    if nominal_ms == schedule_entry.nominal_ms:
        return schedule_entry
    return ScheduleEntry(
        schedule_entry.tenant, schedule_entry.job, schedule_entry.generation, nominal_ms, occurrences.due(nominal_ms)
    )
