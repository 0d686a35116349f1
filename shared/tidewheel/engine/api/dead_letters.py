"""Dead letters: executions that ended without success, listed and run again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.limits import MAX_PAGE
from tidewheel.engine.api.lists import Listed, filtered
from tidewheel.engine.api.redrive import Redrive, Redriven, RedrivePlan
from tidewheel.ports import Executions, Telemetry


@dataclass(frozen=True, slots=True)
class DeadLetterService:
    """What users do with dead letters. Every method raises ``PortError`` when a store fails.

    Args:
        executions: The store.
        redriver: The flow that has records run again.
        telemetry: Told of records that cannot be read.
    """

    executions: Executions
    redriver: Redrive
    telemetry: Telemetry

    def listed(self, tenant: str, job: str, limit: int, before: str | None) -> Listed[Execution]:
        """A page of a tenant's dead letters, or of one job's unless ``job`` is empty; the last to end comes first.

        A page may be shorter than the limit although more follow: see ``filtered``.
        """
        return filtered(
            lambda cursor: self.executions.dead(tenant, MAX_PAGE if job else limit, cursor),
            lambda execution: not job or execution.job == job,
            lambda execution: execution.failure_key,
            limit,
            before,
            self.telemetry,
        )

    def planned(self, tenant: str, ids: Iterable[str], rate: int, after_ms: int) -> RedrivePlan:
        """What a request sets out to do that names dead letters.

        Args:
            tenant: Whose.
            ids: The executions; one that is named twice counts once.
            rate: How many start in a second.
            after_ms: When the first starts (ms since the epoch), unless that is past.
        """
        records = {id: self.executions.get(tenant, id) for id in dict.fromkeys(ids)}
        return RedrivePlan({id: record.version if record else 0 for id, record in records.items()}, rate, after_ms)

    def planned_page(self, tenant: str, job: str, before: str | None, rate: int, after_ms: int) -> RedrivePlan:
        """What a request sets out to do for a page of a tenant's dead letters, or of one job's unless that is empty.

        Args:
            tenant: Whose.
            job: The job's id, or empty.
            before: The cursor at which the last page ended, or None to begin.
            rate: How many start in a second.
            after_ms: When the first starts (ms since the epoch), unless that is past.
        """
        page = self.listed(tenant, job, MAX_PAGE, before)
        return RedrivePlan({record.id: record.version for record in page.items}, rate, after_ms, page.cursor)

    def redrive(self, tenant: str, plan: RedrivePlan) -> Redriven:
        """Runs the dead letters of a plan again. Repeating it runs none twice, and names those that ran the first time.

        Raises:
            PortError: A store failed; some of them run again.
        """
        records = [(id, self.executions.get(tenant, id)) for id in plan.versions]
        return self.redriver.run(records, plan)
