"""The tallies of tenants' active jobs in memory."""

from __future__ import annotations

from tidewheel.adapters.memory.world import World
from tidewheel.domain.quotas.tally import Tally


class MemoryTallies:
    """``ports.Tallies`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str) -> Tally | None:
        """See ``ports.Tallies``."""
        return self._world.tallies.get(("", tenant))

    def swap(self, new: Tally) -> Tally | None:
        """See ``ports.Tallies``."""
        return self._world.swap(self._world.tallies, ("", new.tenant), new, new.version - 1 or None, "tallies.swap")
