"""Issuers of tokens (JWT), and what their claims stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role, strongest
from tidewheel.domain.errors import Unauthenticated
from tidewheel.domain.ids import is_tenant
from tidewheel.domain.limits import SECOND_MS

LEEWAY_S = 60
"""How far the clocks of issuer and service may be apart."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What tokens may be signed with: with a private key alone, so that nobody can sign with what the issuer publishes."""


DEFAULT_ALGORITHMS = ("RS256", "ES256")
_LAST_S = 100_000_000_000
"""A time beyond this is in ms, or nonsense (s since the epoch)."""


def is_readable(url: str) -> bool:
    """Whether an issuer's keys may be read from a URL: over TLS, or unencrypted from this machine alone.

    Who can change what is read makes tokens of their own. Nobody stands between two processes of one machine, such as
    those of a local cloud and of a test's issuer.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # the port is read for its check alone
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host or "")))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer of tokens, and how its claims are read.

    Args:
        issuer: The claim ``iss`` of its tokens, as it is.
        audience: What must be among the claim ``aud``.
        jwks_url: Where it publishes its keys; it ``is_readable``.
        algorithms: What its tokens are signed with, of ``ALGORITHMS``.
        tenant: The tenant of all its tokens; empty if a claim says it.
        tenant_claim: The claim that holds the tenant; empty if ``tenant`` says it.
        role_claim: The claim that holds a text or a list of texts; empty if ``role`` says it.
        roles: The role that each of these texts stands for; any other text stands for none.
        role: The role of a token whose claim names none; None to refuse it.
        kinds: The privileged kinds of target that its tokens may give to a job, by role; of a role and all it includes.
    """

    issuer: str
    audience: str
    jwks_url: str
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    tenant: str = ""
    tenant_claim: str = ""
    role_claim: str = ""
    roles: Mapping[str, Role] = field(default_factory=dict)
    role: Role | None = None
    kinds: Mapping[Role, frozenset[str]] = field(default_factory=dict)

    def grant(self, claims: Mapping[str, Any], now_ms: int) -> Grant:
        """What a token of this issuer grants, whose signature, issuer and audience were found good.

        Raises:
            Unauthenticated: It is not valid at this time, or lacks a claim.
        """
        expires, begins = _time(claims, "exp"), _time(claims, "nbf")
        now_s = now_ms / SECOND_MS
        if expires is None:
            raise Unauthenticated("the token says nowhere when it expires")
        if now_s >= expires + LEEWAY_S:
            raise Unauthenticated("the token has expired")
        if max(begins or 0, _time(claims, "iat") or 0) > now_s + LEEWAY_S:
            raise Unauthenticated("the token is not valid yet")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject:
            raise Unauthenticated("the token names no subject")
        role = self._role_of(claims)
        kinds = frozenset[str]().union(*(kinds for of, kinds in self.kinds.items() if role.includes(of)))
        principal = Principal(self._tenant_of(claims), f"{self.issuer}|{subject}", role, kinds)
        return Grant(principal, until_ms=int((expires + LEEWAY_S) * SECOND_MS))

    def _tenant_of(self, claims: Mapping[str, Any]) -> str:
        tenant = self.tenant or claims.get(self.tenant_claim)
        if not isinstance(tenant, str) or not is_tenant(tenant):
            raise Unauthenticated("the token names no tenant")
        return tenant

    def _role_of(self, claims: Mapping[str, Any]) -> Role:
        found = claims.get(self.role_claim) if self.role_claim else None
        texts: Sequence[Any] = found if isinstance(found, list) else [found]
        roles = [self.roles[text] for text in texts if isinstance(text, str) and text in self.roles]
        if roles:
            return strongest(roles)
        if self.role is None:
            raise Unauthenticated("the token names no role")
        return self.role


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A claim that is a time (s since the epoch); None if it is absent.

    Raises:
        Unauthenticated: It is no time.
    """
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _LAST_S:
        raise Unauthenticated(f"the token's claim {name} is no time")
    return float(value)
