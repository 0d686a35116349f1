"""What signing in came to: a principal, from where and until when it is one; as the authorizer hands it to the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Grant:
    """A principal that has signed in.

    Args:
        principal: Who it is; its address is not known yet.
        networks: The networks, in CIDR notation, that it may call from; empty for any.
        until_ms: From when on it has to sign in anew (ms since the epoch, UTC); None for never.
    """

    principal: Principal
    networks: tuple[str, ...] = ()
    until_ms: int | None = None

    def checked(self, now_ms: int, address: str) -> None:
        """Refuses a request that comes too late, or from elsewhere.

        Raises:
            Unauthenticated: It is over, or the address lies in none of its networks.
        """
        if self.until_ms is not None and now_ms >= self.until_ms:
            raise Unauthenticated("the key or token has expired")
        if self.networks and not in_networks(address, self.networks):
            raise Unauthenticated("the key is not for the network that the request comes from")

    def context(self) -> dict[str, str]:
        """The grant as the authorizer's context, whose values are texts (API Gateway, "Lambda authorizer output")."""
        who = self.principal
        return {
            "tenant": who.tenant,
            "principal": who.name,
            "role": who.role.value,
            "kinds": json.dumps(sorted(who.kinds)),
            "key": who.key,
            "tags": json.dumps(sorted(who.tags)),
            "networks": json.dumps(self.networks),
            "until": "" if self.until_ms is None else str(self.until_ms),
        }

    @classmethod
    def of_context(cls, context: Mapping[str, object]) -> Grant | None:
        """The inverse of ``context``; None if anything in it is missing, or not what the authorizer writes."""
        try:
            until = str(context["until"])
            principal = Principal(
                str(context["tenant"]),
                str(context["principal"]),
                Role(str(context["role"])),
                frozenset(map(str, json.loads(str(context["kinds"])))),
                str(context["key"]),
                frozenset((str(name), str(value)) for name, value in json.loads(str(context["tags"]))),
            )
            networks = tuple(map(str, json.loads(str(context["networks"]))))
            return cls(principal, networks, int(until) if until else None)
        except (KeyError, ValueError, TypeError):
            return None


def in_networks(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of the networks; one that is none lies in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in ip_network(network) for network in networks)


def bearer(header: str) -> str:
    """The token in the header ``Authorization`` (RFC 6750).

    Raises:
        Unauthenticated: It holds none.
    """
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("there is no key or token")
    return token.strip(" ")
