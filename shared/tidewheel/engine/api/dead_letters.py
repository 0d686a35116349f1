"""Dead letters: executions that ended without success, listed and run again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.limits import MAX_PAGE
from tidewheel.engine.api.lists import Listed, filtered
from tidewheel.engine.api.redrive import Redrive, Redriven
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

    def redrive(self, tenant: str, ids: Iterable[str], rate: int, after_ms: int) -> Redriven:
        """Runs the named dead letters again.

        Args:
            tenant: Whose.
            ids: The executions; one that is named twice counts once.
            rate: How many start in a second.
            after_ms: When the first starts (ms since the epoch), unless that is past.
        """
        records = [(id, self.executions.get(tenant, id)) for id in dict.fromkeys(ids)]
        return self.redriver.run(records, rate, after_ms)

    def redrive_page(
        self, tenant: str, job: str, before: str | None, rate: int, after_ms: int
    ) -> tuple[Redriven, str | None]:
        """Runs a page of dead letters again, of a tenant or of one job unless ``job`` is empty.

        Args:
            tenant: Whose.
            job: The job's id, or empty.
            before: The cursor at which the last page ended, or None to begin.
            rate: How many start in a second.
            after_ms: When the first starts (ms since the epoch), unless that is past.

        Returns:
            What became of them, and the cursor of the next page, or None after the last.
        """
        page = self.listed(tenant, job, MAX_PAGE, before)
        return self.redriver.run([(record.id, record) for record in page.items], rate, after_ms), page.cursor
