"""Requests under idempotency keys in memory."""

from __future__ import annotations

from tidewheel.adapters.memory.world import World
from tidewheel.domain.repeats import Remembered


class MemoryRequests:
    """``ports.Requests`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str, name: str, now_ms: int) -> Remembered | None:
        """See ``ports.Requests``."""
        found = self._world.requests.get((tenant, name))
        return found if found is not None and found.counts(now_ms) else None

    def begin(self, new: Remembered, now_ms: int) -> Remembered | None:
        """See ``ports.Requests``."""
        with self._world.lock:
            standing = self.get(new.tenant, new.name, now_ms)
            if standing is None:
                self._world.requests[new.tenant, new.name] = new
            return None if standing == new else standing

    def fulfil(self, done: Remembered) -> None:
        """See ``ports.Requests``."""
        self._world.requests[done.tenant, done.name] = done
