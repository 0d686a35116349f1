"""The ledger's flow: reads what a job's schedule was and what became of it, and compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidewheel.domain import keys
from tidewheel.domain.errors import Invalid, NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.ledger import MISSING, LedgerEntry, accounted, named
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import DAY_MS, MAX_LEDGER, RETENTION_MS
from tidewheel.ports import Clock, Executions, Jobs

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Report:
    """The accounts of a stretch of time, [from, until) in ms."""

    from_ms: int
    until_ms: int
    lines: Sequence[LedgerEntry]

    @property
    def missing(self) -> int:
        """How many instants lack an account."""
        return sum(line.state == MISSING for line in self.lines)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Accounts for the instants of jobs."""

    jobs: Jobs
    executions: Executions
    clock: Clock

    def of(self, tenant: str, id: str, from_ms: int | None, until_ms: int | None) -> Report:
        """How each instant of a job is accounted for.

        Args:
            tenant: Whose.
            id: The job.
            from_ms: Where to begin (ms); None for a day before the end, or the job's creation.
            until_ms: Where to end (ms), exclusive; None for now.

        Raises:
            NotFound: There is no such job.
            Invalid: The time is no time, reaches further back than executions are kept, or holds more than
                ``limits.MAX_LEDGER`` instants.
        """
        now = self.clock.now_ms()
        job = self.jobs.get(tenant, id, consistent=True)
        if job is None:
            raise NotFound("job", tenant, id)
        start, until = _bounds(job, from_ms, until_ms, now)
        generations = self.jobs.generations(tenant, id, 1).values()
        instants = named(generations, id, start, until, MAX_LEDGER)
        if not instants:
            return Report(start, until, [])
        rows = self.executions.missed(tenant, id, start, until)
        return Report(start, until, accounted(instants, self._executions(job, start, until), rows, now))

    def _executions(self, job: Job, from_ms: int, until_ms: int) -> dict[int, Execution]:
        """The runs that the schedule named, by nominal time; read backwards, page by page."""
        found: dict[int, Execution] = {}
        before: str | None = keys.execution_bound(job.id, until_ms)
        begin = keys.execution_bound(job.id, from_ms)
        while before is not None and before > begin:
            page = self.executions.list(job.tenant, job.id, _PAGE, before)
            for item in page.items:
                if isinstance(item, Execution) and ExecutionId.parse(item.id).origin is Origin.SCHEDULE:
                    found[item.nominal_ms] = item
            before = page.cursor
        return found


def _bounds(job: Job, from_ms: int | None, until_ms: int | None, now: int) -> tuple[int, int]:
    until = now if until_ms is None else until_ms
    oldest = now - RETENTION_MS
    start = max(job.created_ms, oldest, until - DAY_MS) if from_ms is None else from_ms
    if start < oldest:
        raise Invalid("from", "executions of that time are no longer kept", "begin within the last 30 days")
    if from_ms is not None and start >= until:
        raise Invalid("from", "is not before the end", "put it before `to`, which is now unless given")
    return start, max(start, until)
