"""The operation on what a tenant has used."""

from __future__ import annotations

from tidewheel.domain.access.roles import Role
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.usage import Usage
from tidewheel.wire.operation import Operation

GET_USAGE = Operation(
    id="usage",
    method="GET",
    path=f"/{VERSION}/usage",
    summary="The limits of your tenant, and what is used of them",
    status=200,
    answer=Usage,
    role=Role.VIEWER,
    problems=("invalid", "unavailable"),
)
