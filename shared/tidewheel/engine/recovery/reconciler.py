"""Reconcile: a paced sweep over all jobs finds chains that broke, for whatever reason, and arms them again.

Everything is idempotent: the entry of a repair lies under a key that follows from what it repairs, a chain that lives
after all drops it as a double, and the records decide what ran. So two runs at once do no harm; the one whose page
is stored second finds the sweep moved on and ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.reconcile import done_until, expected, first_missing, resumed
from tidewheel.domain.fleet.route import Route, ladder
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import (
    RECONCILE_PAGE,
    RECONCILE_PAGE_MS,
    RECONCILE_PATIENCE_MS,
    RECONCILE_RUN_MS,
    RETENTION_MS,
)
from tidewheel.domain.wheel.entries import Placed, ScheduleEntry
from tidewheel.domain.wheel.levels import late
from tidewheel.domain.wheel.span import SINGLES
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.slot_reader import whole
from tidewheel.ports import Clock, Executions, JobKey, Jobs, Page, Queue, ShardOwnership, SweepStore, Telemetry, Wheel

_HISTORY_PAGES = 10
"""Pages of a broken job's history that are looked through for its last account."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run did: the jobs it looked at, and the chains it armed again."""

    looked: int = 0
    repaired: int = 0


@dataclass(frozen=True, slots=True)
class Reconciler:
    """The reconciler's flow."""

    jobs: Jobs
    executions: Executions
    wheel: Wheel
    sweeps: SweepStore
    ownership: ShardOwnership
    queue: Queue
    clock: Clock
    telemetry: Telemetry
    layouts: LayoutCache

    def run(self) -> Tally:
        """Goes on with the sweep where the last run left it, page by page, for ``limits.RECONCILE_RUN_MS`` at most.

        Raises:
            PortError: A store failed; the next run begins with the page that was in hand.
        """
        until = self.clock.monotonic_ms() + RECONCILE_RUN_MS
        tally, look = Tally(), _Look(self)
        before = self.sweeps.sweep()
        sweep = resumed(before, self.clock.now_ms())
        while sweep is not None and not sweep.over and self.clock.monotonic_ms() < until:
            next_ms = self.clock.monotonic_ms() + RECONCILE_PAGE_MS
            page = self.jobs.sweep(sweep.after, RECONCILE_PAGE)
            tally = Tally(tally.looked + len(page.items), tally.repaired + look.over(page))
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
class _Look:
    """What one run knows: what it read of shards and queues at its beginning holds for all instants that it judges.

    They were due long before the run, so that what has happened to them happened before those reads.
    """

    flow: Reconciler
    _done_until: dict[int, int] = field(default_factory=dict)
    _late: dict[int, set[JobKey]] = field(default_factory=dict)
    _waiting: dict[Route, int] = field(default_factory=dict)

    def over(self, page: Page[Job]) -> int:
        """Looks at a page's jobs; the answer is how many chains were armed again."""
        flow, now = self.flow, self.flow.clock.now_ms()
        for error in page.unreadable:
            self._report_unreadable(error)
        found = [(job, expected(job, self._done_below(job), now)) for job in page.items]
        due = {(job.tenant, _id(job, nominal)): (job, nominal) for job, nominal in found if nominal is not None}
        known = flow.executions.present(due)
        return sum(self._judge(*due[key], now) for key in due if key not in known)

    def _homes(self, job: Job) -> frozenset[int]:
        """The shards on which its chain may lie: more than one after their number has changed."""
        return self.flow.layouts.now().shards_of(job.tenant, job.id)

    def _done_below(self, job: Job) -> int:
        homes = self._homes(job)
        for shard in homes - self._done_until.keys():
            self._done_until[shard] = done_until(self.flow.ownership.holding(shard))
        return min(self._done_until[shard] for shard in homes)

    def _judge(self, job: Job, nominal_ms: int, now: int) -> bool:
        """Whether a chain had to be armed again, of a job whose last instant seems to lack its account."""
        try:
            if self._accounted(job, nominal_ms) or not self._stands(job):
                return False
            first = first_missing(job, nominal_ms, self._accounts(job, nominal_ms, now), now)
            if self._awaits(job, first, now):
                self.flow.telemetry.count("repair_deferred")
                return False
            self._arm(job, first, nominal_ms)
        except Unreadable as error:
            self._report_unreadable(error)
            return False
        return True

    def _accounted(self, job: Job, nominal_ms: int) -> bool:
        executions = self.flow.executions
        run = executions.get(job.tenant, _id(job, nominal_ms))
        return run is not None or bool(executions.missed(job.tenant, job.id, nominal_ms, nominal_ms))

    def _stands(self, job: Job) -> bool:
        again = self.flow.jobs.get(job.tenant, job.id, consistent=True)
        return again is not None and again.generation == job.generation

    def _awaits(self, job: Job, first_ms: int, now: int) -> bool:
        """Whether it may be on its way: in the late slot, behind a catch-up, or in a queue that has a backlog.

        No cursor speaks of either.
        """
        homes, routes = self._homes(job), ladder(job.route)
        for shard in homes - self._late.keys():
            singles = whole(self.flow.wheel, late(shard), SINGLES).singles.values()
            self._late[shard] = {(entry.tenant, entry.job) for entry in singles if isinstance(entry, ScheduleEntry)}
        for route in set(routes) - self._waiting.keys():
            self._waiting[route] = self.flow.queue.waiting(route)
        queued = any(self._waiting[route] for route in routes) and job.due(first_ms) > now - RECONCILE_PATIENCE_MS
        return queued or any((job.tenant, job.id) in self._late[shard] for shard in homes)

    def _arm(self, job: Job, first_ms: int, nominal_ms: int) -> None:
        """Arms the chain again from its first instant without an account; the misfire policy decides what runs."""
        entry = ScheduleEntry(job.tenant, job.id, job.generation, first_ms, job.due(first_ms))
        self.flow.wheel.put(Placed(late(self.flow.layouts.shard_of(job.tenant, job.id)), entry))
        self.flow.telemetry.count("schedule_repaired")
        self.flow.telemetry.error(
            "a missing schedule entry was written again",
            tenant=job.tenant,
            job=job.id,
            nominal_ms=nominal_ms,
            since_ms=first_ms,
        )

    def _accounts(self, job: Job, nominal_ms: int, now: int) -> list[int]:
        """Instants before a given one that have an account: the newest of them is among these."""
        executions = self.flow.executions
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
        return [*rows, *seen]  # so many runs were asked for that the search ends here

    def _report_unreadable(self, error: Unreadable) -> None:
        """What cannot be read is left as it is; someone should look at it."""
        self.flow.telemetry.count("record_unreadable")
        self.flow.telemetry.error("a record cannot be read and was not reconciled", problem=str(error))


def _id(job: Job, nominal_ms: int) -> str:
    return str(ExecutionId(job.id, nominal_ms))
