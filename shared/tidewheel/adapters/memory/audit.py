"""The audit log in memory."""

from __future__ import annotations

from tidewheel.adapters.memory.world import World
from tidewheel.domain import keys
from tidewheel.domain.access.audit import AuditRow
from tidewheel.ports import Page, Refused


class MemoryAudit:
    """``ports.Audit`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def add(self, row: AuditRow) -> None:
        """See ``ports.Audit``."""
        place = keys.audit_partition(row.tenant, row.at_ms), keys.audit_sort(row.at_ms, row.request, row.number)
        if self._world.audit.setdefault(place, row) != row:
            raise Refused("audit.add", row.request, f"another row {row.number} is there", mendable=False)

    def page(self, tenant: str, day_ms: int, below: str, limit: int) -> Page[AuditRow]:
        """See ``ports.Audit``."""
        with self._world.lock:
            of_day = [key for key in self._world.audit if key[0] == keys.audit_partition(tenant, day_ms)]
            found = sorted((key for key in of_day if key[1] < below), reverse=True)
            rows = [self._world.audit[key] for key in found[:limit]]
        return Page(rows, found[limit - 1][1] if len(found) > limit else None)
