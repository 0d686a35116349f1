"""The handler of the dead-letter queue on AWS."""

from __future__ import annotations

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.aws.dynamodb.locks import DynamoLocks
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry
from tidewheel.adapters.clock import SystemClock
from tidewheel.engine.recovery.dead_letter_handler import DeadLetterHandler
from tidewheel.names import Function
from tidewheel.settings import DeadLetterHandlerSettings
from tidewheel.wire.message import load
from tidewheel.wiring.ends import end_handler
from tidewheel.wiring.stores import jobs, layout_cache
from tidewheel.wiring.wheel_writer import wheel_writer
from tidewheel.wiring.workflows import version_cache


def dead_letter_handler(settings: DeadLetterHandlerSettings) -> DeadLetterHandler:
    """Builds the handler with its clients."""
    lean, clock = settings.lean_transport, SystemClock()
    dynamodb = clients.dynamodb(lean=lean)
    telemetry = PowertoolsTelemetry(Function.DEAD_LETTER_HANDLER, settings.deployment)
    executions = DynamoExecutions(dynamodb, settings.executions_table)
    wheel, queue = DynamoWheel(dynamodb, settings.wheel_table), SqsQueue(clients.sqs(lean=lean), settings.queues)
    writer = wheel_writer(wheel, queue, layout_cache(dynamodb, settings, clock), clock, telemetry, settings.pace)
    locks = DynamoLocks(dynamodb, settings.executions_table)
    every_job = jobs(dynamodb, settings.jobs_table)
    versions = version_cache(dynamodb, settings.jobs_table)
    ends = end_handler(executions, locks, clock, writer, telemetry, every_job, queue, versions)
    return DeadLetterHandler(every_job, executions, wheel, queue, clock, telemetry, ends, load)
