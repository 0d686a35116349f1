"""Dead letters for users: executions that ended without success, to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.limits import MAX_PAGE
from tidewheel.engine.api.lists import filtered
from tidewheel.ports import Executions, Page, Telemetry


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """What users can do with them. Raises ``PortError`` when a store fails."""

    executions: Executions
    telemetry: Telemetry

    def listed(self, tenant: str, job: str, limit: int, before: str | None) -> Page[Execution]:
        """A tenant's dead letters, or one job's of them unless that is empty; those that ended last first.

        A page may be shorter than the limit though more follow: see ``filtered``.
        """
        return filtered(
            lambda cursor: self.executions.dead(tenant, MAX_PAGE if job else limit, cursor),
            lambda execution: not job or execution.job == job,
            lambda execution: execution.failure_key,
            limit,
            before,
            self.telemetry,
        )
