"""Tenants and API keys in memory."""

from __future__ import annotations

from tidewheel.adapters.memory.world import World
from tidewheel.domain.access.api_key import ApiKey
from tidewheel.domain.access.tenant import Tenant, unwritten
from tidewheel.ports import Page


class MemoryTenants:
    """``ports.Tenants`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, id: str) -> Tenant | None:
        """See ``ports.Tenants``."""
        return self._world.tenants.get(("", id)) or unwritten(id)

    def list(self, limit: int, after: str | None) -> Page[Tenant]:
        """See ``ports.Tenants``."""
        with self._world.lock:
            ids = sorted(id for _, id in self._world.tenants if id > (after or ""))
            found = [self._world.tenants["", id] for id in ids[:limit]]
        return Page(found, ids[limit - 1] if len(ids) > limit else None)

    def swap(self, new: Tenant) -> Tenant | None:
        """See ``ports.Tenants``."""
        return self._world.swap(self._world.tenants, ("", new.id), new, new.version - 1 or None, "tenants.swap")


class MemoryApiKeys:
    """``ports.ApiKeys`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, id: str) -> ApiKey | None:
        """See ``ports.ApiKeys``."""
        return self._world.api_keys.get(("", id))

    def list(self, tenant: str, limit: int, after: str | None) -> Page[ApiKey]:
        """See ``ports.ApiKeys``."""
        with self._world.lock:
            held = [key for key in self._world.api_keys.values() if key.tenant == tenant and key.id > (after or "")]
        found = sorted(held, key=lambda key: key.id)
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)

    def swap(self, new: ApiKey) -> ApiKey | None:
        """See ``ports.ApiKeys``."""
        return self._world.swap(self._world.api_keys, ("", new.id), new, new.version - 1 or None, "api_keys.swap")
