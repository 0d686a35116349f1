"""What a tenant may use: its limits, by what the process knows of tenants, and the tokens that it has of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import Limit, Limits
from tidewheel.domain.quotas.plans import Plans, limits_of
from tidewheel.domain.quotas.tokens import Allowance
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.common.token_leaser import Charge, TokenLeaser


class Quota:
    """One per process; thread-safe.

    Args:
        tenants: What the process knows of tenants.
        plans: The plans that the deployment defines.
        leaser: Spends tokens.
    """

    def __init__(self, tenants: TenantCache, plans: Plans, leaser: TokenLeaser) -> None:
        self.tenants = tenants
        self._plans = plans
        self._leaser = leaser

    def of(self, tenant: str) -> Limits:
        """A tenant's limits, at most ``tenant_cache.KEPT_MS`` old.

        A tenant that is gone has none: what its jobs still do is not its own.

        Raises:
            PortError: The tenant could not be read, and was not read lately.
        """
        record = self.tenants.get(tenant)
        return {} if record is None else limits_of(self._plans, record.plan, record.limits, record.budget_dollars)

    def charge(self, tenant: str, counted: Sequence[Limit]) -> Charge | Exceeded:
        """Spends a token of each of these limits that the tenant has; none if one of them is used up.

        Raises:
            PortError: A store failed; no token is spent.
        """
        return self._leaser.charge(tenant, self.of(tenant), counted)

    def give_back(self, charge: Charge) -> None:
        """Returns the tokens of what then did not happen."""
        self._leaser.give_back(charge)

    def held(self, tenant: str, of: Iterable[Limit]) -> Sequence[Allowance]:
        """What this process knows of the windows of these limits; without a request for counters."""
        return self._leaser.held(tenant, self.of(tenant), of)
