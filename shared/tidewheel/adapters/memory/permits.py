"""Permits in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tidewheel.adapters.memory.world import World
from tidewheel.domain.permits.permit import Permit


class MemoryPermits:
    """``ports.Permits`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def all(self, tenant: str, first: int = 0) -> Sequence[Permit]:
        """See ``ports.Permits``."""
        with self._world.lock:
            rows = self._world.permits
            return [rows[key] for key in sorted(rows) if key[0] == tenant and key[1] >= first]

    def take(self, permit: Permit, now_ms: int, replaced: str = "") -> bool:
        """See ``ports.Permits``."""
        with self._world.lock:
            standing = self._world.permits.get((permit.tenant, permit.number))
            mine = standing is None or standing.holder in {permit.holder, replaced}
            if standing is not None and not mine and not standing.is_free(now_ms):
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
