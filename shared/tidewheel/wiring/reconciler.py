"""The reconciler on AWS."""

from __future__ import annotations

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dynamodb.control.ownership import DynamoOwnership
from tidewheel.adapters.aws.dynamodb.control.sweeps import DynamoSweeps
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.aws.dynamodb.permit_lines import DynamoPermitLines
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry
from tidewheel.adapters.clock import SystemClock
from tidewheel.engine.recovery.reconciler import Reconciler
from tidewheel.names import Function
from tidewheel.settings import ReconcilerSettings
from tidewheel.wiring.stores import jobs, layout_cache


def reconciler(settings: ReconcilerSettings) -> Reconciler:
    """Builds the flow with its clients."""
    lean, clock = settings.lean_transport, SystemClock()
    dynamodb = clients.dynamodb(lean=lean)
    control = ControlTable(dynamodb, settings.control_table)
    return Reconciler(
        jobs=jobs(dynamodb, settings.jobs_table),
        executions=DynamoExecutions(dynamodb, settings.executions_table),
        wheel=DynamoWheel(dynamodb, settings.wheel_table),
        sweeps=DynamoSweeps(control),
        ownership=DynamoOwnership(control),
        queue=SqsQueue(clients.sqs(lean=lean), settings.queues),
        clock=clock,
        telemetry=PowertoolsTelemetry(Function.RECONCILER, settings.deployment),
        layouts=layout_cache(dynamodb, settings, clock),
        lines=DynamoPermitLines(dynamodb, settings.executions_table),
    )
