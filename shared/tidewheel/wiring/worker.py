"""The worker on AWS: the flow, and what surrounds it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.control import DynamoControl
from tidewheel.adapters.aws.dates import Dates
from tidewheel.adapters.aws.executions import DynamoExecutions
from tidewheel.adapters.aws.locks import DynamoLocks
from tidewheel.adapters.aws.logs import S3Logs
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.aws.secrets import SecretsManager
from tidewheel.adapters.aws.wheel import DynamoWheel
from tidewheel.adapters.clock import SystemClock, SystemEntropy
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.common.immediate_dispatch import Direct
from tidewheel.engine.common.shard_layout import Layouts
from tidewheel.engine.common.wheel_writer import Shelf
from tidewheel.engine.worker.consumer import Batch
from tidewheel.engine.worker.lease_renewer import Keeper
from tidewheel.engine.worker.runner import Run
from tidewheel.names import Function
from tidewheel.ports import SEND_BATCH, Telemetry
from tidewheel.settings import WorkerSettings
from tidewheel.wire.message import load
from tidewheel.wiring.admission import admission
from tidewheel.wiring.callers import Callers, found
from tidewheel.wiring.stores import all_jobs


def batch(settings: WorkerSettings) -> Batch:
    """Makes the flow with its clients, for a function."""
    from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry  # noqa: PLC0415 - a pool's worker does without

    return batch_of(settings, PowertoolsTelemetry(Function.WORKER))


def batch_of(settings: WorkerSettings, telemetry: Telemetry) -> Batch:
    """Makes the flow with its clients and its keeper."""
    clock = SystemClock()
    dates = Dates(clock)
    dynamodb, sqs = clients.dynamodb(dates), clients.sqs(dates)
    executions = DynamoExecutions(dynamodb, settings.executions_table)
    wheel, queue = DynamoWheel(dynamodb, settings.wheel_table), SqsQueue(sqs, settings.queues)
    logs = S3Logs(settings.logs_bucket, clients.s3)
    secrets = SecretsManager(clients.secretsmanager, settings.deployment, clock)
    keeper = Keeper(executions, queue, logs, clock, telemetry, ThreadPoolExecutor(SEND_BATCH))
    Thread(target=keeper.watch, name="keeper", daemon=True).start()
    layouts = Layouts(DynamoControl(dynamodb, settings.control_table), clock, settings.shards)
    direct = Direct(queue, wheel, clock, telemetry, settings.pace)
    run = Run(
        jobs=all_jobs(dynamodb, settings),
        executions=executions,
        wheel=wheel,
        callers=Callers(Surroundings(secrets, settings.allowed_networks, clock), found()),
        clock=clock,
        entropy=SystemEntropy(),
        telemetry=telemetry,
        layouts=layouts,
        locks=DynamoLocks(dynamodb, settings.executions_table),
        keeper=keeper,
        admission=admission(dynamodb, settings, executions, clock, telemetry, Shelf(wheel, layouts, direct).put),
        direct=direct,
    )
    return Batch(run, queue, telemetry, load, guard=ClockGuard(dates, clock, telemetry))
