"""Serves the operation on the ledger of a job."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.wire.convert import ledger_answer
from tidewheel.wire.endpoints.ledger import GET_LEDGER


@serves(GET_LEDGER)
def get_ledger(request: Request) -> Response[str]:
    """How each instant that a job's schedule named is accounted for."""
    job, ledger = request.job, request.services.ledger
    report = ledger.report(request.tenant, job, request.instant("from"), request.instant("to"))
    return answered(ledger_answer(report.lines, report.from_ms, report.until_ms))
