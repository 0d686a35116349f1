"""Builds a worker's admission control. One per process, since breaker and limiter cache what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidewheel.adapters.aws.dynamodb.circuits import DynamoCircuits
from tidewheel.domain.fleet.circuit import Tolerance
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.engine.worker.circuit_breaker import CircuitBreaker
from tidewheel.ports import Clock, Telemetry
from tidewheel.settings import WorkerSettings
from tidewheel.wire.targets import circuit_key
from tidewheel.wiring.quota import quota_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def admission(
    client: DynamoDBClient, settings: WorkerSettings, clock: Clock, telemetry: Telemetry, grants: PermitGrants
) -> AdmissionControl:
    """Builds it over the tables of the deployment."""
    tolerance = Tolerance(settings.circuit_failures, settings.circuit_open * SECOND_MS)
    table = settings.executions_table
    breaker = CircuitBreaker(DynamoCircuits(client, table), clock, telemetry, tolerance)
    quota = quota_of(client, settings.access_table, table, settings.plans, clock, telemetry)
    limiter = ConcurrencyLimiter(grants, RunningLimits(settings.tenant_concurrency, quota.of))
    return AdmissionControl(quota, breaker, limiter, circuit_key)
