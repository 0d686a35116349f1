"""What users see of a tenant's line: who waits, in which place, and when a start is to be expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.domain.limits import LINE_SHOWN
from tidewheel.domain.permits.line import LineEntry, LinePosition, earliest_start_ms
from tidewheel.ports import Clock, PermitLines, Permits


@dataclass(frozen=True, slots=True)
class LineView:
    """Reads lines, at most ``limits.LINE_SHOWN`` of the first entries. Every method raises ``PortError``.

    Args:
        permits: The store of permits.
        lines: The lines.
        clock: Reads the time.
    """

    permits: Permits
    lines: PermitLines
    clock: Clock

    def waiting(self, tenant: str) -> Mapping[str, LineEntry]:
        """Who stands in a tenant's line, by execution's id."""
        return {entry.execution: entry for entry in reversed(self.lines.head(tenant, LINE_SHOWN))}

    def place(self, tenant: str, execution: str) -> LinePosition | None:
        """The place of an execution in its tenant's line; None if it is not among the first.

        Some before it may have ended or been given a permit already, so it comes no later than its place says.
        """
        for position, entry in enumerate(self.lines.head(tenant, LINE_SHOWN), start=1):
            if entry.execution == execution:
                limits = [each.limit for each in self.lines.announced() if each.tenant == tenant]
                permits = self.permits.all(tenant)
                limit = limits[0] if limits else max(1, len(permits))
                start_ms = earliest_start_ms(position, permits, limit, self.clock.now_ms())
                return LinePosition(entry, position, limit, start_ms)
        return None
