"""Executions: requested, read, listed and cancelled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.errors import NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.ledger import standing
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.states import WAITING
from tidewheel.domain.permits.line import LinePosition
from tidewheel.engine.api.cancel import Cancel
from tidewheel.engine.api.first_entry import FirstEntry
from tidewheel.engine.api.lists import Listed, report_unreadable
from tidewheel.engine.api.lookup import execution_meant, existing_job
from tidewheel.engine.permits.view import LineView
from tidewheel.ports import Clock, Executions, Jobs, Telemetry


@dataclass(frozen=True, slots=True)
class ExecutionService:
    """What users do with executions. Every method raises ``PortError`` when a store fails.

    Args:
        jobs: The store of jobs; it writes a requested execution and its entry in one transaction.
        executions: The store of executions.
        first_entry: Makes the entry of a requested execution.
        canceller: The flow that cancels.
        clock: Time.
        telemetry: Told of records that cannot be read.
        line: Who waits for a permit.
    """

    jobs: Jobs
    executions: Executions
    first_entry: FirstEntry
    canceller: Cancel
    clock: Clock
    telemetry: Telemetry
    line: LineView

    def run(self, tenant: str, job: str, key: str = "") -> Execution:
        """Runs a job now, beside its schedule, paused or not.

        Args:
            tenant: Whose it is.
            job: The job's id.
            key: The idempotency key, or empty.

        Returns:
            The queued execution, or the one that the same idempotency key made before, as it stands now.

        Raises:
            NotFound: There is no such job.
        """
        now = self.clock.now_ms()
        found = existing_job(self.jobs, tenant, job)
        entry, queued = self.first_entry.of_run(found, now)
        before = self.first_entry.write(
            found, entry, lambda placed: self.jobs.enqueue(placed, queued, key), written=lambda other: other is None
        )
        return queued if before is None else self.get(tenant, before)

    def get(self, tenant: str, id: str) -> Execution:
        """One execution. Raises ``NotFound``."""
        return self.placed(tenant, id)[0]

    def placed(self, tenant: str, id: str) -> tuple[Execution, LinePosition | None]:
        """One execution, and its place in its tenant's line if it waits for a permit.

        One that waits for its first attempt has no record yet.

        Raises:
            NotFound: There is no such execution.
        """
        record = self.executions.get(tenant, id)
        place = self.line.place(tenant, id) if record is None or record.state in WAITING else None
        if record is not None:
            return record, None if place and place.entry.is_over(record) else place
        if place is not None:
            return replace(place.entry.blank(), reason=place.reason), place
        raise NotFound("execution", tenant, id)

    def meant(self, tenant: str, text: str) -> str:
        """The id of the execution that a text means: see ``lookup.execution_meant``."""
        return execution_meant(self.executions, tenant, text)

    def history(self, tenant: str, job: str, limit: int, before: str | None) -> Listed[Execution | Missed]:
        """A page of a job's executions and of its ranges that did not run, newest nominal time first.

        Those of a deleted job are found, too, until their time to live ends.

        Raises:
            NotFound: There is no such job, and nothing is left of it.
        """
        page = self.executions.list(tenant, job, limit, before)
        report_unreadable(page, self.telemetry)
        if not (page.items or page.unreadable) and before is None:
            existing_job(self.jobs, tenant, job)
        return Listed(standing(page.items), page.cursor, lambda item: item.id)

    def cancel(self, tenant: str, id: str, why: str = "") -> Execution:
        """Cancels an execution, or an occurrence to come: see ``Cancel.run``."""
        return self.canceller.run(tenant, id, why)
