"""The authorizer's function (API Gateway, REQUEST authorizer)."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from tidewheel.domain.errors import Unauthenticated
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.settings import AuthorizerSettings
from tidewheel.wiring.authorizer import sign_in

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_log = Logger(service="authorizer")


@cache
def _sign_in() -> SignIn:
    """Built by the first event that needs it."""
    return sign_in(AuthorizerSettings.from_env(os.environ))


class Refusal(Exception):
    """Its text is the one that API Gateway answers with 401; any other failure it answers with 500."""


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """What the caller is granted. It holds for every path of the stage: the gateway uses it again for a minute.

    What fails otherwise is answered with 500 by the gateway, which keeps no such answer: nobody is let in.
    """
    header = next(
        (value for name, value in (event.get("headers") or {}).items() if name.lower() == "authorization"), ""
    )
    try:
        grant = _sign_in().grant(header or "")
    except Unauthenticated as error:
        address = ((event.get("requestContext") or {}).get("identity") or {}).get("sourceIp")
        _log.info("signing in was refused", problem=error.problem, address=address)
        raise Refusal("Unauthorized") from None
    api, stage = str(event["methodArn"]).split("/")[:2]
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*"}
    return {
        "principalId": grant.principal.name,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": grant.context(),
    }
