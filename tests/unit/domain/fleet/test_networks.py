"""Which addresses a job may call: a table of those that it may not, and what holds of all."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.fleet.networks import disguised, literal, parse_networks, refusal

CLASSES = {
    "a metadata": "169.254.169.254 169.254.170.2 169.254.170.23 fd00:ec2::254 fd00:ec2::23 100.100.100.200",
    "an unspecified": "0.0.0.0 0.1.2.3 ::",
    "a loopback": "127.0.0.1 127.255.255.255 ::1",
    "a private": "10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1",
    "a shared": "100.64.0.1 100.127.255.255",
    "a link-local": "169.254.0.1 169.254.169.253 fe80::1 febf::1",
    "an unique-local": "fc00::1 fdff::1",
    "a site-local": "fec0::1",
    "a multicast": "224.0.0.1 239.255.255.255 ff02::1",
    "a documentation": "192.0.2.1 198.51.100.1 203.0.113.255 2001:db8::1 3fff::1",
    "a reserved": "192.0.0.192 192.88.99.1 198.18.0.1 198.19.255.255 240.0.0.1 255.255.255.255 2001:2::1 2001:1ff::1",
    "a local NAT64": "64:ff9b:1::1",
    "no public": "1::1 4000::1 5f00::1 8000::1 64:ff9c::1",
}
CARRIED = {
    "::ffff:10.0.0.1": "10.0.0.1 as IPv4-mapped",
    "::ffff:8.8.8.8": "8.8.8.8 as IPv4-mapped",
    "64:ff9b::169.254.169.254": "169.254.169.254 as NAT64",
    "2002:7f00:1::": "127.0.0.1 as 6to4",
    "2001:0:1:2:3:4:f5ff:fffe": "10.0.0.1 as Teredo",
    "::127.0.0.1": "127.0.0.1 as IPv4-compatible",
    "2606:4700::5efe:a00:1": "10.0.0.1 as ISATAP",
    "2606:4700::200:5efe:a00:1": "10.0.0.1 as ISATAP",
}
PUBLIC = (
    "8.8.8.8 1.1.1.1 11.0.0.1 172.15.255.255 172.32.0.1 100.63.0.1 100.128.0.1 169.253.0.1 192.0.1.1 223.255.255.255"
)
PUBLIC_V6 = "2606:4700::1111 2a00::1 2620:4f:8000::1 3ffe::1"


@pytest.mark.parametrize(("text", "name"), [(text, name) for name, texts in CLASSES.items() for text in texts.split()])
def test_a_special_address_is_refused_by_its_class(text: str, name: str) -> None:
    assert refusal(ip_address(text)) == f"{ip_address(text)} is {name} address"


@pytest.mark.parametrize("text", f"{PUBLIC} {PUBLIC_V6}".split())
def test_a_public_address_is_not(text: str) -> None:
    assert refusal(ip_address(text)) == ""


@pytest.mark.parametrize(("text", "what"), CARRIED.items())
def test_an_address_within_another_is_refused_whatever_it_is(text: str, what: str) -> None:
    assert refusal(ip_address(text)) == f"{ip_address(text)} is {what}"


def test_a_scoped_address_is_refused() -> None:
    assert refusal(ip_address("fe80::1%eth0")) == "fe80::1%eth0 is a scoped address"


def test_what_a_deployment_allows() -> None:
    allowed = parse_networks("10.0.0.0/8,169.254.169.254/32,64:ff9b::/96")
    assert refusal(ip_address("10.1.2.3"), allowed) == ""
    assert refusal(ip_address("169.254.169.254"), allowed) == ""
    assert refusal(ip_address("64:ff9b::10.1.2.3"), allowed) == ""
    assert refusal(ip_address("64:ff9b::192.168.0.1"), allowed) == "192.168.0.1 is a private address"
    mapped = ip_address("::ffff:10.1.2.3")
    assert refusal(mapped, allowed) == f"{mapped} is 10.1.2.3 as IPv4-mapped"
    assert refusal(ip_address("11.0.0.1"), allowed) == ""
    assert refusal(ip_address("192.168.0.1"), allowed)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_nothing_that_python_knows_to_be_special_passes_v4(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert refusal(address)


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_nothing_that_python_knows_to_be_special_passes_v6(address: IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert refusal(address)


@given(st.integers(0, 2**32 - 1))
def test_no_way_of_wrapping_makes_an_address_callable(bits: int) -> None:
    wrapped = [0xFFFF << 32 | bits, 0x64_FF9B << 96 | bits, 0x2002 << 112 | bits << 80, 0x2001 << 112 | bits, bits]
    for whole in wrapped:
        assert refusal(IPv6Address(whole))


def test_networks_are_read() -> None:
    assert parse_networks("none") == ()
    assert parse_networks(" 10.0.0.0/8,::1/128 ") == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    for text in ("", "10.0.0.1/8", "x", "10.0.0.0/8,", "none,none"):
        with pytest.raises(ValueError):
            parse_networks(text)


DISGUISED = "2130706433 017700000001 0x7f000001 0x7f.1 127.1 0177.0.0.1 127.0.0.1. 127.0.0.0x1 1.2.3.4.5 0X7F.0.0.1"
PLAIN = "127.0.0.1 ::1 example.com a1 1a 0x.com 127.0.0.1.nip.io localhost fe80::1%1"


@pytest.mark.parametrize("host", DISGUISED.split())
def test_a_host_that_ends_in_a_number_is_disguised(host: str) -> None:
    assert disguised(host)
    assert literal(host) is None


@pytest.mark.parametrize("host", PLAIN.split())
def test_a_plain_address_or_a_name_is_not(host: str) -> None:
    assert not disguised(host)
