"""Expansion: the occurrences of a schedule entry that fire from memory, and the entry that is armed after them."""

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
    """A dispatch with the time and the route of its hand-over.

    Args:
        release_ms: From when (ms since the epoch) it may be sent.
        route: By which it is sent.
        dispatch: What is sent.
    """

    release_ms: int
    route: Route
    dispatch: Dispatch

    def delay_s(self, now_ms: int) -> int:
        """For how many whole seconds (s) the queue is to hide its message if it is sent now.

        A first attempt arrives up to a second early, since its worker holds it until it is due; a later one is not
        held, and arrives up to a second late. High precision is not handed over earlier than normal.

        Args:
            now_ms: The time (ms since the epoch).
        """
        return delay_s(max(self.release_ms, self.dispatch.due_ms), now_ms, held=self.dispatch.attempt == 1)


class Drop(StrEnum):
    """Why an entry stands for nothing any more. Neither is an error."""

    DELETED = "deleted"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a schedule entry comes to.

    Args:
        firings: The occurrences that fire from memory, in order.
        late: Those that fire as well, but are so late that what is due now goes before them; in order.
        missed: The range of those that will not run, its instants not yet counted; None if all run.
        schedule: The schedule by which the missed ones can be counted; None if all run.
        arm: The entry for the first occurrence after them; None if the schedule, or its generation, ends there.
        drop: Why the entry stands for nothing; None if it stands for something.
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


def _firing(job: Job, entry: ScheduleEntry, *, recorded: bool = False) -> Firing:
    execution = str(ExecutionId(entry.job, entry.nominal_ms))
    dispatch = Dispatch(entry.tenant, execution, 1, entry.generation, entry.due_ms, recorded)
    return Firing(release_ms(entry.due_ms, job.definition.precision), job.route, dispatch)


def execution_firing(entry: ExecutionEntry) -> Firing:
    """The attempt that an execution entry stands for."""
    dispatch = Dispatch(entry.tenant, entry.execution, entry.attempt, entry.generation, entry.due_ms, recorded=True)
    tier = entry.precision if entry.attempt == 1 else Precision.NORMAL
    return Firing(release_ms(entry.due_ms, tier), entry.route, dispatch)


def needs_history(entry: ScheduleEntry, job: Job) -> bool:
    """Whether generation rows are needed to say what the entry still stands for.

    The occurrences of an older generation go on up to the ``effective_from`` of the generation that followed it. That
    instant never goes back from one generation to the next, so an entry past the newest one is past all of them.
    """
    return entry.generation < job.generation and entry.nominal_ms < job.effective_from_ms


def expand(
    entry: ScheduleEntry,
    job: Job | None,
    history: Mapping[int, Generation],
    takes: Callable[[int], bool],
    now_ms: int,
    handed_ms: int = 0,
) -> Expansion:
    """Plans a schedule entry by the job that it belongs to.

    Args:
        entry: The entry.
        job: The job's record, at least as new as the entry; None if the job is deleted.
        history: Generation rows by number; needed only where ``needs_history`` says so.
        takes: Whether the wheel still takes an entry that is due at a time (ms since the epoch): the first occurrence
            to come for which that is so is armed, those before it fire from memory.
        now_ms: The time (ms since the epoch), by which occurrences are missed or not.
        handed_ms: The due time (ms since the epoch) up to which the entry's occurrences are known to be handed over.
    """
    if job is None:
        return Expansion(drop=Drop.DELETED)
    definition, cut_ms = Generation.of(job), None
    if entry.generation < job.generation:
        following = history.get(entry.generation + 1)
        cut_ms = following.effective_from_ms if following else job.effective_from_ms
        definition = history.get(entry.generation, definition)
    superseded = cut_ms is not None and entry.nominal_ms >= cut_ms
    if superseded or definition.state is not JobState.ACTIVE or definition.schedule is None:
        return Expansion(drop=Drop.SUPERSEDED)
    occurrences = definition.occurrences(entry.job, cut_ms)
    first = occurrences.due_after(handed_ms, entry.nominal_ms)
    return Expansion() if first is None else _planned(_at(entry, occurrences, first), job, occurrences, takes, now_ms)


def _planned(
    entry: ScheduleEntry, job: Job, occurrences: Occurrences, takes: Callable[[int], bool], now_ms: int
) -> Expansion:
    plan = judged(occurrences, entry.nominal_ms, job.definition.misfire, now_ms)
    late = [_firing(job, _at(entry, occurrences, nominal)) for nominal in plan.late]
    missed = None
    if plan.skipped:
        missed = Missed(
            entry.tenant,
            entry.job,
            entry.generation,
            *plan.skipped,
            None,
            plan.reason,
            now_ms,
        )
    live, arm = _live_and_next(entry, occurrences, plan.live, takes, now_ms)
    firings = [_firing(job, one) for one in live]
    overdue = [one for one in firings if one.dispatch.due_ms < now_ms - GRACE_MS]
    return Expansion(
        tuple(firings[len(overdue) :]), (*late, *overdue), missed, occurrences.schedule if missed else None, arm
    )


def _live_and_next(
    entry: ScheduleEntry,
    occurrences: Occurrences,
    nominal_ms: int | None,
    takes: Callable[[int], bool],
    now_ms: int,
) -> tuple[list[ScheduleEntry], ScheduleEntry | None]:
    """The occurrences from a nominal time on that fire from memory, and the entry to be armed after them.

    One that is due already is never armed: its slot may be far back in the backlog, and by the time that is loaded the
    occurrence could count as missed.
    """
    live: list[ScheduleEntry] = []
    while nominal_ms is not None:
        following = _at(entry, occurrences, nominal_ms)
        if following.due_ms > now_ms and takes(following.due_ms):
            return live, following
        live.append(following)
        nominal_ms = occurrences.after(nominal_ms)
    return live, None


def _at(entry: ScheduleEntry, occurrences: Occurrences, nominal_ms: int) -> ScheduleEntry:
    if nominal_ms == entry.nominal_ms:
        return entry
    return ScheduleEntry(entry.tenant, entry.job, entry.generation, nominal_ms, occurrences.due(nominal_ms))
