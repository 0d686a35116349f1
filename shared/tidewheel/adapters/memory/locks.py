"""The locks of jobs whose runs may not overlap, in memory."""

from __future__ import annotations

from tidewheel.adapters.memory.stores import World
from tidewheel.domain.overlap import Lock
from tidewheel.ports import Lost


class MemoryLocks:
    """``ports.Locks`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str, job: str) -> Lock | None:
        """See ``ports.Locks``."""
        return self._world.locks.get((tenant, job))

    def swap(self, new: Lock) -> Lock | None:
        """See ``ports.Locks``."""
        key, expected = (new.tenant, new.job), new.version - 1
        with self._world.lock:
            standing = self._world.locks.get(key)
            if standing == new:
                return None
            if standing is None and expected:
                raise Lost("locks.swap", new.job, "the lock is gone")
            if standing is not None and standing.version != expected:
                return standing
            self._world.locks[key] = new
        return None
