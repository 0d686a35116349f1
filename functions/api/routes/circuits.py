"""Serves the operations on circuits."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered, answered_page
from functions.api.repeats import once
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.wire.bodies.circuit import CircuitList, circuit_answer
from tidewheel.wire.endpoints.circuits import CLOSE_CIRCUIT, LIST_CIRCUITS


@serves(LIST_CIRCUITS)
def list_circuits(request: Request) -> Response[str]:
    """A page of the circuits of parties that failed lately, ordered by party."""
    kind = request.kind("circuits")
    page = request.services.circuits.listed(request.tenant, request.limit, request.position(kind))
    now_ms = request.services.now_ms()
    return answered_page(page, kind, lambda circuit: circuit_answer(circuit, now_ms), CircuitList)


@serves(CLOSE_CIRCUIT)
def close_circuit(request: Request) -> Response[str]:
    """Closes a circuit. A repeat changes nothing, whatever became of the circuit since."""
    circuits, tenant = request.services.circuits, request.tenant
    circuit = once(
        request,
        lambda: circuits.close(tenant, request.party),
        lambda closed: closed.key,
        lambda party: circuits.get(tenant, party),
    )
    return answered(circuit_answer(circuit, request.services.now_ms()))
