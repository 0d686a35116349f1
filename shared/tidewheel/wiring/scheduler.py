"""The scheduler on AWS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dates import Dates
from tidewheel.adapters.aws.dynamodb.control.health import DynamoHealth
from tidewheel.adapters.aws.dynamodb.control.leases import DynamoLeases
from tidewheel.adapters.aws.dynamodb.control.ownership import DynamoOwnership
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.aws.dynamodb.locks import DynamoLocks
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.aws.functions import LambdaLauncher
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry
from tidewheel.adapters.clock import SystemClock
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.permits.guard import LineGuard
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.engine.scheduler.context import Stores
from tidewheel.engine.scheduler.dispatch.dispatcher import MOST_IN_FLIGHT
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.names import Function
from tidewheel.settings import SchedulerSettings
from tidewheel.wiring.ends import end_handler
from tidewheel.wiring.permits import permit_grants
from tidewheel.wiring.quota import quota_of
from tidewheel.wiring.stores import jobs, layout_cache
from tidewheel.wiring.wheel_writer import wheel_writer
from tidewheel.wiring.workflows import version_cache

_THREADS = MOST_IN_FLIGHT + 32
"""Every batch in flight may wait seconds for a queue that does not answer; 32 threads are left for heartbeats and
loads."""


def scheduler_loop(settings: SchedulerSettings, owner: str, instance: int) -> SchedulerLoop:
    """Builds one scheduler with its clients.

    Args:
        settings: The function's settings.
        owner: A name for this run that no other run has.
        instance: Which scheduler instance it is to be; in economy mode there is one, 0.
    """
    clock = SystemClock()
    dates = Dates(clock)
    lean = settings.lean_transport
    dynamodb, sqs = clients.dynamodb(dates, lean=lean), clients.sqs(dates, lean=lean)
    control, telemetry = (
        ControlTable(dynamodb, settings.control_table),
        PowertoolsTelemetry(Function.SCHEDULER, settings.deployment),
    )
    wheel, executions = (
        DynamoWheel(dynamodb, settings.wheel_table),
        DynamoExecutions(dynamodb, settings.executions_table),
    )
    queue, layouts = SqsQueue(sqs, settings.queues), layout_cache(dynamodb, settings, clock)
    writer = wheel_writer(wheel, queue, layouts, clock, telemetry, settings.pace)
    quota = quota_of(dynamodb, settings.access_table, settings.executions_table, settings.plans, clock, telemetry)
    grants = permit_grants(dynamodb, settings.executions_table, executions, queue, clock, telemetry, writer.put)
    every_job = jobs(dynamodb, settings.jobs_table)
    return SchedulerLoop(
        stores=Stores(
            wheel=wheel,
            jobs=every_job,
            executions=executions,
            leases=DynamoLeases(control),
            ownership=DynamoOwnership(control),
            health=DynamoHealth(control),
        ),
        queue=queue,
        launcher=LambdaLauncher(clients.functions(), settings.scheduler_function),
        clock=clock,
        telemetry=telemetry,
        executor=ThreadPoolExecutor(_THREADS, thread_name_prefix="background call"),
        layouts=layouts,
        ends=end_handler(
            executions,
            DynamoLocks(dynamodb, settings.executions_table),
            clock,
            writer,
            telemetry,
            every_job,
            queue,
            version_cache(dynamodb, settings.jobs_table),
        ),
        owner=owner,
        version=settings.code_version,
        instance=instance if settings.pace.loops else 0,
        instances=settings.schedulers,
        pace=settings.pace,
        line_guard=lambda: LineGuard(grants, RunningLimits(settings.tenant_concurrency, quota.of)),
        guard=ClockGuard(dates, clock, telemetry),
        tenants=quota.tenants,
    )
