"""Circuits: which parties that jobs call failed lately."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.engine.api.lists import Listed, report_unreadable
from tidewheel.ports import Circuits, Telemetry


@dataclass(frozen=True, slots=True)
class CircuitService:
    """Reads circuits. Raises ``PortError`` when the store fails."""

    circuits: Circuits
    telemetry: Telemetry

    def listed(self, tenant: str, limit: int, after: str | None) -> Listed[Circuit]:
        """A page of a tenant's circuits, ordered by party; a party that never failed has none."""
        page = self.circuits.list(tenant, limit, after)
        report_unreadable(page, self.telemetry)
        return Listed(page.items, page.cursor, lambda circuit: circuit.key)
