"""Circuits and places in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tidewheel.adapters.memory.stores import World
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.fleet.permit import Place
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


class MemoryPlaces:
    """``ports.Places`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def all(self, tenant: str) -> Sequence[Place]:
        """See ``ports.Places``."""
        with self._world.lock:
            return [self._world.places[key] for key in sorted(self._world.places) if key[0] == tenant]

    def take(self, place: Place, now_ms: int) -> bool:
        """See ``ports.Places``."""
        with self._world.lock:
            standing = self._world.places.get((place.tenant, place.number))
            if standing is not None and standing.holder != place.holder and not standing.is_free(now_ms):
                return False
            self._world.places[place.tenant, place.number] = place
        return True

    def hold(self, place: Place) -> bool:
        """See ``ports.Places``."""
        with self._world.lock:
            standing = self._world.places.get((place.tenant, place.number))
            if standing is None or standing.holder != place.holder:
                return False
            self._world.places[place.tenant, place.number] = place
        return True

    def leave(self, place: Place) -> None:
        """See ``ports.Places``."""
        key = (place.tenant, place.number)
        with self._world.lock:
            standing = self._world.places.get(key)
            if standing is not None and standing.holder == place.holder:
                self._world.places[key] = place.left()
