"""Permits in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tidewheel.adapters.memory.world import World
from tidewheel.domain.fleet.permit import Permit


class MemoryPermits:
    """``ports.Permits`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def all(self, tenant: str) -> Sequence[Permit]:
        """See ``ports.Permits``."""
        with self._world.lock:
            return [self._world.permits[key] for key in sorted(self._world.permits) if key[0] == tenant]

    def take(self, permit: Permit, now_ms: int) -> bool:
        """See ``ports.Permits``."""
        with self._world.lock:
            standing = self._world.permits.get((permit.tenant, permit.number))
            if standing is not None and standing.holder != permit.holder and not standing.is_free(now_ms):
                return False
            self._world.permits[permit.tenant, permit.number] = permit
        return True

    def hold(self, permit: Permit) -> bool:
        """See ``ports.Permits``."""
        with self._world.lock:
            standing = self._world.permits.get((permit.tenant, permit.number))
            if standing is None or standing.holder != permit.holder:
                return False
            self._world.permits[permit.tenant, permit.number] = permit
        return True

    def leave(self, permit: Permit) -> None:
        """See ``ports.Permits``."""
        key = (permit.tenant, permit.number)
        with self._world.lock:
            standing = self._world.permits.get(key)
            if standing is not None and standing.holder == permit.holder:
                self._world.permits[key] = permit.returned()
