"""What counts against tenants' limits, for API and workers alike. One per process, since it caches what it read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidewheel.adapters.aws.dynamodb.access.tenants import DynamoTenants
from tidewheel.adapters.aws.dynamodb.quotas.counters import DynamoCounters
from tidewheel.domain.quotas.plans import Plans
from tidewheel.engine.common.quota import Quota
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.common.token_leaser import TokenLeaser
from tidewheel.ports import Clock, Telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def quota_of(
    client: DynamoDBClient,
    access_table: str,
    executions_table: str,
    plans: Plans,
    clock: Clock,
    telemetry: Telemetry | None = None,
) -> Quota:
    """Builds it over the tables of the deployment: tenants in one, their counters in the other.

    With ``telemetry``, what was known of a tenant holds while the table of tenants cannot be read: see ``TenantCache``.
    """
    tenants = TenantCache(DynamoTenants(client, access_table), clock, telemetry)
    return Quota(tenants, plans, TokenLeaser(DynamoCounters(client, executions_table), clock))
