"""The API's services on AWS."""

from __future__ import annotations

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dynamodb.access.api_keys import DynamoApiKeys
from tidewheel.adapters.aws.dynamodb.access.tenants import DynamoTenants
from tidewheel.adapters.aws.dynamodb.audit import DynamoAudit
from tidewheel.adapters.aws.dynamodb.circuits import DynamoCircuits
from tidewheel.adapters.aws.dynamodb.control.health import DynamoHealth
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.aws.dynamodb.locks import DynamoLocks
from tidewheel.adapters.aws.dynamodb.permit_lines import DynamoPermitLines
from tidewheel.adapters.aws.dynamodb.permits import DynamoPermits
from tidewheel.adapters.aws.dynamodb.quotas.counters import DynamoCounters
from tidewheel.adapters.aws.dynamodb.quotas.tallies import DynamoTallies
from tidewheel.adapters.aws.dynamodb.requests import DynamoRequests
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.aws.dynamodb.workflows.definitions import DynamoWorkflows
from tidewheel.adapters.aws.logs import S3Logs
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry
from tidewheel.adapters.clock import SystemClock, SystemEntropy
from tidewheel.engine.api.services import ApiServices
from tidewheel.names import Function
from tidewheel.settings import ApiSettings, SignIn
from tidewheel.wire.targets import allowed_kinds
from tidewheel.wiring.api.services import ApiPorts, services_of
from tidewheel.wiring.quota import quota_of
from tidewheel.wiring.stores import all_jobs, layout_cache
from tidewheel.wiring.workflows import version_cache


def api_services(settings: ApiSettings) -> ApiServices:
    """Builds the services with their clients."""
    return services_of(ports_of(settings))


def ports_of(settings: ApiSettings) -> ApiPorts:
    """Builds the adapters with their clients."""
    lean, clock = settings.lean_transport, SystemClock()
    dynamodb = clients.dynamodb(lean=lean)
    return ApiPorts(
        jobs=all_jobs(dynamodb, settings),
        executions=DynamoExecutions(dynamodb, settings.executions_table),
        wheel=DynamoWheel(dynamodb, settings.wheel_table),
        queue=SqsQueue(clients.sqs(lean=lean), settings.queues),
        clock=clock,
        entropy=SystemEntropy(),
        telemetry=PowertoolsTelemetry(Function.API, settings.deployment),
        layouts=layout_cache(dynamodb, settings, clock),
        logs=S3Logs(settings.logs_bucket, clients.s3),
        locks=DynamoLocks(dynamodb, settings.executions_table),
        tenants=DynamoTenants(dynamodb, settings.access_table),
        api_keys=DynamoApiKeys(dynamodb, settings.access_table),
        circuits=DynamoCircuits(dynamodb, settings.executions_table),
        health=DynamoHealth(ControlTable(dynamodb, settings.control_table)),
        requests=DynamoRequests(dynamodb, settings.jobs_table),
        quota=quota_of(dynamodb, settings.access_table, settings.executions_table, settings.plans, clock),
        counters=DynamoCounters(dynamodb, settings.executions_table),
        audit=DynamoAudit(dynamodb, settings.audit_table),
        permits=DynamoPermits(dynamodb, settings.executions_table),
        permit_lines=DynamoPermitLines(dynamodb, settings.executions_table),
        tallies=DynamoTallies(dynamodb, settings.jobs_table),
        workflows=DynamoWorkflows(dynamodb, settings.jobs_table),
        versions=version_cache(dynamodb, settings.jobs_table),
        pace=settings.pace,
        pools=frozenset(route.pool for route in settings.queues),
        kinds=allowed_kinds(settings.allow_kinds),
        sign_in_here=settings.sign_in is SignIn.FUNCTION,
    )
