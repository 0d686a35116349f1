"""The counters of tenants' limits in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidewheel.adapters.memory.world import World
from tidewheel.domain.quotas.limit import Window
from tidewheel.domain.quotas.tokens import Taken


class MemoryCounters:
    """``ports.Counters`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def take(self, tenant: str, window: Window, amount: int, total: int) -> Taken:
        """See ``ports.Counters``."""
        with self._world.lock:
            used = self._world.counted.get((tenant, window), 0)
            granted = max(0, min(amount, total - used))
            if granted:
                self._world.counted[tenant, window] = used + granted
        return Taken(granted, used + granted)

    def used(self, tenant: str, windows: Sequence[Window]) -> Mapping[Window, int]:
        """See ``ports.Counters``."""
        with self._world.lock:
            return {window: self._world.counted.get((tenant, window), 0) for window in windows}
