"""Makes and changes tenants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.ports import Clock, Page, Tenants

_TRIES = 3

Change = Callable[[Tenant], Tenant]


@dataclass(frozen=True, slots=True)
class TenantService:
    """The tenants of a deployment, for platform admins."""

    tenants: Tenants
    cache: TenantCache
    clock: Clock

    def create(self, who: Principal, tenant: Tenant) -> Tenant:
        """Makes a tenant.

        Raises:
            Conflict: There is one of this id.
        """
        now_ms = self.clock.now_ms()
        made = replace(
            tenant, version=1, created_ms=now_ms, created_by=who.name, updated_ms=now_ms, updated_by=who.name
        )
        if self.tenants.get(tenant.id) is not None or self.tenants.swap(made) is not None:
            raise Conflict("tenant", tenant.id, "it exists", "change it, or choose another id")
        self.cache.forget(tenant.id)
        return made

    def get(self, who: Principal, id: str) -> Tenant:
        """One tenant.

        Raises:
            NotFound: There is none.
        """
        found = self.tenants.get(id)
        if found is None:
            raise NotFound("tenant", who.tenant, id)
        return found

    def listed(self, limit: int, after: str | None) -> Page[Tenant]:
        """The tenants that were written, by id."""
        return self.tenants.list(limit, after)

    def edit(self, who: Principal, id: str, change: Change) -> Tenant:
        """Changes a tenant; the change is made to what is in force when it is written.

        Raises:
            NotFound: There is none.
            Conflict: Others keep changing it at the same time.
        """
        for _ in range(_TRIES):
            standing = self.get(who, id)
            now_ms = self.clock.now_ms()
            made = replace(
                change(standing),
                version=standing.version + 1,
                created_ms=standing.created_ms or now_ms,
                created_by=standing.created_by or who.name,
                updated_ms=now_ms,
                updated_by=who.name,
            )
            if self.tenants.swap(made) is None:
                self.cache.forget(id)
                return made
        raise Conflict("tenant", id, "it was changed at the same time", "try again")
