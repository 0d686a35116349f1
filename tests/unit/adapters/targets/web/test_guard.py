"""What an http target refuses to connect to, by whatever way it is led there."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from ipaddress import ip_address

import pytest

from tests.support.calls import a_call, surroundings
from tests.support.connections import OK, Line, target_on
from tidewheel.adapters.targets.http import HttpTarget
from tidewheel.adapters.targets.web.countdown import Countdown
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.fleet.networks import Address, parse_networks
from tidewheel.domain.jobs.job import Target

PUBLIC, SECOND = "93.184.216.34", "2606:2800:220:1::1"


class Internet:
    """Everywhere: keeps who is connected to, and answers in turn.

    Args:
        says: What the servers answer, one connection after the other; the last goes on.
        dead: Addresses that do not answer.
    """

    def __init__(self, *says: bytes, dead: Iterable[str] = ()) -> None:
        self.says = list(says or [OK])
        self.dead = set(dead)
        self.connected: list[str] = []
        self.names: list[str] = []

    def connect(self, address: Address, port: int, countdown: Countdown, most_ms: int) -> socket.socket:
        self.connected.append(f"{address}:{port}")
        if str(address) in self.dead:
            raise OSError("nobody there")
        says = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        return Line(lambda *_: says).theirs

    def secure(self, sock: socket.socket, context: ssl.SSLContext, host: str, countdown: Countdown) -> socket.socket:
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        self.names.append(host)
        return sock


class Names:
    """A resolver: the answers of each name in turn, of which the last goes on."""

    def __init__(self, table: Mapping[str, Sequence[str]]) -> None:
        self.table = {name: list(answers) for name, answers in table.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        if host not in self.table:
            raise OSError("Name or service not known")
        answers = self.table[host]
        return [ip_address(one) for one in (answers.pop(0) if len(answers) > 1 else answers[0]).split()]


DNS = {
    "localhost": ["127.0.0.1 ::1"],
    "localhost.": ["127.0.0.1"],
    "app.localhost": ["127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "private.example": ["10.0.0.1"],
    "mixed.example": [f"{PUBLIC} 192.168.1.1"],
    "mapped.example": ["::ffff:169.254.169.254"],
    "mixed6.example": [f"{PUBLIC} fd00::1"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "public.example": [PUBLIC],
    "both.example": [f"{PUBLIC} {SECOND}"],
    "other.example": [SECOND],
    "rebinding.example": [PUBLIC, "10.0.0.1"],
    "nobody.example": [""],
}


def targeted(
    internet: Internet, allowed: str = "none", names: Names | None = None
) -> AbstractContextManager[HttpTarget]:
    return target_on(surroundings(), internet, names or Names(DNS), parse_networks(allowed))


def called(target: HttpTarget, url: str, **spec: object) -> Answer:
    full = {"method": "GET", "url": url, "headers": {}, "body": None} | spec
    return target.call(a_call(Target("http", full), "x", 0, 1, 30_000))


HOSTILE = {
    "http://127.0.0.1/": "127.0.0.1 is a loopback address",
    "http://127.8.8.8:8080/": "127.8.8.8 is a loopback address",
    "https://127.0.0.1/": "127.0.0.1 is a loopback address",
    "http://[::1]/": "::1 is a loopback address",
    "http://[0:0:0:0:0:0:0:1]/": "::1 is a loopback address",
    "http://0.0.0.0/": "0.0.0.0 is an unspecified address",
    "http://[::]/": ":: is an unspecified address",
    "http://10.0.0.1/": "10.0.0.1 is a private address",
    "http://172.31.0.1/": "172.31.0.1 is a private address",
    "http://192.168.0.1:6379/": "192.168.0.1 is a private address",
    "http://100.64.0.1/": "100.64.0.1 is a shared address",
    "http://169.254.169.254/latest/meta-data/": "169.254.169.254 is a metadata address",
    "http://169.254.170.2/v2/credentials": "169.254.170.2 is a metadata address",
    "http://[fd00:ec2::254]/": "fd00:ec2::254 is a metadata address",
    "http://169.254.1.1/": "169.254.1.1 is a link-local address",
    "http://[fe80::1]/": "fe80::1 is a link-local address",
    "http://[fc00::1]/": "fc00::1 is an unique-local address",
    "http://224.0.0.1/": "224.0.0.1 is a multicast address",
    "http://255.255.255.255/": "255.255.255.255 is a reserved address",
    "http://[::ffff:169.254.169.254]/": "::ffff:a9fe:a9fe is 169.254.169.254 as IPv4-mapped",
    "http://[::ffff:7f00:1]/": "::ffff:7f00:1 is 127.0.0.1 as IPv4-mapped",
    "http://[::127.0.0.1]/": "::7f00:1 is 127.0.0.1 as IPv4-compatible",
    "http://[64:ff9b::a9fe:a9fe]/": "64:ff9b::a9fe:a9fe is 169.254.169.254 as NAT64",
    "http://[2002:7f00:1::]/": "2002:7f00:1:: is 127.0.0.1 as 6to4",
    "http://2130706433/": "2130706433 is a disguised address (127.0.0.1)",
    "http://017700000001/": "017700000001 is a disguised address (127.0.0.1)",
    "http://0x7f000001/": "0x7f000001 is a disguised address (127.0.0.1)",
    "http://0x7f.0.0.1/": "0x7f.0.0.1 is a disguised address (127.0.0.1)",
    "http://0177.0.0.1/": "0177.0.0.1 is a disguised address (127.0.0.1)",
    "http://127.1/": "127.1 is a disguised address (127.0.0.1)",
    "http://127.0.0.1./": "127.0.0.1. is a disguised address (127.0.0.1)",
    "http://2852039166/": "2852039166 is a disguised address (169.254.169.254)",
    "http://1.2.3.256/": "1.2.3.256 is a disguised address",
    "http://localhost/": "127.0.0.1 is a loopback address, of localhost",
    "http://LOCALHOST/": "127.0.0.1 is a loopback address, of localhost",
    "http://localhost./": "127.0.0.1 is a loopback address, of localhost.",
    "http://app.localhost/": "127.0.0.1 is a loopback address, of app.localhost",
    "http://localhost.localdomain/": "127.0.0.1 is a loopback address, of localhost.localdomain",
    "http://127.0.0.1.nip.io/": "127.0.0.1 is a loopback address, of 127.0.0.1.nip.io",
    "http://metadata.google.internal/": "169.254.169.254 is a metadata address, of metadata.google.internal",
    "http://private.example/": "10.0.0.1 is a private address, of private.example",
    "http://mixed.example/": "192.168.1.1 is a private address, of mixed.example",
    "http://mixed6.example/": "fd00::1 is an unique-local address, of mixed6.example",
    "http://mapped.example/": "::ffff:a9fe:a9fe is 169.254.169.254 as IPv4-mapped, of mapped.example",
    "http://example.com@10.0.0.1/": "10.0.0.1 is a private address",
}


@pytest.mark.parametrize(("url", "reason"), HOSTILE.items())
def test_a_hostile_url_is_refused_and_nobody_is_connected_to(url: str, reason: str) -> None:
    internet = Internet()
    with targeted(internet) as target:
        answer = called(target, url)
    reason = reason.replace("::ffff:a9fe:a9fe", str(ip_address("::ffff:169.254.169.254")))  # Pythons differ
    reason = reason.replace("::ffff:7f00:1 ", f"{ip_address('::ffff:127.0.0.1')} ")
    assert answer == Answer(Result.FAILED, reason=f"refused: {reason}", retryable=False)
    assert internet.connected == []


NO_URL = {"http://0177.0.0.1/", "http://1.2.3.256/"}
"""What is no URL, and not only a hostile one."""


@pytest.mark.parametrize(("url", "reason"), HOSTILE.items())
def test_so_is_a_redirect_to_it(url: str, reason: str) -> None:
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()
    internet = Internet(moved)
    with targeted(internet) as target:
        answer = called(target, "http://public.example/", redirects=1)
    assert answer.result is Result.FAILED
    assert internet.connected == [f"{PUBLIC}:80"]
    if url in NO_URL:
        assert "Invalid URL in location header" in answer.reason
    else:
        assert answer.reason.startswith("refused: ")
        assert not answer.retryable


def test_a_public_host_is_connected_to_by_the_address_that_was_judged() -> None:
    internet, names = Internet(), Names(DNS)
    with targeted(internet, names=names) as target:
        assert called(target, "https://public.example/") == Answer(Result.SUCCEEDED, 200, "ok")
    assert internet.connected == [f"{PUBLIC}:443"]
    assert internet.names == ["public.example"]  # of which the certificate must be
    assert names.asked == ["public.example"]


def test_a_name_that_is_bound_anew_is_judged_anew() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    internet = Internet(closing)
    with targeted(internet) as target:
        assert called(target, "http://rebinding.example/").result is Result.SUCCEEDED
        refused = called(target, "http://rebinding.example/")
    assert refused.reason == "refused: 10.0.0.1 is a private address, of rebinding.example"
    assert internet.connected == [f"{PUBLIC}:80"]


def test_a_redirect_to_a_name_that_is_bound_anew() -> None:
    again = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    internet = Internet(again)
    with targeted(internet) as target:
        answer = called(target, "http://rebinding.example/", redirects=5)
    assert answer.reason == "refused: 10.0.0.1 is a private address, of rebinding.example"
    assert internet.connected == [f"{PUBLIC}:80"]


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    internet = Internet(dead=[PUBLIC])
    with targeted(internet) as target:
        assert called(target, "http://both.example/").result is Result.SUCCEEDED
    assert internet.connected == [f"{PUBLIC}:80", f"{SECOND}:80"]


@pytest.mark.parametrize("url", ["http://nobody.example/", "http://unknown.example/", "http://both.example/"])
def test_who_cannot_be_reached_may_be_tried_again(url: str) -> None:
    with targeted(Internet(dead=[PUBLIC, SECOND])) as target:
        answer = called(target, url)
    assert (answer.result, answer.retryable) == (Result.FAILED, True)
    assert answer.reason.startswith("ConnectError: ")


def test_what_the_deployment_allows_is_called() -> None:
    internet = Internet()
    with targeted(internet, "127.0.0.0/8,::1/128") as target:
        assert called(target, "http://localhost:8080/").result is Result.SUCCEEDED
        assert called(target, "http://[::1]/").result is Result.SUCCEEDED
        assert "metadata" in called(target, "http://169.254.169.254/").reason
        assert "disguised" in called(target, "http://127.1/").reason
    assert internet.connected == ["127.0.0.1:8080", "::1:80"]


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://10.0.0.1:3128")
    internet = Internet()
    with targeted(internet) as target:
        assert called(target, "http://public.example/").result is Result.SUCCEEDED
    assert internet.connected == [f"{PUBLIC}:80"]


def test_a_garbled_answer_is_a_failure_that_may_pass() -> None:
    with targeted(Internet(b"nonsense\r\n\r\n")) as target:
        answer = called(target, "http://public.example/")
    assert (answer.result, answer.retryable) == (Result.FAILED, True)
    assert answer.reason.startswith("RemoteProtocolError: ")


def test_connections_are_kept_and_used_again() -> None:
    internet = Internet(OK)
    with targeted(internet) as target:
        for _ in range(2):
            assert called(target, "http://public.example/").result is Result.SUCCEEDED
    assert len(internet.connected) == 1
