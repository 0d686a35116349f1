"""The operations on executions."""

from __future__ import annotations

from tidewheel.domain.access.roles import Role
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.cancel import CancelBody
from tidewheel.wire.bodies.execution import EXECUTION_STATES, ExecutionAnswer, ExecutionList
from tidewheel.wire.operation import ACTION_PROBLEMS, READ_PROBLEMS, Link, Operation
from tidewheel.wire.parameters import CURSOR, EXECUTION_ID, JOB_ID, KEY, LIMIT, LOCATION, TEXT, TIME, Parameter

_EXECUTION = f"/{VERSION}/executions/{{id}}"
_STATES = Parameter(
    "state",
    "query",
    "Only those in this state; given several times, in any of them. Dead letters alone (`dead`, `failed`, `timed_out`) "
    "of all jobs come by when they ended, others by nominal time.",
    {"type": "array", "items": {"type": "string", "enum": list(EXECUTION_STATES)}},
)
_OF_JOB = Parameter("job", "query", "Only those of this job: its id, the beginning of it, or its name.", TEXT)
_FROM = Parameter("from", "query", "From when on; else a day before the end, or of one job all that is kept.", TIME)
_TO = Parameter("to", "query", "Until when, not included; else now.", TIME)
_STILL_RUNNING = "It is running: its worker ends it within about ten seconds, unless it succeeds first."

RUN_JOB = Operation(
    id="runJob",
    method="POST",
    path=f"/{VERSION}/jobs/{{id}}/run",
    summary="Run a job now, beside its schedule",
    status=202,
    answer=ExecutionAnswer,
    role=Role.OPERATOR,
    parameters=(JOB_ID, KEY),
    headers=(LOCATION,),
    creates=True,
    links=(Link("getExecution"), Link("cancelExecution"), Link("logs")),
    problems=ACTION_PROBLEMS,
)
LIST_EXECUTIONS = Operation(
    id="listExecutions",
    method="GET",
    path=f"/{VERSION}/jobs/{{id}}/executions",
    summary="A job's executions, newest first",
    status=200,
    answer=ExecutionList,
    role=Role.VIEWER,
    parameters=(JOB_ID, LIMIT, CURSOR),
    problems=READ_PROBLEMS,
)
LIST_RUNS = Operation(
    id="listRuns",
    method="GET",
    path=f"/{VERSION}/executions",
    summary="Executions across jobs, by state and time, the newest first",
    status=200,
    answer=ExecutionList,
    role=Role.VIEWER,
    parameters=(_STATES, _OF_JOB, _FROM, _TO, LIMIT, CURSOR),
    problems=("invalid", "unavailable"),
)
GET_EXECUTION = Operation(
    id="getExecution",
    method="GET",
    path=_EXECUTION,
    summary="Read an execution",
    status=200,
    answer=ExecutionAnswer,
    role=Role.VIEWER,
    parameters=(EXECUTION_ID,),
    problems=READ_PROBLEMS,
)
CANCEL_EXECUTION = Operation(
    id="cancelExecution",
    method="POST",
    path=f"{_EXECUTION}/cancel",
    summary="Cancel an execution, or an occurrence to come",
    status=200,
    answer=ExecutionAnswer,
    role=Role.OPERATOR,
    body=CancelBody,
    examples={"because": {"reason": "wrong recipients"}},
    optional=True,
    parameters=(EXECUTION_ID, KEY),
    also=((202, _STILL_RUNNING),),
    problems=("malformed", "too-large", *ACTION_PROBLEMS),
)
