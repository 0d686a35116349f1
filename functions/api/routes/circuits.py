"""Serves the operation on circuits."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered_page
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.wire.circuit import CircuitList, circuit_answer
from tidewheel.wire.endpoints.circuits import LIST_CIRCUITS

_KIND = "circuits"


@serves(LIST_CIRCUITS)
def list_circuits(request: Request) -> Response[str]:
    """A page of the circuits of parties that failed lately, ordered by party."""
    page = request.services.circuits.listed(request.tenant, request.limit, request.position(_KIND))
    now_ms = request.services.now_ms()
    return answered_page(page, _KIND, lambda circuit: circuit_answer(circuit, now_ms), CircuitList)
