"""The issuers of tokens that a deployment trusts, as its configuration writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidewheel.domain.access.issuer import ALGORITHMS, DEFAULT_ALGORITHMS, Issuer, is_readable
from tidewheel.domain.access.roles import Role
from tidewheel.domain.ids import is_tenant

_TEXTS = ("issuer", "audience", "jwks_url", "tenant", "tenant_claim", "role_claim")
_FIELDS = {*_TEXTS, "algorithms", "roles", "role", "kinds"}


def parse_issuers(text: str) -> tuple[Issuer, ...]:
    """Parses a JSON list of issuers, whose fields are those of ``Issuer``.

    Raises:
        ValueError: It is malformed; the message says what it must be.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"must be a JSON list of issuers ({error})") from error
    if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
        raise ValueError("must be a JSON list of issuers, each an object")
    return tuple(_issuer(one) for one in document)


def _issuer(given: Mapping[str, Any]) -> Issuer:
    if unknown := sorted(given.keys() - _FIELDS):
        raise ValueError(f"names {unknown[0]!r}, which is none of {', '.join(sorted(_FIELDS))}")
    texts = {name: given.get(name, "") for name in _TEXTS}
    for name, text in texts.items():
        if not isinstance(text, str) or (not text and name in _TEXTS[:3]):
            raise ValueError(f"needs a text as {name} of each issuer")
    if not is_readable(texts["jwks_url"]):
        raise ValueError(f"needs an https URL as jwks_url, not {texts['jwks_url']!r}")
    if bool(texts["tenant"]) == bool(texts["tenant_claim"]):
        raise ValueError("needs either tenant or tenant_claim of each issuer: whose jobs its tokens are for")
    if texts["tenant"] and not is_tenant(texts["tenant"]):
        raise ValueError(f"names the tenant {texts['tenant']!r}: use 1 to 32 of a-z, 0-9, _ and -")
    if not texts["role_claim"] and "role" not in given:
        raise ValueError("needs role_claim or role of each issuer: what its tokens may do")
    algorithms = given.get("algorithms", list(DEFAULT_ALGORITHMS))
    if not isinstance(algorithms, list) or not algorithms or not set(algorithms) <= set(ALGORITHMS):
        raise ValueError(f"needs a list of algorithms out of {', '.join(ALGORITHMS)}")
    roles, kinds = given.get("roles", {}), given.get("kinds", {})
    if not isinstance(roles, dict) or not isinstance(kinds, dict):
        raise ValueError("needs objects as roles and kinds of each issuer")  # noqa: TRY004 - a text is amiss
    return Issuer(
        **texts,
        algorithms=tuple(algorithms),
        roles={str(text): _role(role) for text, role in roles.items()},
        role=_role(given["role"]) if "role" in given else None,
        kinds={_role(role): _kinds(listed) for role, listed in kinds.items()},
    )


def _role(text: Any) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise ValueError(f"names the role {text!r}, which is none of {', '.join(Role)}") from error


def _kinds(listed: Any) -> frozenset[str]:
    if not isinstance(listed, list) or not all(isinstance(kind, str) for kind in listed):
        raise ValueError(f"needs a list of kinds by role, not {listed!r}")
    return frozenset(listed)
