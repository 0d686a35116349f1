"""The operations on dead letters."""

from __future__ import annotations

from tidewheel.domain.access.roles import Role
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.execution import ExecutionList
from tidewheel.wire.bodies.redrive import RedriveAnswer, RedriveBody
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import CURSOR, KEY, LIMIT, TEXT, Parameter

_DEAD_LETTERS = f"/{VERSION}/dead-letters"
_OF_JOB = Parameter("job", "query", "Only those of this job.", TEXT)

LIST_DEAD_LETTERS = Operation(
    id="listDeadLetters",
    method="GET",
    path=_DEAD_LETTERS,
    summary="Executions that ended as dead, failed or timed_out, the last to end first",
    status=200,
    answer=ExecutionList,
    role=Role.VIEWER,
    parameters=(_OF_JOB, LIMIT, CURSOR),
    problems=("invalid", "unavailable"),
)
REDRIVE_DEAD_LETTERS = Operation(
    id="redriveDeadLetters",
    method="POST",
    path=f"{_DEAD_LETTERS}/redrive",
    summary="Run up to a hundred dead letters again, at a set rate",
    status=202,
    answer=RedriveAnswer,
    role=Role.OPERATOR,
    body=RedriveBody,
    examples={"everything": {"all": True, "rate": 50}, "of one job": {"job": "j0123456789abcdef"}},
    parameters=(KEY,),
    creates=True,
    problems=("malformed", "too-large", "conflict", "invalid", "unavailable"),
)
