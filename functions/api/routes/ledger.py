"""Serves the operation on the ledger of a job."""

from __future__ import annotations

import re

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered, fitting
from functions.api.cursors import cursor, foreign_cursor
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.wire.convert import ledger_answer, ledger_line
from tidewheel.wire.endpoints.ledger import GET_LEDGER

_POSITION = re.compile(r"(\d{1,15})-(\d{1,15})", re.ASCII)
"""The stretch of time that is left (ms since the epoch)."""


@serves(GET_LEDGER)
def get_ledger(request: Request) -> Response[str]:
    """How each instant that a job's schedule named is accounted for. A cursor is valid for the stretch it came from."""
    job, start_ms, end_ms = request.job, request.instant("from"), request.instant("to")
    kind = request.kind("ledger", job, request.filters())
    rest = request.position(kind)
    if rest is not None:
        start_ms, end_ms = _parsed(rest)
    report = request.services.ledger.report(request.tenant, job, start_ms, end_ms)
    lines = tuple(map(ledger_line, report.lines))
    count = fitting(lines)
    if count == len(lines):
        return answered(ledger_answer(lines, report.from_ms, report.until_ms, None))
    next_ms = report.lines[count].instant.nominal_ms
    following = cursor(kind, f"{next_ms}-{report.until_ms}")
    return answered(ledger_answer(lines[:count], report.from_ms, next_ms, following))


def _parsed(text: str) -> tuple[int, int]:
    found = _POSITION.fullmatch(text)
    if found is None:
        raise foreign_cursor()
    return int(found[1]), int(found[2])
