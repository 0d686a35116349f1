"""Serves the operation on the logs of attempts."""

from __future__ import annotations

import re

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.cursors import cursor, foreign_cursor
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.engine.api.logs import LogPosition
from tidewheel.wire.bodies.execution import LogAnswer
from tidewheel.wire.endpoints.logs import READ_LOG

_POSITION = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,9})", re.ASCII)
_MOST_ATTEMPTS = 100_000
"""More than any execution has, redriven and handed-over ones included, which may exceed a job's own limit."""


@serves(READ_LOG)
def read_log(request: Request) -> Response[str]:
    """A piece of an attempt's log. Without ``attempt``, a cursor goes on with the attempt that it came from."""
    id = request.execution
    kind = request.kind("logs", id)
    attempt = request.whole("attempt", 0, _MOST_ATTEMPTS) or None
    text = request.position(kind)
    position = None if text is None else _parsed(text)
    if position is not None and attempt not in {None, position.attempt}:
        raise foreign_cursor()
    page = request.services.logs.read(request.tenant, id, attempt, position)
    return answered(
        LogAnswer.model_validate(
            {
                "attempt": page.attempt,
                "text": page.text,
                "source": page.source and page.source.value,
                "cursor": cursor(kind, _written(page.position)),
                "complete": page.complete,
            }
        )
    )


def _written(position: LogPosition | None) -> str | None:
    return None if position is None else f"{position.attempt}.{position.part}.{position.offset}"


def _parsed(text: str) -> LogPosition:
    found = _POSITION.fullmatch(text)
    if found is None:
        raise foreign_cursor()
    return LogPosition(*map(int, found.groups()))
