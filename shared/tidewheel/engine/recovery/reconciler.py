"""A paced sweep over all jobs finds those whose schedule entry is missing from the wheel, and writes it again.

Each run first looks at the executions that wait, and brings back those that were forgotten (see ``overdue``).

Everything is idempotent: the key of the entry follows from job and instant, a second entry of a job is dropped as a
duplicate, and the records decide what has run. So two runs at once do no harm; the one that stores its page second
finds that the sweep has moved on, and ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.reconcile import expected, first_missing, resumed
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import (
    RECONCILE_PAGE,
    RECONCILE_PAGE_MS,
    RECONCILE_RUN_MS,
    RETENTION_MS,
)
from tidewheel.domain.wheel.entries import Placed, ScheduleEntry
from tidewheel.domain.wheel.levels import late
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.recovery.overdue import OverdueCheck
from tidewheel.engine.recovery.passage import Passage
from tidewheel.ports import (
    Clock,
    Executions,
    Jobs,
    Page,
    PermitLines,
    Queue,
    ShardOwnership,
    SweepStore,
    Telemetry,
    Wheel,
)

_HISTORY_PAGES = 10
"""How many pages of a job's history are read to find the last instant that has an account."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run did.

    Args:
        looked: How many jobs it checked.
        repaired: For how many it wrote a schedule entry again.
        brought_back: How many forgotten executions it brought back.
    """

    looked: int = 0
    repaired: int = 0
    brought_back: int = 0


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Sweeps over all jobs.

    Args:
        jobs: The jobs.
        executions: The records, and the rows of the ledger.
        wheel: Where schedule entries lie.
        sweeps: How far the sweep has come.
        ownership: The cursors of the shards.
        queue: Tells whether a route has a backlog.
        clock: Reads the time and waits.
        telemetry: Counts and logs.
        layouts: Finds a job's shards.
        lines: Tells which tenants have executions that wait for a permit.
    """

    jobs: Jobs
    executions: Executions
    wheel: Wheel
    sweeps: SweepStore
    ownership: ShardOwnership
    queue: Queue
    clock: Clock
    telemetry: Telemetry
    layouts: LayoutCache
    lines: PermitLines

    def run(self) -> Tally:
        """Continues the sweep page by page, for ``limits.RECONCILE_RUN_MS`` at most; begins a new one if one is due.

        Raises:
            PortError: A store failed; the next run begins with the page that was being checked.
        """
        until = self.clock.monotonic_ms() + RECONCILE_RUN_MS
        passage = Passage(self.wheel, self.ownership, self.queue, self.layouts, self.telemetry, self.lines)
        overdue = OverdueCheck(self.executions, self.jobs, passage, self.clock, self.telemetry)
        tally, check = Tally(brought_back=overdue.run()), _PageCheck(self, passage)
        before = self.sweeps.sweep()
        sweep = resumed(before, self.clock.now_ms())
        while sweep is not None and not sweep.over and self.clock.monotonic_ms() < until:
            next_ms = self.clock.monotonic_ms() + RECONCILE_PAGE_MS
            page = self.jobs.sweep(sweep.after, RECONCILE_PAGE)
            tally = replace(tally, looked=tally.looked + len(page.items), repaired=tally.repaired + check.repair(page))
            sweep = replace(sweep, after=page.cursor or "", over=page.cursor is None)
            if not self.sweeps.move_sweep(before, sweep):
                self.telemetry.info("another run of the reconciler continues the sweep")
                break
            before = sweep
            if not sweep.over:
                self.clock.sleep(max(0, next_ms - self.clock.monotonic_ms()))
        self.telemetry.count("job_reconciled", tally.looked)
        return tally


