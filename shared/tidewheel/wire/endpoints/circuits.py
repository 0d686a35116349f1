"""The operation on circuits."""

from __future__ import annotations

from tidewheel.wire import VERSION
from tidewheel.wire.circuit import CircuitList
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import CURSOR, LIMIT

LIST_CIRCUITS = Operation(
    id="listCircuits",
    method="GET",
    path=f"/{VERSION}/circuits",
    summary="The parties that jobs call and that failed lately: who is left alone, and until when",
    status=200,
    answer=CircuitList,
    parameters=(LIMIT, CURSOR),
    problems=("invalid", "unavailable"),
)
