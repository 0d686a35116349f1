"""Serves the operation on what a tenant has used."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.wire.bodies.usage import LimitUse, Usage
from tidewheel.wire.endpoints.usage import GET_USAGE
from tidewheel.wire.values import from_ms


@serves(GET_USAGE)
def get_usage(request: Request) -> Response[str]:
    """The limits of the caller's tenant, and what is used of them."""
    limits, tenant = request.services.limits, request.tenant
    uses = tuple(
        LimitUse(
            limit=one.limit,
            allowed=one.allowed,
            used=one.used,
            reset_at=None if one.reset_ms is None else from_ms(one.reset_ms),
        )
        for one in limits.usage(tenant)
    )
    return answered(Usage(tenant=tenant, plan=limits.plan(tenant), limits=uses))