@dataclass(slots=True)
class _PageCheck:
    """Checks pages of jobs."""

    reconciler: Reconciler
    passage: Passage

    def repair(self, page: Page[Job]) -> int:
        """Checks the jobs of a page; returns how many schedule entries were written again."""
        now = self.reconciler.clock.now_ms()
        for error in page.unreadable:
            self._report_unreadable(error)
        found = [(job, expected(job, self.passage.done_until(job.tenant, job.id), now)) for job in page.items]
        due = {(job.tenant, _id(job, nominal)): (job, nominal) for job, nominal in found if nominal is not None}
        known = self.reconciler.executions.present(due)
        return sum(self._repair_job(*due[key], now) for key in due if key not in known)

    def _repair_job(self, job: Job, nominal_ms: int, now: int) -> bool:
        """Whether the entry of a job was written again, whose last instant seemed to have no account."""
        try:
            if self._is_accounted(job, nominal_ms) or not self._is_current(job):
                return False
            first = first_missing(job, nominal_ms, self._accounts(job, nominal_ms, now), now)
            if self._may_be_on_its_way(job, first, now):
                self.reconciler.telemetry.count("repair_deferred")
                return False
            self._arm(job, first, nominal_ms)
        except Unreadable as error:
            self._report_unreadable(error)
            return False
        return True

    def _is_accounted(self, job: Job, nominal_ms: int) -> bool:
        executions = self.reconciler.executions
        run = executions.get(job.tenant, _id(job, nominal_ms))
        return run is not None or bool(executions.missed(job.tenant, job.id, nominal_ms, nominal_ms))

    def _is_current(self, job: Job) -> bool:
        again = self.reconciler.jobs.get(job.tenant, job.id, consistent=True)
        return again is not None and again.generation == job.generation

    def _may_be_on_its_way(self, job: Job, first_ms: int, now: int) -> bool:
        """Whether its entry is in a late slot, its message in a queue or its run in line: no cursor shows these."""
        entries = self.passage.late_entries(job.tenant, job.id)
        if any(isinstance(entry, ScheduleEntry) for entry in entries):
            return True
        if self.passage.may_be_in_line(job.tenant):
            return True
        return self.passage.may_be_queued(job.route, job.due(first_ms), now)

    def _arm(self, job: Job, first_ms: int, nominal_ms: int) -> None:
        """Writes a schedule entry for the first instant without an account; the misfire policy decides what runs."""
        entry = ScheduleEntry(job.tenant, job.id, job.generation, first_ms, job.due(first_ms))
        self.reconciler.wheel.put(Placed(late(self.reconciler.layouts.shard_of(job.tenant, job.id)), entry))
        self.reconciler.telemetry.count("schedule_repaired")
        self.reconciler.telemetry.error(
            "a missing schedule entry was written again",
            tenant=job.tenant,
            job=job.id,
            nominal_ms=nominal_ms,
            since_ms=first_ms,
        )

    def _accounts(self, job: Job, nominal_ms: int, now: int) -> list[int]:
        """Instants (ms) before ``nominal_ms`` that have an account; the newest of all is among them."""
        executions = self.reconciler.executions
        oldest = max(job.effective_from_ms, now - RETENTION_MS)
        rows = [row.until_ms for row in executions.missed(job.tenant, job.id, oldest, nominal_ms)]
        before: str | None = keys.execution_bound(job.id, nominal_ms)
        begin = keys.execution_bound(job.id, oldest)
        seen: list[int] = []
        for _ in range(_HISTORY_PAGES):
            page = executions.list(job.tenant, job.id, RECONCILE_PAGE, before)
            items = [item for item in page.items if isinstance(item, Execution) and not item.cancelled_ahead]
            runs = [item.nominal_ms for item in items if ExecutionId.parse(item.id).origin is Origin.SCHEDULE]
            seen = [item.nominal_ms for item in items[-1:]]
            if runs or page.cursor is None or page.cursor <= begin:
                return [*rows, *runs[:1]]
            before = page.cursor
        return [*rows, *seen]  # so many runs by request that the search ends here

    def _report_unreadable(self, error: Unreadable) -> None:
        """Counts and logs a malformed record, which is left as it is."""
        self.reconciler.telemetry.count("record_unreadable")
        self.reconciler.telemetry.error("a record cannot be read and was not reconciled", problem=str(error))


def _id(job: Job, nominal_ms: int) -> str:
    return str(ExecutionId(job.id, nominal_ms))
