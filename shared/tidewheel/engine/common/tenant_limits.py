"""The limits of tenants, as this process knows them."""

from __future__ import annotations

from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.quotas.limit import Limits
from tidewheel.domain.quotas.plans import Plans, limits_of
from tidewheel.engine.common.tenant_cache import TenantCache

_NONE: Limits = {}


class TenantLimits:
    """One per process; thread-safe. A tenant that is gone has no limits: what its jobs still do is not its own.

    Args:
        tenants: What the process knows of tenants.
        plans: The plans that the deployment defines.
    """

    def __init__(self, tenants: TenantCache, plans: Plans) -> None:
        self._tenants = tenants
        self._plans = plans

    def of(self, tenant: str) -> Limits:
        """A tenant's limits, at most ``tenant_cache.KEPT_MS`` old.

        Raises:
            PortError: The tenant could not be read, and was not read lately.
        """
        record = self._tenants.get(tenant)
        return _NONE if record is None else limits_of(self._plans, record.plan, record.limits, record.budget_dollars)

    def record(self, tenant: str) -> Tenant | None:
        """The tenant itself, as old as that; None if there is no such tenant. Raises ``PortError`` as ``of`` does."""
        return self._tenants.get(tenant)
