"""The operation on the logs of attempts."""

from __future__ import annotations

from tidewheel.domain.access.roles import Role
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.execution import LogAnswer
from tidewheel.wire.operation import READ_PROBLEMS, Operation
from tidewheel.wire.parameters import CURSOR, EXECUTION_ID, Parameter

_ATTEMPT = Parameter("attempt", "query", "Which attempt; else the newest.", {"type": "integer", "minimum": 1})

READ_LOG = Operation(
    id="logs",
    method="GET",
    path=f"/{VERSION}/executions/{{id}}/logs",
    summary="The log of an attempt",
    status=200,
    answer=LogAnswer,
    role=Role.VIEWER,
    parameters=(EXECUTION_ID, _ATTEMPT, CURSOR),
    problems=READ_PROBLEMS,
)
