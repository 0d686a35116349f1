"""The worker on AWS: the flow, and what surrounds it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dates import Dates
from tidewheel.adapters.aws.dynamodb.control.layouts import DynamoLayouts
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.aws.dynamodb.locks import DynamoLocks
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.aws.logs import S3Logs
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.aws.secrets import SecretsManager
from tidewheel.adapters.clock import SystemClock, SystemEntropy
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.common.immediate_dispatch import ImmediateDispatch
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.worker.calling import TargetCalls
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.lease_renewer import LeaseRenewer
from tidewheel.engine.worker.reading import FactReader
from tidewheel.engine.worker.runner import Runner
from tidewheel.names import Function
from tidewheel.ports import SEND_BATCH, Telemetry
from tidewheel.settings import WorkerSettings
from tidewheel.wire.message import load
from tidewheel.wiring.admission import admission
from tidewheel.wiring.callers import Callers, found
from tidewheel.wiring.ends import end_handler
from tidewheel.wiring.stores import all_jobs


def batch(settings: WorkerSettings) -> Consumer:
    """Makes the flow with its clients, for a function."""
    from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry  # noqa: PLC0415 - a pool's worker does without

    return batch_of(settings, PowertoolsTelemetry(Function.WORKER))


def batch_of(settings: WorkerSettings, telemetry: Telemetry) -> Consumer:
    """Makes the flow with its clients and its lease renewer."""
    clock = SystemClock()
    dates = Dates(clock)
    dynamodb, sqs = clients.dynamodb(dates), clients.sqs(dates)
    executions = DynamoExecutions(dynamodb, settings.executions_table)
    wheel, queue = DynamoWheel(dynamodb, settings.wheel_table), SqsQueue(sqs, settings.queues)
    logs = S3Logs(settings.logs_bucket, clients.s3)
    secrets = SecretsManager(clients.secretsmanager, settings.deployment, clock)
    lease_renewer = LeaseRenewer(executions, queue, logs, clock, telemetry, ThreadPoolExecutor(SEND_BATCH))
    Thread(target=lease_renewer.watch, name="lease-renewer", daemon=True).start()
    layouts = LayoutCache(DynamoLayouts(ControlTable(dynamodb, settings.control_table)), clock, settings.shards)
    immediate = ImmediateDispatch(queue, wheel, clock, telemetry, settings.pace)
    wheel_writer = WheelWriter(wheel, layouts, clock, immediate)
    ends = end_handler(executions, DynamoLocks(dynamodb, settings.executions_table), clock, wheel_writer)
    callers = Callers(Surroundings(secrets, settings.allowed_networks, clock), found())
    runner = Runner(
        reader=FactReader(all_jobs(dynamodb, settings), executions, ends.overlap_lock),
        executions=executions,
        wheel_writer=wheel_writer,
        overlap_lock=ends.overlap_lock,
        ends=ends,
        admission=admission(dynamodb, settings, clock, telemetry),
        calls=TargetCalls(callers, lease_renewer, clock),
        clock=clock,
        entropy=SystemEntropy(),
        telemetry=telemetry,
    )
    return Consumer(runner, queue, telemetry, load, guard=ClockGuard(dates, clock, telemetry))
