"""From a chain entry to its occurrences: what fires in a window, and what is armed after it. Pure planning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.job import Generation, Job, JobState
from tidewheel.domain.precision import Precision, release_ms
from tidewheel.domain.route import Route
from tidewheel.domain.schedule import due_of
from tidewheel.domain.wheel import Chain, Waiting


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One attempt on its way to a worker: what a queue message says.

    Args:
        tenant: Whose.
        execution: The execution's id, which holds job, nominal time and origin.
        attempt: 1 for the first.
        generation: The job's, by which the occurrence was named.
        due_ms: When it must start.
        recorded: Whether the execution has a record already (a retry, or a run asked for).
    """

    tenant: str
    execution: str
    attempt: int
    generation: int
    due_ms: int
    recorded: bool


@dataclass(frozen=True, slots=True)
class Firing:
    """A dispatch with the time and the place of its hand-over."""

    release_ms: int
    route: Route
    dispatch: Dispatch


class Drop(StrEnum):
    """Why an entry stood for nothing any more. None of them is an error."""

    DELETED = "deleted"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a chain entry comes to.

    Args:
        firings: The occurrences that fire from memory, in order.
        arm: The entry for the first occurrence after them, or None at the end of the chain.
        drop: Why there is nothing, if there is nothing.
    """

    firings: tuple[Firing, ...] = ()
    arm: Chain | None = None
    drop: Drop | None = None


def first_firing(job: Job, nominal_ms: int, *, recorded: bool) -> Firing:
    """The first attempt of the occurrence of a job at a nominal time."""
    return _firing(job, Chain(job.tenant, job.id, job.generation, nominal_ms, job.due(nominal_ms)), recorded=recorded)


def _firing(job: Job, chain: Chain, *, recorded: bool = False) -> Firing:
    execution = str(ExecutionId(chain.job, chain.nominal_ms))
    dispatch = Dispatch(chain.tenant, execution, 1, chain.generation, chain.due_ms, recorded)
    return Firing(release_ms(chain.due_ms, job.definition.precision), route_of(job), dispatch)


def route_of(job: Job) -> Route:
    """The queue of a job's work."""
    return Route(job.definition.pool, job.definition.priority)


def waiting_firing(entry: Waiting) -> Firing:
    """The attempt that a waiting entry stands for."""
    dispatch = Dispatch(entry.tenant, entry.execution, entry.attempt, entry.generation, entry.due_ms, recorded=True)
    tier = entry.precision if entry.attempt == 1 else Precision.NORMAL
    return Firing(release_ms(entry.due_ms, tier), entry.route, dispatch)


def needs_history(chain: Chain, job: Job) -> bool:
    """Whether generation rows are needed to say what the entry still stands for.

    An older generation's chain goes on up to the ``effective_from`` of the generation that followed it. Those
    never go back, so an entry past the newest one is past all of them.
    """
    return chain.generation < job.generation and chain.nominal_ms < job.effective_from_ms


def expand(chain: Chain, job: Job | None, history: Mapping[int, Generation], takes: Callable[[int], bool]) -> Expansion:
    """Plans a chain entry against the job it belongs to.

    Args:
        chain: The entry.
        job: The job's record, at least as new as the entry; None if the job is deleted.
        history: Generation rows by number; needed only where ``needs_history`` says so.
        takes: Whether the wheel still takes an entry due at a time (ms): the first occurrence of which that is
            true is armed, those before it fire from memory.
    """
    if job is None:
        return Expansion(drop=Drop.DELETED)
    definition, cut_ms = Generation.of(job), None
    if chain.generation < job.generation:
        following = history.get(chain.generation + 1)
        cut_ms = following.effective_from_ms if following else job.effective_from_ms
        definition = history.get(chain.generation, definition)
    superseded = cut_ms is not None and chain.nominal_ms >= cut_ms
    if superseded or definition.state is not JobState.ACTIVE or definition.schedule is None:
        return Expansion(drop=Drop.SUPERSEDED)
    return _walk(chain, job, definition, takes, cut_ms)


def _walk(
    chain: Chain, job: Job, definition: Generation, takes: Callable[[int], bool], cut_ms: int | None
) -> Expansion:
    schedule = definition.schedule
    assert schedule is not None
    firings: list[Firing] = []
    while not takes(chain.due_ms):
        firings.append(_firing(job, chain))
        nominal = schedule.next_after(chain.nominal_ms)
        if nominal is None or (cut_ms is not None and nominal >= cut_ms):
            return Expansion(tuple(firings))
        due = due_of(schedule, nominal, definition.jitter_ms, chain.job)
        chain = Chain(chain.tenant, chain.job, chain.generation, nominal, due)
    return Expansion(tuple(firings), chain)
