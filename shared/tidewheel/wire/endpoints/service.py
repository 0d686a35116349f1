"""The operations on the API itself."""

from __future__ import annotations

from tidewheel.wire import VERSION
from tidewheel.wire.bodies.job import Health
from tidewheel.wire.model import Model
from tidewheel.wire.operation import Operation

GET_HEALTH = Operation(
    id="health",
    method="GET",
    path=f"/{VERSION}/health",
    summary="Whether the API answers",
    status=200,
    answer=Health,
    role=None,
    problems=("invalid",),
)
GET_OPENAPI = Operation(
    id="openapi",
    method="GET",
    path=f"/{VERSION}/openapi.json",
    summary="This document",
    status=200,
    answer=Model,
    role=None,
    problems=("invalid",),
)
