"""What users see of a tenant's permits and its line: how many run, who waits, in which place, and until when about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidewheel.domain.limits import LINE_SHOWN
from tidewheel.domain.permits.line import LimitedBy, LineEntry, LinePosition, earliest_start_ms
from tidewheel.domain.permits.permit import live_permits
from tidewheel.domain.quotas.limit import Limit, Limits
from tidewheel.ports import Clock, Executions, PermitLines, Permits


@dataclass(frozen=True, slots=True)
class LineView:
    """Reads lines, at most ``limits.LINE_SHOWN`` of the first entries. Every method raises ``PortError``.

    Args:
        permits: The store of permits.
        lines: The lines.
        executions: The records, which tell which permits are void.
        of_tenant: A tenant's limits.
        clock: Reads the time.
    """

    permits: Permits
    lines: PermitLines
    executions: Executions
    of_tenant: Callable[[str], Limits]
    clock: Clock

    def waiting(self, tenant: str) -> Mapping[str, LineEntry]:
        """Who stands in a tenant's line, by execution's id."""
        return {entry.execution: entry for entry in reversed(self.lines.head(tenant, LINE_SHOWN))}

    def running(self, tenant: str) -> int:
        """How many of a tenant's permits are held, of a tenant that has a limit."""
        permits, now_ms = self.permits.all(tenant), self.clock.now_ms()
        held = [permit for permit in permits if not permit.is_free(now_ms)]
        found = self.executions.several({(tenant, permit.execution) for permit in held})
        return len(live_permits(held, {id: record for (_, id), record in found.items()}, now_ms))

    def place(self, tenant: str, execution: str) -> LinePosition | None:
        """The place of an execution in its tenant's line; None if it is not among the first.

        Some before it may have ended or been given a permit already, so it comes no later than its place says.
        """
        for position, entry in enumerate(self.lines.head(tenant, LINE_SHOWN), start=1):
            if entry.execution == execution:
                permits = self.permits.all(tenant)
                limit, limited_by = self._limit(tenant, max(1, len(permits)))
                start_ms = earliest_start_ms(position, permits, limit, self.clock.now_ms())
                return LinePosition(entry, position, limit, limited_by, start_ms)
        return None

    def _limit(self, tenant: str, otherwise: int) -> tuple[int, LimitedBy]:
        """How many may run at once, and what says so: the plan, or what those who wait know of, if that is less."""
        announced = [each.limit for each in self.lines.announced() if each.tenant == tenant]
        known = announced[0] if announced else otherwise
        of_plan = self.of_tenant(tenant).get(Limit.RUNNING_AT_ONCE)
        if of_plan is not None and (of_plan <= known or not announced):
            return int(of_plan), "running_at_once"
        return known, "tenant_concurrency"
