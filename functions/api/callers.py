"""Who makes a request: what the gateway's authorizer found out, or a signature, or a key that is looked at here."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from functions.api.received import header_of
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.errors import Unauthenticated
from tidewheel.engine.api.callers import CallerService
from tidewheel.names import SIGNED_PREFIX

_SIGNED_RESOURCE = f"{SIGNED_PREFIX}/{{proxy+}}"


def caller_of(event: APIGatewayProxyEvent, callers: CallerService, tenant: str | None) -> Principal:
    """The principal of a request.

    Only what API Gateway itself has written into the event is believed. Without it nobody has signed in.

    Args:
        event: What API Gateway sent.
        callers: Admits callers.
        tenant: The tenant that the request asks to act in; None for the caller's own.

    Raises:
        Unauthenticated: Nobody signed in for it.
        Forbidden: The caller may not act in that tenant.
        NotFound: There is no such tenant.
    """
    context: dict[str, Any] = event.get("requestContext") or {}
    identity: dict[str, Any] = context.get("identity") or {}
    return callers.admitted(_grant(event, context, identity, callers), str(identity.get("sourceIp") or ""), tenant)


def _grant(
    event: APIGatewayProxyEvent, context: dict[str, Any], identity: dict[str, Any], callers: CallerService
) -> Grant:
    if event.get("resource") == _SIGNED_RESOURCE:  # its method takes a signature, which the gateway has checked
        return callers.sign_in.identity(str(identity.get("userArn") or ""))
    if found := context.get("authorizer"):
        grant = Grant.of_context(found)
        if grant is None:
            raise Unauthenticated("the gateway does not say who signed in")
        return grant
    return callers.grant_of_header(header_of(event, "Authorization"))
