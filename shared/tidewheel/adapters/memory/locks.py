"""Overlap locks in memory."""

from __future__ import annotations

from tidewheel.adapters.memory.world import World
from tidewheel.domain.executions.overlap import Lock


class MemoryLocks:
    """``ports.Locks`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str, job: str) -> Lock | None:
        """See ``ports.Locks``."""
        return self._world.locks.get((tenant, job))

    def swap(self, new: Lock) -> Lock | None:
        """See ``ports.Locks``."""
        return self._world.swap(self._world.locks, (new.tenant, new.job), new, new.version - 1 or None, "locks.swap")
