"""Signing in on AWS, with tokens of issuers. Only the authorizer imports it: it needs PyJWT and cryptography."""

from __future__ import annotations

from functools import partial

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dynamodb.access.api_keys import DynamoApiKeys
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.tokens.fetching import fetch
from tidewheel.adapters.tokens.verifier import JwtVerifier
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.settings import AuthorizerSettings


def sign_in(settings: AuthorizerSettings) -> SignIn:
    """Builds it with its clients."""
    clock = SystemClock()
    keys = DynamoApiKeys(clients.dynamodb(lean=settings.lean_transport), settings.access_table)
    verifier = JwtVerifier(settings.issuers, partial(fetch, clock=clock), clock) if settings.issuers else None
    return SignIn(keys, clock, verifier)
