"""The limits of tenants, as this process knows them."""

from __future__ import annotations

from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.limits import TENANT_FRESH_MS
from tidewheel.domain.quotas.limit import Limits
from tidewheel.domain.quotas.plans import Plans, limits_of
from tidewheel.ports import Clock, PortError, Tenants

_NONE: Limits = {}


class TenantLimits:
    """One per process; thread-safe. A tenant that is gone has no limits: what its jobs still do is not its own.

    Args:
        tenants: The store.
        plans: The plans that the deployment defines.
        clock: Reads the time.
    """

    def __init__(self, tenants: Tenants, plans: Plans, clock: Clock) -> None:
        self._tenants = tenants
        self._plans = plans
        self._clock = clock
        self._known: dict[str, tuple[int, Tenant | None, Limits]] = {}

    def of(self, tenant: str) -> Limits:
        """A tenant's limits, at most ``limits.TENANT_FRESH_MS`` old; older ones go on while the store fails.

        Raises:
            PortError: The store failed, and they are not known yet.
        """
        return self._read(tenant)[2]

    def record(self, tenant: str) -> Tenant | None:
        """The tenant itself, as old as that; None if there is no such tenant.

        Raises:
            PortError: As for ``of``.
        """
        return self._read(tenant)[1]

    def _read(self, tenant: str) -> tuple[int, Tenant | None, Limits]:
        now_ms, known = self._clock.monotonic_ms(), self._known.get(tenant)
        if known is not None and now_ms - known[0] < TENANT_FRESH_MS:
            return known
        try:
            record = self._tenants.get(tenant)
        except PortError:
            if known is None:
                raise
            record = known[1]
        limits = _NONE if record is None else limits_of(self._plans, record.plan, record.limits, record.budget_dollars)
        found = self._known[tenant] = now_ms, record, limits
        return found
