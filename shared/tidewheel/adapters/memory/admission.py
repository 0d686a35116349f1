"""Circuits and places in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tidewheel.adapters.memory.stores import World
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.fleet.permit import Permit
from tidewheel.ports import Page


class MemoryCircuits:
    """``ports.Circuits`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str, key: str) -> Circuit | None:
        """See ``ports.Circuits``."""
        return self._world.circuits.get((tenant, key))

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Circuit]:
        """See ``ports.Circuits``."""
        with self._world.lock:
            keys = sorted(key for owner, key in self._world.circuits if owner == tenant and key > (after or ""))
            found = [self._world.circuits[tenant, key] for key in keys[:limit]]
        return Page(found, keys[limit - 1] if len(keys) > limit else None)

    def swap(self, new: Circuit) -> Circuit | None:
        """See ``ports.Circuits``."""
        rows, key = self._world.circuits, (new.tenant, new.key)
        return self._world.swap(rows, key, new, new.version - 1 or None, "circuits.swap")


class MemoryPermits:
    """``ports.Places`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def all(self, tenant: str) -> Sequence[Permit]:
        """See ``ports.Places``."""
        with self._world.lock:
            return [self._world.permits[key] for key in sorted(self._world.permits) if key[0] == tenant]

    def take(self, permit: Permit, now_ms: int) -> bool:
        """See ``ports.Places``."""
        with self._world.lock:
            standing = self._world.permits.get((permit.tenant, permit.number))
            if standing is not None and standing.holder != permit.holder and not standing.is_free(now_ms):
                return False
            self._world.permits[permit.tenant, permit.number] = permit
        return True

    def hold(self, permit: Permit) -> bool:
        """See ``ports.Places``."""
        with self._world.lock:
            standing = self._world.permits.get((permit.tenant, permit.number))
            if standing is None or standing.holder != permit.holder:
                return False
            self._world.permits[permit.tenant, permit.number] = permit
        return True

    def leave(self, permit: Permit) -> None:
        """See ``ports.Places``."""
        key = (permit.tenant, permit.number)
        with self._world.lock:
            standing = self._world.permits.get(key)
            if standing is not None and standing.holder == permit.holder:
                self._world.permits[key] = permit.left()
