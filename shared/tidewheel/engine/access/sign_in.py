"""Says who sends a request, by what it brings."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.access.api_key import ApiKey, ApiToken
from tidewheel.domain.access.aws_identity import identity_id, identity_of
from tidewheel.domain.access.grant import Grant, bearer
from tidewheel.domain.access.roles import Role
from tidewheel.domain.errors import Unauthenticated
from tidewheel.ports import ApiKeys, Clock, TokenVerifier

MAX_TOKEN = 8_192
"""Characters; API Gateway takes 10,240 bytes of headers (Amazon API Gateway quotas)."""
_REFUSED = "the key is unknown, expired or revoked"
_NOBODY = ApiKey("", "", "", "0" * 64, Role.VIEWER)
"""What a token is compared with whose key is not there, so that it takes as long as if it were."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Signs callers in. It keeps nothing: a key that was revoked is refused from then on.

    Args:
        keys: API keys.
        clock: The time by which keys and tokens expire.
        tokens: Checks tokens of issuers; None if there are none.
    """

    keys: ApiKeys
    clock: Clock
    tokens: TokenVerifier | None = None

    def grant(self, header: str) -> Grant:
        """What the header ``Authorization`` grants.

        Raises:
            Unauthenticated: Nothing.
            PortError: It could not be found out.
        """
        text = bearer(header)
        if len(text) > MAX_TOKEN:
            raise Unauthenticated(f"the token has more than {MAX_TOKEN} characters")
        token = ApiToken.parse(text)
        if token is not None:
            return self._by_key(token)
        if self.tokens is None or text.startswith("tw_"):
            raise Unauthenticated(_REFUSED)
        issuer, claims = self.tokens.verified(text)
        return issuer.grant(claims, self.clock.now_ms())

    def _by_key(self, token: ApiToken) -> Grant:
        key = self.keys.get(token.id)
        same = (key or _NOBODY).is_of(token)
        if key is None or not same or not key.valid(self.clock.now_ms()):
            raise Unauthenticated(_REFUSED)
        return key.grant

    def identity(self, arn: str) -> Grant:
        """What is granted to an AWS identity, whose signature the gateway has checked.

        Raises:
            Unauthenticated: Nothing.
            PortError: It could not be found out.
        """
        identity = identity_of(arn)
        key = self.keys.get(identity_id(identity)) if identity else None
        if key is None or key.identity != identity or not key.valid(self.clock.now_ms()):
            raise Unauthenticated("nothing is granted to this AWS identity")
        return key.grant
