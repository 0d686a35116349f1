"""How many executions of a tenant may run at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidewheel.domain.permits.permit import limit_of
from tidewheel.domain.quotas.limit import Limit, Limits


@dataclass(frozen=True, slots=True)
class RunningLimits:
    """The lower of what the deployment says and what the tenant's plan says.

    Args:
        deployment: What the deployment says, by tenant; ``permit.EVERYONE`` is the key for all other tenants.
        of_tenant: A tenant's limits, by its plan and its own; raises ``PortError`` if they cannot be read.
    """

    deployment: Mapping[str, int]
    of_tenant: Callable[[str], Limits]

    def of(self, tenant: str) -> int | None:
        """How many of a tenant's executions may run at once; None for any number.

        Raises:
            PortError: The tenant could not be read.
        """
        return limit_of(self.deployment, tenant, self.of_tenant(tenant).get(Limit.RUNNING_AT_ONCE))
