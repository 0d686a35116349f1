"""Runs across jobs, by state and time. No index of them is written: that would cost a write for each run."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.states import DEAD_LETTERS, State
from tidewheel.domain.jobs.listing import ALL, Listing
from tidewheel.domain.limits import MAX_PAGE
from tidewheel.engine.api.lists import Listed, report_unreadable
from tidewheel.ports import Executions, Jobs, Page, Telemetry

Run = Execution | Missed
_HEAD, _PAGE = 10, 50  # records of a job that are read at first, and whenever more of it are needed
_LOOKS = 2_000
"""Records that one request looks at."""
_GROUPS = 5
"""Groups of jobs that one request looks at."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are asked for.

    Args:
        states: In which states; empty for any.
        from_ms: From when on (ms since the epoch).
        until_ms: Until when (ms since the epoch), exclusive.
        job: Of which job; empty for all of the tenant.
    """

    states: frozenset[State]
    from_ms: int
    until_ms: int
    job: str = ""

    @property
    def by_end(self) -> bool:
        """Whether the index of dead letters answers it, which goes by when a run ended."""
        return bool(self.states) and self.states <= DEAD_LETTERS and not self.job

    def matches(self, run: Run) -> bool:
        """Whether a run is in one of the states; a range of instants that did not run is skipped."""
        state = run.state if isinstance(run, Execution) else State.SKIPPED
        return not self.states or state in self.states


@dataclass(frozen=True, slots=True)
class RunPosition:
    """Where a list of runs goes on.

    Args:
        group: The place in the list of all jobs after which the group of jobs begins; empty for the first.
        run: The last run that was looked at: what ``_order`` makes of it; empty at the group's beginning.
    """

    group: str = ""
    run: str = ""

    def __str__(self) -> str:
        return f"{self.group}|{self.run}"

    @classmethod
    def parse(cls, text: str) -> RunPosition:
        """The inverse of ``str``."""
        group, _, run = text.partition("|")
        return cls(group, run)


def _order(run: Run) -> str:
    """Runs in the order of this text are in the order of their nominal times."""
    nominal_ms = run.nominal_ms if isinstance(run, Execution) else run.from_ms
    return f"{nominal_ms:015d} {run.id}"


@dataclass(frozen=True, slots=True)
class RunSearch:
    """Lists runs. Every method raises ``PortError`` when a store fails.

    Args:
        jobs: The lists of jobs.
        executions: Their runs.
        telemetry: Told of records that cannot be read.
    """

    jobs: Jobs
    executions: Executions
    telemetry: Telemetry

    def listed(self, tenant: str, asked: RunFilter, limit: int, after: str | None) -> Listed[Run]:
        """A page of runs. It may be shorter than the limit, or empty, though others follow.

        Dead letters come by their end, the last first; others by nominal time, the newest first. Of a tenant with more
        than ``limits.MAX_PAGE`` jobs the latter come in groups of so many jobs, those of the newest jobs first.
        """
        if asked.by_end:
            return self._ended(tenant, asked, limit, after)
        return _Walk(self, tenant, asked, limit).listed(RunPosition.parse(after or ""))

    def _ended(self, tenant: str, asked: RunFilter, limit: int, after: str | None) -> Listed[Run]:
        found: list[Run] = []
        cursor: str | None = min(after or keys.LAST, keys.failure_sort(asked.until_ms, ""))
        for _ in range(_GROUPS):
            page = self.executions.dead(tenant, MAX_PAGE, cursor)
            report_unreadable(page, self.telemetry)
            for run in page.items:
                if (run.finished_ms or 0) < asked.from_ms:
                    return Listed(found, None, _failure_key)
                found += [run] if asked.matches(run) else []
                if len(found) == limit:
                    return Listed(found, run.failure_key, _failure_key)
            cursor = page.cursor
            if cursor is None:
                break
        return Listed(found, cursor, _failure_key)


def _failure_key(run: Run) -> str:
    return run.failure_key if isinstance(run, Execution) else ""


@dataclass(slots=True)
class _Walk:
    """One request's way through the runs of a tenant's jobs."""

    search: RunSearch
    tenant: str
    asked: RunFilter
    limit: int
    found: list[Run] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    looked: int = 0

    def listed(self, begin: RunPosition) -> Listed[Run]:
        """The page that begins at a position."""
        position: RunPosition | None = begin
        for _ in range(_GROUPS):
            if position is None:
                break
            position = self._group(position)
            if len(self.found) == self.limit or self.looked >= _LOOKS:
                break
        return Listed(self.found, None if position is None else str(position), lambda run: self.places[run.id])

    def _group(self, begin: RunPosition) -> RunPosition | None:
        """Looks at the runs of a group of jobs; returns where to go on, None at the end."""
        ids, following = self._jobs(begin.group)
        for run in self._merged(ids, begin.run):
            order = _order(run)
            if begin.run and order >= begin.run:
                continue
            self.looked += 1
            here = RunPosition(begin.group, order)
            if self.asked.matches(run):
                self.found.append(run)
                self.places[run.id] = str(here)
            if len(self.found) == self.limit or self.looked >= _LOOKS:
                return here
        return None if following is None else RunPosition(following)

    def _jobs(self, group: str) -> tuple[Sequence[str], str | None]:
        if self.asked.job:
            return [self.asked.job], None
        page = self.search.jobs.listed(self.tenant, Listing(ALL), MAX_PAGE, group or None)
        report_unreadable(page, self.search.telemetry)
        return [job.id for job in page.items], page.cursor

    def _merged(self, jobs: Collection[str], before: str) -> Iterator[Run]:
        """The runs of some jobs in the asked time, the newest nominal time first."""
        until_ms = min(self.asked.until_ms, int(before.partition(" ")[0]) + 1) if before else self.asked.until_ms
        bounds = {job: keys.execution_bound(job, until_ms) for job in jobs}
        heads = self.search.executions.heads(self.tenant, bounds, _HEAD)
        return heapq.merge(*(self._runs(job, page) for job, page in heads.items()), key=_order, reverse=True)

    def _runs(self, job: str, page: Page[Run]) -> Iterator[Run]:
        bound = keys.execution_bound(job, self.asked.from_ms)
        while True:
            report_unreadable(page, self.search.telemetry)
            for run in page.items:
                if run.id < bound:
                    return
                yield run
            if page.cursor is None:
                return
            page = self.search.executions.list(self.tenant, job, _PAGE, page.cursor)
