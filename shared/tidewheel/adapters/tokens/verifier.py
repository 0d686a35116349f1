"""Checks the signature, issuer and audience of tokens (JWT, RFC 7519), with PyJWT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from jwt.types import Options

from tidewheel.adapters.tokens.key_sets import Fetch, KeySet
from tidewheel.domain.access.issuer import Issuer
from tidewheel.domain.errors import Unauthenticated
from tidewheel.ports import Clock

_NOT_VALID = "the token is not valid"
_MAX_KID = 256
_LEAST_RSA_BITS = 2_048
_ONLY_WHAT_NO_CLOCK_DECIDES: Options = {
    "require": ["exp", "iss", "aud", "sub"],
    "verify_exp": False,  # the domain compares times, by a clock that tests can set
    "verify_nbf": False,
    "verify_iat": False,
}


class JwtVerifier:
    """``ports.TokenVerifier`` for the issuers that a deployment trusts.

    The header of a token chooses the key, and nothing else: its algorithm must be one that is listed for the issuer,
    and fit the key's type; what it says of URLs, certificates and critical extensions is not followed.
    """

    def __init__(self, issuers: Sequence[Issuer], fetch: Fetch, clock: Clock) -> None:
        urls = {issuer.jwks_url for issuer in issuers}
        self._sets = {url: KeySet(url, fetch, clock) for url in urls}
        self._issuers: dict[str, list[Issuer]] = {}
        for issuer in issuers:
            self._issuers.setdefault(issuer.issuer, []).append(issuer)

    def verified(self, token: str) -> tuple[Issuer, Mapping[str, Any]]:
        """See ``ports.TokenVerifier``."""
        try:
            header = jwt.get_unverified_header(token)
            told = jwt.decode_complete(token, options={"verify_signature": False})["payload"]
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Unauthenticated("it is neither a key nor a token") from error
        issuer = self._issuer_of(told)
        kid, algorithm = header.get("kid"), header.get("alg")
        if (
            "crit" in header
            or algorithm not in issuer.algorithms
            or not isinstance(kid, str)
            or not 0 < len(kid) <= _MAX_KID
        ):
            raise Unauthenticated(_NOT_VALID)
        key = self._sets[issuer.jwks_url].get(kid)
        if key is None or key.get("alg", algorithm) != algorithm:
            raise Unauthenticated(_NOT_VALID)
        return issuer, self._claims(token, issuer, key, algorithm)

    def _issuer_of(self, told: Any) -> Issuer:
        """The issuer that a token names, which its signature is yet to prove; of several entries, its audience's."""
        named = told.get("iss") if isinstance(told, dict) else None
        audience = told.get("aud") if isinstance(told, dict) else None
        audiences = audience if isinstance(audience, list) else [audience]
        found = self._issuers.get(named, []) if isinstance(named, str) else []
        for issuer in found:
            if issuer.audience in audiences:
                return issuer
        raise Unauthenticated(_NOT_VALID)

    @staticmethod
    def _claims(token: str, issuer: Issuer, key: Mapping[str, Any], algorithm: str) -> Mapping[str, Any]:
        try:
            found = jwt.PyJWK(dict(key), algorithm=algorithm)
            if getattr(found.key, "key_size", _LEAST_RSA_BITS) < _LEAST_RSA_BITS and key.get("kty") == "RSA":
                raise Unauthenticated(_NOT_VALID)
            claims = jwt.decode(
                token,
                found,
                algorithms=[algorithm],
                audience=issuer.audience,
                issuer=issuer.issuer,
                options=_ONLY_WHAT_NO_CLOCK_DECIDES,
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated(_NOT_VALID) from error
        return dict(claims)
