"""The worker on AWS: its consumer, with clients, lease renewer and adapters of targets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dates import Dates
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.aws.dynamodb.grouped_swaps import GroupedSwaps
from tidewheel.adapters.aws.dynamodb.locks import DynamoLocks
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.aws.logs import S3Logs
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.aws.secrets import SecretsManager
from tidewheel.adapters.clock import SystemClock, SystemEntropy
from tidewheel.adapters.targets.program_user import ProgramUser
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.orchestration.steps import StepJobs
from tidewheel.engine.worker.calling import TargetCalls
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.lease_renewer import LeaseRenewer
from tidewheel.engine.worker.reading import FactReader
from tidewheel.engine.worker.runner import Runner
from tidewheel.names import Function, secrets_prefix
from tidewheel.ports import SEND_BATCH, Telemetry
from tidewheel.settings import WorkerSettings
from tidewheel.wire.message import load
from tidewheel.wire.targets import allowed_kinds
from tidewheel.wiring.admission import admission
from tidewheel.wiring.callers import Callers, found
from tidewheel.wiring.ends import end_handler
from tidewheel.wiring.permits import permit_grants
from tidewheel.wiring.stores import all_jobs, layout_cache
from tidewheel.wiring.wheel_writer import wheel_writer
from tidewheel.wiring.workflows import version_cache


def consumer(settings: WorkerSettings) -> Consumer:
    """Builds the consumer of the worker function."""
    from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry  # noqa: PLC0415 - a pool's worker does without

    return consumer_of(settings, PowertoolsTelemetry(Function.WORKER, settings.deployment))


def consumer_of(settings: WorkerSettings, telemetry: Telemetry, program_user: ProgramUser | None = None) -> Consumer:
    """Builds a consumer with its clients, and starts the thread of its lease renewer.

    Args:
        settings: Of the deployment's worker.
        telemetry: Counts and logs.
        program_user: Under whom programs run; None for the worker's own user.
    """
    clock = SystemClock()
    dates = Dates(clock)
    lean = settings.lean_transport
    dynamodb, sqs = clients.dynamodb(dates, lean=lean), clients.sqs(dates, lean=lean)
    swaps = GroupedSwaps(dynamodb, "executions.swap", settings.executions_table, settings.writes_together)
    executions = DynamoExecutions(dynamodb, settings.executions_table, swaps)
    wheel, queue = DynamoWheel(dynamodb, settings.wheel_table), SqsQueue(sqs, settings.queues)
    logs = S3Logs(settings.logs_bucket, clients.s3)
    secrets = SecretsManager(clients.secretsmanager, secrets_prefix(settings.deployment), clock)
    lease_renewer = LeaseRenewer(executions, queue, logs, clock, telemetry, ThreadPoolExecutor(SEND_BATCH))
    Thread(target=lease_renewer.watch, name="lease-renewer", daemon=True).start()
    layouts = layout_cache(dynamodb, settings, clock)
    writer = wheel_writer(wheel, queue, layouts, clock, telemetry, settings.pace)
    every_job, locks = all_jobs(dynamodb, settings, grouped=True), DynamoLocks(dynamodb, settings.executions_table)
    versions = version_cache(dynamodb, settings.jobs_table)
    steps = StepJobs(executions, versions)
    ends = end_handler(executions, locks, clock, writer, telemetry, every_job, queue, versions)
    grants = permit_grants(dynamodb, settings.executions_table, executions, queue, clock, telemetry)
    callers = Callers(Surroundings(secrets, settings.allowed_networks, clock, program_user), found())
    runner = Runner(
        reader=FactReader(every_job, executions, ends.overlap_lock, steps),
        executions=executions,
        wheel_writer=writer,
        overlap_lock=ends.overlap_lock,
        ends=ends,
        admission=admission(dynamodb, settings, clock, telemetry, grants),
        calls=TargetCalls(
            callers, lease_renewer, clock, allowed_kinds(settings.allow_kinds), steps, settings.least_log
        ),
        clock=clock,
        entropy=SystemEntropy(),
        telemetry=telemetry,
    )
    return Consumer(runner, queue, telemetry, load, guard=ClockGuard(dates, clock, telemetry))
