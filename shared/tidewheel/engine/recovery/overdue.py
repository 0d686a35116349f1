"""Finds executions that are queued or wait for a retry whose time is long past, and brings them back by a wheel entry.

Nothing should ever be found: each of them has a message or an entry that brings its next attempt. This is the second
wall behind that. A second message of an attempt does no harm, since the record decides who may claim it.

Runs of workflows that go on are listed, too: each is looked at as a whole once an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.reconcile import is_overdue
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet.route import ANY_ROUTE
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import RECONCILE_MARGIN_MS, RECONCILE_PAGE, WAITING_PAGES, WAITING_PARTS
from tidewheel.domain.wheel.entries import ExecutionEntry, Placed
from tidewheel.domain.wheel.levels import late
from tidewheel.engine.recovery.passage import Passage
from tidewheel.ports import Clock, Executions, Jobs, Page, Telemetry


@dataclass(frozen=True, slots=True)
class OverdueCheck:
    """One look at all executions that wait.

    Args:
        executions: The records.
        jobs: The jobs, from which the routes follow.
        passage: What may be on its way.
        clock: Time.
        telemetry: Counts and logs.
    """

    executions: Executions
    jobs: Jobs
    passage: Passage
    clock: Clock
    telemetry: Telemetry

    def run(self) -> int:
        """Looks at those that were expected more than ``limits.RECONCILE_MARGIN_MS`` ago.

        Returns:
            How many were brought back.

        Raises:
            PortError: A store failed; the next run looks again.
        """
        now = self.clock.now_ms()
        return sum(self._guarded(record, now) for part in range(WAITING_PARTS) for record in self._listed(part, now))

    def _listed(self, part: int, now: int) -> Iterator[Execution]:
        after: str | None = None
        for _ in range(WAITING_PAGES):
            page = self.executions.overdue(part, now - RECONCILE_MARGIN_MS, RECONCILE_PAGE, after)
            self._report(page)
            yield from page.items
            after = page.cursor
            if after is None:
                return

    def _report(self, page: Page[Execution]) -> None:
        for error in page.unreadable:
            self._unreadable(error)

    def _guarded(self, record: Execution, now: int) -> bool:
        """Whether an execution was brought back; what cannot be read hides no other."""
        try:
            return self._brought_back(record, now)
        except Unreadable as error:
            self._unreadable(error)
            return False

    def _unreadable(self, error: Unreadable) -> None:
        self.telemetry.count("record_unreadable")
        self.telemetry.error("a record cannot be read and was not reconciled", problem=str(error))

    def _brought_back(self, record: Execution, now: int) -> bool:
        if record.state is State.OPEN:
            self._have_looked_at(record)
            return False
        if not is_overdue(record, self.passage.done_until(record.tenant, record.job), now):
            return False
        standing = self.executions.get(record.tenant, record.id)
        if standing is None or standing.version != record.version or standing.next_ms is None:
            return False  # the list lagged behind
        job = self.jobs.get(record.tenant, record.job, consistent=True)
        route = ANY_ROUTE if job is None else job.route
        entries = self.passage.late_entries(record.tenant, record.job)
        coming = any(isinstance(entry, ExecutionEntry) and entry.execution == record.id for entry in entries)
        coming = coming or self.passage.may_be_in_line(record.tenant)
        if coming or self.passage.may_be_queued(route, standing.next_ms, now):
            self.telemetry.count("repair_deferred")
            return False
        if record.node is not None:  # its run knows its queue
            self._have_looked_at(replace(record, id=str(ExecutionId.parse(record.id).run), attempt=1))
            self._tell(standing)
            return True
        entry = ExecutionEntry(
            record.tenant,
            record.id,
            standing.attempt + 1,
            standing.generation,
            standing.next_ms,
            route,
            Precision.NORMAL,
        )
        self.passage.wheel.put(Placed(late(self.passage.layouts.shard_of(record.tenant, record.job)), entry))
        self._tell(standing)
        return True

    def _have_looked_at(self, run: Execution) -> None:
        """Puts the entry that has a run looked at as a whole; it is as old as its list says, or older."""
        job = self.jobs.get(run.tenant, run.job)
        route = ANY_ROUTE if job is None else job.route
        now, attempt = self.clock.now_ms(), max(1, run.attempt)
        entry = ExecutionEntry(run.tenant, run.id, attempt, run.generation, now, route, Precision.NORMAL)
        self.passage.wheel.put(Placed(late(self.passage.layouts.shard_of(run.tenant, run.job)), entry))
        self.telemetry.count("run_looked_at")

    def _tell(self, record: Execution) -> None:
        self.telemetry.count("execution_brought_back")
        self.telemetry.error(
            "a forgotten execution was brought back",
            tenant=record.tenant,
            execution=record.id,
            state=record.state,
            expected_ms=record.next_ms,
        )
