"""A tenant's line: the executions that wait for one of its permits, by priority, then by how long they wait.

Whoever returns a permit gives it to the next in line (``choose``). An entry is only a reminder: whether an execution
still waits is what its record says (``is_over``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tidewheel.domain import keys
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import Result, is_end
from tidewheel.domain.fleet.route import PRIORITIES, Route
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import LINE_SPREAD, LINE_SPREAD_MS
from tidewheel.domain.permits.permit import Grant, Permit
from tidewheel.domain.wheel.entries import ExecutionEntry

LimitedBy = Literal["running_at_once", "tenant_concurrency"]
"""What says how many executions of a tenant run at once: a limit of its plan, or the deployment's setting."""


@dataclass(frozen=True, slots=True)
class LineEntry:
    """An execution that waits for a permit. Its key follows from all but the last four: a copy of its message that
    stands in line as well replaces it.

    Args:
        tenant: Whose execution.
        execution: Its id.
        attempt: Which attempt waits.
        rank: The place of its priority in ``route.PRIORITIES``: 0 goes first.
        since_ms: Since when it waits (ms since the epoch).
        redriven_ms: When it was redriven last (ms since the epoch); 0 for never.
        generation: Under which generation of the job it runs.
        due_ms: When it is due (ms since the epoch).
        route: By which it is woken.
        mark: Another one at each write, so that whoever removes an entry removes the one that was read.
    """

    tenant: str
    execution: str
    attempt: int
    rank: int
    since_ms: int
    redriven_ms: int
    generation: int
    due_ms: int
    route: Route
    mark: str = ""

    @classmethod
    def of(cls, record: Execution, job: Job, attempt: int) -> LineEntry:
        """The entry of an execution, by its record or the blank one, whose ``attempt`` is to be claimed."""
        return cls(
            record.tenant,
            record.id,
            attempt,
            PRIORITIES.index(job.route.priority),
            waits_since_ms(record),
            record.redriven_ms or 0,
            record.generation,
            record.due_ms,
            job.route,
        )

    @property
    def key(self) -> str:
        """Its sort key: its place in the line."""
        return keys.line_sort(self.rank, self.since_ms, self.execution, self.attempt)

    def wake(self, grant: Grant) -> Dispatch:
        """The message that brings it back with a permit. It may have a record by now."""
        return Dispatch(
            self.tenant, self.execution, self.attempt, self.generation, self.due_ms, recorded=True, grant=grant
        )

    def blank(self) -> Execution:
        """The record of an execution that has none yet, because it waits for its first attempt (version 0)."""
        return self.wake(Grant(0, "", 0)).blank()

    def on_the_wheel(self, due_ms: int) -> ExecutionEntry:
        """The wheel's entry that brings the same attempt at a time (ms since the epoch)."""
        normal = Precision.NORMAL
        return ExecutionEntry(self.tenant, self.execution, self.attempt, self.generation, due_ms, self.route, normal)

    def is_named_by(self, permit: Permit) -> bool:
        """Whether a permit was given to it."""
        named = (permit.execution, permit.attempt, permit.redriven_ms)
        return named == (self.execution, self.attempt, self.redriven_ms)

    def is_over(self, record: Execution | None) -> bool:
        """Whether its execution does not wait any more, by its record."""
        if record is None:
            return False
        redriven = (record.redriven_ms or 0) > self.redriven_ms
        return is_end(record.state) or redriven or record.attempt >= self.attempt


@dataclass(frozen=True, slots=True)
class LinePosition:
    """An execution's place in its tenant's line.

    Args:
        entry: Its entry.
        position: Its place, from 1: how many permits are given away until it gets one, at most.
        limit: How many of the tenant's executions may run at once.
        limited_by: What says so.
        start_ms: When its start is to be expected at the earliest (ms since the epoch): see ``earliest_start_ms``.
    """

    entry: LineEntry
    position: int
    limit: int
    limited_by: LimitedBy
    start_ms: int

    @property
    def reason(self) -> str:
        """For what it waits, for people."""
        waits = f"waits until fewer than {self.limit} executions of its tenant run"
        return f"{waits} ({self.limited_by}); {self.position} in line"


@dataclass(frozen=True, slots=True)
class Announced:
    """A tenant whose line may have somebody in it.

    Args:
        tenant: Which.
        limit: How many of its executions may run at once, as those who wait know it.
        mark: Another one at each write.
    """

    tenant: str
    limit: int
    mark: str = ""


def waits_since_ms(record: Execution) -> int:
    """Since when an execution waits (ms since the epoch): its due time, its redrive, or the end of its last attempt.

    One that was handed over by a worker that had to end keeps its place.
    """
    counted = [each for each in record.attempts if each.result is not Result.HANDED_OVER]
    ended_ms = counted[-1].finished_ms if counted else 0
    return max(record.due_ms, record.redriven_ms or 0, ended_ms)


def choose(entries: Iterable[LineEntry], number: int, limit: int) -> LineEntry | None:
    """Who gets a permit: the first in line, or one that has waited as long to within ``limits.LINE_SPREAD_MS``.

    Many permits are often returned at once, by workers that all read the same beginning of the line. Each prefers
    those that its permit's number falls to, so that few of them choose the same one. One permit: the first in line.

    Args:
        entries: The beginning of the line, in order.
        number: The permit's number.
        limit: How many permits there are.
    """
    waiting = list(entries)
    if not waiting:
        return None
    first = waiting[0]
    equal = [each for each in waiting if each.rank == first.rank and each.since_ms <= first.since_ms + LINE_SPREAD_MS]
    parts = max(1, min(limit, LINE_SPREAD))
    own = [each for each in equal if stable_hash(each.execution) % parts == number % parts]
    return (own or [equal[number % len(equal)]])[0]


def earliest_start_ms(position: int, permits: Sequence[Permit], limit: int, now_ms: int) -> int:
    """When an execution in line may start (ms since the epoch), if what runs ends as it has run so far.

    An estimate from what is known without a history: a run that is met at a random moment has, on the average, as
    long before it as it has behind it. One permit is then returned in every ``age / limit``.

    Args:
        position: Its place in line, from 1.
        permits: The tenant's permits, as stored.
        limit: How many there are.
        now_ms: The time (ms since the epoch).
    """
    ages = [max(0, now_ms - permit.since_ms) for permit in permits if permit.holder and permit.since_ms]
    mean_ms = sum(ages) // len(ages) if ages else 0
    return now_ms + position * mean_ms // max(1, limit)
