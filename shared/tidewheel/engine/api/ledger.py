"""The ledger of a job: every instant that its schedule named, with the account of what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidewheel.domain.errors import Invalid
from tidewheel.domain.executions.ledger import MISSING, LedgerEntry, accounted, in_line, named, paused_over, resting
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import DAY_MS, MAX_LEDGER, RETENTION_MS
from tidewheel.engine.api.lookup import existing_job, scheduled_runs
from tidewheel.engine.permits.view import LineView
from tidewheel.ports import Clock, Executions, Jobs


@dataclass(frozen=True, slots=True)
class Report:
    """The accounts of the instants in [from_ms, until_ms), in ms since the epoch."""

    from_ms: int
    until_ms: int
    lines: Sequence[LedgerEntry]

    @property
    def missing(self) -> int:
        """How many instants have no account."""
        return sum(line.state == MISSING for line in self.lines)


@dataclass(frozen=True, slots=True)
class LedgerService:
    """Compares what a job's generations named with what is recorded.

    Args:
        jobs: The jobs and their generations.
        executions: The records, and the rows of missed instants.
        clock: Reads the time.
        line: Who waits for a permit, and may have no record yet; None: nobody does.
    """

    jobs: Jobs
    executions: Executions
    clock: Clock
    line: LineView | None = None

    def report(self, tenant: str, id: str, from_ms: int | None, until_ms: int | None) -> Report:
        """How each instant of a job is accounted for.

        Args:
            tenant: Whose.
            id: The job.
            from_ms: Where to begin (ms since the epoch); None for a day before the end, or the job's creation if
                that is later.
            until_ms: Where to end (ms since the epoch), exclusive; None for now.

        Raises:
            NotFound: There is no such job.
            Invalid: The range is empty, begins before executions are kept, or holds more than
                ``limits.MAX_LEDGER`` instants.
            PortError: A store failed.
        """
        now = self.clock.now_ms()
        job = existing_job(self.jobs, tenant, id)
        start, until = _bounds(job, from_ms, until_ms, now)
        generations = list(self.jobs.generations(tenant, id, 1).values())
        instants = named(generations, id, start, until, MAX_LEDGER)
        paused = list(paused_over(generations, id, start, min(until, now)))
        if not instants and not paused:
            return Report(start, until, [])
        rows = self.executions.missed(tenant, id, start, until)
        runs = scheduled_runs(self.executions, tenant, id, start, until)
        lines = [*accounted(id, instants, runs, rows, now), *resting(paused, runs)]
        if self.line is not None and any(line.state == MISSING for line in lines):
            waiting = self.line.waiting(tenant).keys()
            lines = [in_line(line, id, waiting) for line in lines]
        return Report(start, until, sorted(lines, key=lambda line: line.instant.nominal_ms))


def _bounds(job: Job, from_ms: int | None, until_ms: int | None, now: int) -> tuple[int, int]:
    until = now if until_ms is None else until_ms
    oldest = now - RETENTION_MS
    start = max(job.created_ms, oldest, until - DAY_MS) if from_ms is None else from_ms
    if start < oldest:
        raise Invalid("from", "executions of that time are no longer kept", "begin within the last 30 days")
    if from_ms is not None and start >= until:
        raise Invalid("from", "is not before the end", "put it before `to`, which is now unless given")
    return start, max(start, until)
