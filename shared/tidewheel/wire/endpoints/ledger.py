"""The operation on the ledger of a job."""

from __future__ import annotations

from tidewheel.domain.access.roles import Role
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.execution import LedgerAnswer
from tidewheel.wire.operation import READ_PROBLEMS, Operation
from tidewheel.wire.parameters import CURSOR, JOB_ID, TIME, Parameter

_FROM = Parameter(
    "from", "query", "The first instant asked about; else a day before the end, or the job's creation.", TIME
)
_TO = Parameter("to", "query", "The first instant no longer asked about; else now.", TIME)

GET_LEDGER = Operation(
    id="ledger",
    method="GET",
    path=f"/{VERSION}/jobs/{{id}}/ledger",
    summary="How each of at most 10,000 instants is accounted for",
    status=200,
    answer=LedgerAnswer,
    role=Role.VIEWER,
    parameters=(JOB_ID, _FROM, _TO, CURSOR),
    problems=READ_PROBLEMS,
)
