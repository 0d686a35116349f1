"""The watchdog on AWS."""

from __future__ import annotations

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dynamodb.control.leases import DynamoLeases
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.functions import LambdaLauncher
from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry
from tidewheel.adapters.clock import SystemClock
from tidewheel.engine.scheduler.watchdog import Watchdog
from tidewheel.names import Function
from tidewheel.settings import WatchdogSettings


def watchdog(settings: WatchdogSettings) -> Watchdog:
    """Builds the flow with its clients."""
    return Watchdog(
        leases=DynamoLeases(ControlTable(clients.dynamodb(), settings.control_table)),
        launcher=LambdaLauncher(clients.functions(), settings.scheduler_function),
        clock=SystemClock(),
        telemetry=PowertoolsTelemetry(Function.WATCHDOG, settings.deployment),
        version=settings.code_version,
        instances=settings.schedulers,
    )
