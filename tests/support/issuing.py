"""An issuer of tokens: keys, their set, and tokens of every kind, good and bad."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tidewheel.domain.access.issuer import Issuer
from tidewheel.domain.access.roles import Role
from tidewheel.ports import PortError

NOW_S = 1_795_000_000
URL = "https://issuer.example.com/keys"
ISSUER = Issuer(
    issuer="https://issuer.example.com/",
    audience="tidewheel",
    jwks_url=URL,
    tenant_claim="org",
    role_claim="groups",
    roles={"readers": Role.VIEWER, "editors": Role.EDITOR},
    kinds={Role.EDITOR: frozenset({"python"})},
)


@cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(kid: str, key: Any, **more: Any) -> dict[str, Any]:
    curve = isinstance(key, ec.EllipticCurvePrivateKey)
    algorithm = jwt.algorithms.ECAlgorithm if curve else jwt.algorithms.RSAAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, **more}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, but for the changes; None leaves a claim out."""
    made = {
        "iss": ISSUER.issuer,
        "aud": ISSUER.audience,
        "sub": "ada",
        "iat": NOW_S,
        "nbf": NOW_S,
        "exp": NOW_S + 600,
        "org": "acme",
        "groups": ["staff", "editors"],
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def token(key: Any = None, *, alg: str = "RS256", kid: str | None = "one", header: Any = None, **changes: Any) -> str:
    headers = ({"kid": kid} if kid is not None else {}) | (header or {})
    return jwt.encode(claims(**changes), rsa_key() if key is None else key, algorithm=alg, headers=headers)


class Published:
    """What an issuer publishes; counts how often it is read."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys or [jwk("one", rsa_key()), jwk("two", ec_key())])
        self.reads = 0
        self.down = False

    def fetch(self, url: str) -> bytes:
        self.reads += 1
        if self.down:
            raise PortError("tokens.fetch", url, "down")
        return json.dumps({"keys": self.keys}).encode()
