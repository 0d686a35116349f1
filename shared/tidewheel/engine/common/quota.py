"""What a tenant may use: its limits, cached for a few seconds, and the tokens that this process has of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import Limit, Limits
from tidewheel.domain.quotas.tokens import Allowance
from tidewheel.engine.common.tenant_limits import TenantLimits
from tidewheel.engine.common.token_leaser import Charge, TokenLeaser


class Quota:
    """One per process; thread-safe.

    Args:
        limits: The limits of tenants.
        leaser: Spends tokens.
    """

    def __init__(self, limits: TenantLimits, leaser: TokenLeaser) -> None:
        self._limits = limits
        self._leaser = leaser

    def of(self, tenant: str) -> Limits:
        """A tenant's limits, at most ``tenant_cache.KEPT_MS`` old.

        Raises:
            PortError: The tenant could not be read, and was not read lately.
        """
        return self._limits.of(tenant)

    def tenant(self, tenant: str) -> Tenant | None:
        """The tenant itself, as old as that; None if there is no such tenant. Raises ``PortError`` as ``of`` does."""
        return self._limits.record(tenant)

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
