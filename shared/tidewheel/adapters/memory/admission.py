"""Circuits and places in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tidewheel.adapters.memory.stores import World
from tidewheel.domain.circuit import Circuit
from tidewheel.domain.place import Place
from tidewheel.ports import Lost


class MemoryCircuits:
    """``ports.Circuits`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str, key: str) -> Circuit | None:
        """See ``ports.Circuits``."""
        return self._world.circuits.get((tenant, key))

    def swap(self, new: Circuit) -> Circuit | None:
        """See ``ports.Circuits``."""
        key, expected = (new.tenant, new.key), new.version - 1
        with self._world.lock:
            standing = self._world.circuits.get(key)
            if standing == new:
                return None
            if standing is None and expected:
                raise Lost("circuits.swap", new.key, "the row is gone")
            if standing is not None and standing.version != expected:
                return standing
            self._world.circuits[key] = new
        return None


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
