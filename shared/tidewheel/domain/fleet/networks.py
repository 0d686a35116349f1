"""Which addresses an HTTP target may have: those of the public internet, and the networks a deployment allows.

Anybody who may create a job chooses its URL, and a worker runs inside an AWS account. Without this rule a job could
read what is meant for the worker alone: the credentials at a metadata address, the function's own runtime on loopback,
the services of a VPC.
The tables follow IANA's registries of special-purpose addresses (IPv4, IPv6), and Amazon's user guides for the
metadata addresses (EC2, ECS, EKS); for workers elsewhere, those of other clouds are among them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), name)
    for name, networks in (
        ("metadata", "169.254.169.254 169.254.170.2 169.254.170.23 fd00:ec2::254 fd00:ec2::23"),
        ("metadata", "100.100.100.200 168.63.129.16 fd20:ce::254"),
        ("unspecified", "0.0.0.0/8 ::/128"),
        ("loopback", "127.0.0.0/8 ::1/128"),
        ("private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"),
        ("shared", "100.64.0.0/10"),
        ("link-local", "169.254.0.0/16 fe80::/10"),
        ("unique-local", "fc00::/7"),
        ("site-local", "fec0::/10"),
        ("multicast", "224.0.0.0/4 ff00::/8"),
        ("documentation", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"),
        ("reserved", "192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 240.0.0.0/4 2001::/23"),
        ("local NAT64", "64:ff9b:1::/48"),
    )
    for network in networks.split()
)
"""The first that matches gives the reason, so the narrower ones come first."""

_PUBLIC_V6 = IPv6Network("2000::/3")
"""All that IANA has assigned as global unicast; every other IPv6 address is refused."""

_EMBEDDING: tuple[tuple[IPv6Network, str, int], ...] = (
    (IPv6Network("::ffff:0:0/96"), "IPv4-mapped", 0),
    (IPv6Network("64:ff9b::/96"), "NAT64", 0),
    (IPv6Network("2002::/16"), "6to4", 80),
    (IPv6Network("2001::/32"), "Teredo", 0),
    (IPv6Network("::/96"), "IPv4-compatible", 0),
)
"""Ranges whose IPv6 addresses contain an IPv4 one, with the number of bits behind it."""

_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""The 32 bits before the IPv4 address at the end of an IPv6 one, in any network (RFC 5214, section 6.1)."""

_V4_BITS, _V4_WIDTH = 0xFFFF_FFFF, 32
_NUMERIC = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of a comma separated list in CIDR notation; ``none`` is the empty list.

    Raises:
        ValueError: A part is no network, or has bits set behind its prefix.
    """
    if text.strip() == "none":
        return ()
    return tuple(ip_network(part.strip()) for part in text.split(","))


def refusal(address: Address, allowed: Sequence[Network] = ()) -> str:
    """Why an address must not be called, as ``10.0.0.1 is a private address``; empty if it may be.

    An IPv6 address that contains an IPv4 one is refused, whatever that is, unless its own range is allowed; then the
    IPv4 address decides.
    """
    embedded = _embedded(address) if isinstance(address, IPv6Address) else None
    if embedded is not None:
        inner, way = embedded
        return refusal(inner, allowed) if _within(address, allowed) else f"{address} is {inner} as {way}"
    if _within(address, allowed):
        return ""
    name = _class_of(address)
    return f"{address} is {name} address" if name else ""


def _class_of(address: Address) -> str:
    """What a special address is, with its article; empty of a public one."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "a scoped"
    for network, name in _SPECIAL:
        if address in network:
            return f"an {name}" if name[0] in "aeiou" else f"a {name}"
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return "no public"
    return ""


def _embedded(address: IPv6Address) -> tuple[IPv4Address, str] | None:
    """The IPv4 address that an IPv6 one contains, and the name of the rule by which it does."""
    whole = int(address)
    if whole <= 1:
        return None  # unspecified, or loopback
    for network, way, behind in _EMBEDDING:
        if address in network:
            bits = whole >> behind & _V4_BITS
            return IPv4Address(bits ^ _V4_BITS if way == "Teredo" else bits), way  # inverted: RFC 4380, section 4
    if whole >> _V4_WIDTH & _V4_BITS in _ISATAP:
        return IPv4Address(whole & _V4_BITS), "ISATAP"
    return None


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def literal(host: str) -> Address | None:
    """The address that the host of a URL is in its usual spelling, or None if it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def disguised(host: str) -> bool:
    """Whether a host ends in a number though it is no address in the usual spelling: ``0x7f.1``, ``0177.0.0.1``.

    No name of the internet ends so (RFC 3696, section 2), but many resolvers take it for an address, and they do not
    agree which one (WHATWG URL, "ends in a number").
    """
    return literal(host) is None and bool(_NUMERIC.fullmatch(host.removesuffix(".").rpartition(".")[2]))
