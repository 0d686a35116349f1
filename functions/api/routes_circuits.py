"""The operations on circuits."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request, cursor
from tidewheel.engine.api.lists import report_unreadable
from tidewheel.wire.circuit import CircuitList, circuit_answer

_KIND = "circuits"


def listed(request: Request) -> Response[str]:
    """What is known of the parties that failed lately, by party."""
    job_service = request.job_service
    page = job_service.circuits.list(request.tenant, request.limit, request.position(_KIND))
    report_unreadable(page, job_service.telemetry)
    now = job_service.clock.now_ms()
    items = tuple(circuit_answer(circuit, now) for circuit in page.items)
    return answered(CircuitList(items=items, cursor=cursor(_KIND, page.cursor)))
