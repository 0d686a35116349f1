"""The API's flow on AWS."""

from __future__ import annotations

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dynamodb.circuits import DynamoCircuits
from tidewheel.adapters.aws.dynamodb.control.layouts import DynamoLayouts
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.aws.dynamodb.locks import DynamoLocks
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.aws.logs import S3Logs
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry
from tidewheel.adapters.clock import SystemClock, SystemEntropy
from tidewheel.engine.api.jobs import JobService
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.names import Function
from tidewheel.settings import RunSettings
from tidewheel.wiring.stores import all_jobs


def job_service(settings: RunSettings) -> JobService:
    """Makes the flow with its clients."""
    dynamodb, clock = clients.dynamodb(), SystemClock()
    return JobService(
        jobs=all_jobs(dynamodb, settings),
        executions=DynamoExecutions(dynamodb, settings.executions_table),
        wheel=DynamoWheel(dynamodb, settings.wheel_table),
        queue=SqsQueue(clients.sqs(), settings.queues),
        clock=clock,
        entropy=SystemEntropy(),
        telemetry=PowertoolsTelemetry(Function.API),
        layouts=LayoutCache(DynamoLayouts(ControlTable(dynamodb, settings.control_table)), clock, settings.shards),
        logs=S3Logs(settings.logs_bucket, clients.s3),
        locks=DynamoLocks(dynamodb, settings.executions_table),
        circuits=DynamoCircuits(dynamodb, settings.executions_table),
        pace=settings.pace,
        pools=frozenset(route.pool for route in settings.queues),
    )
