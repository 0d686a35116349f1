"""What gives permits to the executions that wait for one: workers that return one, and the line guard of schedulers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.dynamodb.permit_lines import DynamoPermitLines
from tidewheel.adapters.aws.dynamodb.permits import DynamoPermits
from tidewheel.adapters.clock import SystemEntropy
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.ports import Clock, Executions, Queue, Telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def permit_grants(
    client: DynamoDBClient,
    table: str,
    executions: Executions,
    queue: Queue,
    clock: Clock,
    telemetry: Telemetry,
    put: Callable[[ExecutionEntry], None] | None = None,
) -> PermitGrants:
    """Builds it over the Executions table, ``table``; ``put`` puts on the wheel what no queue takes."""
    permits, lines = DynamoPermits(client, table), DynamoPermitLines(client, table)
    return PermitGrants(permits, lines, executions, queue, clock, SystemEntropy(), telemetry, put)
