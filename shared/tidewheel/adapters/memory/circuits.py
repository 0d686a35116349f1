"""Circuits in memory."""

from __future__ import annotations

from tidewheel.adapters.memory.world import World
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.ports import Page


class MemoryCircuits:
    """``ports.Circuits`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str, party: str) -> Circuit | None:
        """See ``ports.Circuits``."""
        return self._world.circuits.get((tenant, party))

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Circuit]:
        """See ``ports.Circuits``."""
        with self._world.lock:
            parties = sorted(
                party for owner, party in self._world.circuits if owner == tenant and party > (after or "")
            )
            found = [self._world.circuits[tenant, party] for party in parties[:limit]]
        return Page(found, parties[limit - 1] if len(parties) > limit else None)

    def swap(self, new: Circuit) -> Circuit | None:
        """See ``ports.Circuits``."""
        rows, key = self._world.circuits, (new.tenant, new.key)
        return self._world.swap(rows, key, new, new.version - 1 or None, "circuits.swap")
