"""The operations on the API itself."""

from __future__ import annotations

from tidewheel.domain.access.roles import Role
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.health import Health, ModeBody
from tidewheel.wire.model import Model
from tidewheel.wire.operation import Operation

GET_HEALTH = Operation(
    id="health",
    method="GET",
    path=f"/{VERSION}/health",
    summary="Whether the API answers, and how much the deployment takes on",
    status=200,
    answer=Health,
    role=None,
    problems=("invalid",),
)
SET_MODE = Operation(
    id="setMode",
    method="PUT",
    path=f"/{VERSION}/service/mode",
    summary="Switch the deployment to read-only, or back",
    status=200,
    answer=Health,
    role=Role.PLATFORM_ADMIN,
    body=ModeBody,
    examples={"on": {"read_only": True, "reason": "the table is being restored"}, "off": {"read_only": False}},
    in_read_only=True,
    problems=("malformed", "too-large", "invalid", "unavailable"),
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
