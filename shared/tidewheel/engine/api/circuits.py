"""Circuits: which parties that jobs call failed lately."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.engine.api.lists import Listed, report_unreadable
from tidewheel.ports import Circuits, Clock, Fenced, Telemetry

_TRIES = 6


@dataclass(frozen=True, slots=True)
class CircuitService:
    """Reads circuits, and closes them for operators. Raises ``PortError`` when the store fails."""

    circuits: Circuits
    clock: Clock
    telemetry: Telemetry

    def listed(self, tenant: str, limit: int, after: str | None) -> Listed[Circuit]:
        """A page of a tenant's circuits, ordered by party; a party that never failed has none."""
        page = self.circuits.list(tenant, limit, after)
        report_unreadable(page, self.telemetry)
        return Listed(page.items, page.cursor, lambda circuit: circuit.key)

    def get(self, tenant: str, party: str) -> Circuit:
        """The circuit of a party. Raises ``NotFound`` if no failure of it was counted lately."""
        circuit = self.circuits.get(tenant, party)
        if circuit is None:
            raise NotFound("circuit", tenant, party)
        return circuit

    def close(self, tenant: str, party: str) -> Circuit:
        """Closes a circuit that is open or half-open. Repeating the request changes nothing.

        Workers learn of it within ``limits.CIRCUIT_FRESH_MS``; what waits comes back within
        ``limits.CIRCUIT_RECHECK_MS``. A probe that is under way counts as any other call then.

        Args:
            tenant: The tenant whose jobs call the party.
            party: The circuit's key.

        Returns:
            The closed circuit.

        Raises:
            NotFound: No failure of the party was counted lately.
            Conflict: The circuit kept changing.
            PortError: A store failed; it may be closed or not.
            Unreadable: The stored circuit is malformed.
        """
        circuit = self.circuits.get(tenant, party)
        for _ in range(_TRIES):
            if circuit is None:
                raise NotFound("circuit", tenant, party)
            if not circuit.open_until_ms:
                return circuit
            closed = circuit.closed(self.clock.now_ms())
            try:
                circuit = self.circuits.swap(closed)
            except Fenced as error:  # the row expired since it was read
                raise NotFound("circuit", tenant, party) from error
            if circuit is None:
                self.telemetry.count("circuit_closed_by_operator")
                self.telemetry.info("an operator closed a circuit", tenant=tenant, circuit=party)
                return closed
        raise Conflict("circuit", party, "it is being written by many at once", "try again")
