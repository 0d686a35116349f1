"""Serves the operations on the API itself."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.wire.bodies.health import health_answer, read_mode
from tidewheel.wire.endpoints.service import GET_HEALTH, GET_OPENAPI, SET_MODE


@serves(GET_HEALTH)
def health(request: Request) -> Response[str]:
    """Says that the function runs, and how much is taken on; probes share one read of the store in two seconds."""
    return answered(health_answer(request.services.health.now()))


@serves(SET_MODE)
def set_mode(request: Request) -> Response[str]:
    """Sets the operator's switch. A repeat changes nothing but since when it holds."""
    body = read_mode(request.document())
    judged = request.services.health.switch(read_only=body.read_only, by=request.caller.name, reason=body.reason)
    return answered(health_answer(judged))


@serves(GET_OPENAPI)
def openapi(_request: Request) -> Response[str]:
    """The OpenAPI document."""
    from tidewheel.wire.openapi import document  # noqa: PLC0415 -- schemas cost 30 ms, and few requests need them

    return Response(200, "application/json", json.dumps(document()))
