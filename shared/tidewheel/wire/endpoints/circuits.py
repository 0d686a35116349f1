"""The operations on circuits."""

from __future__ import annotations

from tidewheel.domain.access.roles import Role
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.circuit import CircuitAnswer, CircuitList
from tidewheel.wire.operation import ACTION_PROBLEMS, Link, Operation
from tidewheel.wire.parameters import CIRCUIT_ID, CURSOR, KEY, LIMIT

LIST_CIRCUITS = Operation(
    id="listCircuits",
    method="GET",
    path=f"/{VERSION}/circuits",
    summary="The parties that jobs call and that failed lately: who is left alone, and until when",
    status=200,
    answer=CircuitList,
    role=Role.VIEWER,
    parameters=(LIMIT, CURSOR),
    links=(Link("closeCircuit", "$response.body#/items/0/id"),),
    problems=("invalid", "unavailable"),
)
CLOSE_CIRCUIT = Operation(
    id="closeCircuit",
    method="POST",
    path=f"/{VERSION}/circuits/{{id}}/close",
    summary="Have a party called again at once; one that is closed already stays so",
    status=200,
    answer=CircuitAnswer,
    role=Role.OPERATOR,
    parameters=(CIRCUIT_ID, KEY),
    problems=ACTION_PROBLEMS,
)
