"""Serves the operations on the API itself; neither needs a store."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.job import Health
from tidewheel.wire.endpoints.service import GET_HEALTH, GET_OPENAPI


@serves(GET_HEALTH)
def health(_request: Request) -> Response[str]:
    """Says that the function runs; it reads no store, so that a probe costs nothing."""
    return answered(Health(status="ok", version=VERSION))


@serves(GET_OPENAPI)
def openapi(_request: Request) -> Response[str]:
    """The OpenAPI document."""
    from tidewheel.wire.openapi import document  # noqa: PLC0415 -- schemas cost 30 ms, and few requests need them

    return Response(200, "application/json", json.dumps(document()))
