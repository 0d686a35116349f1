"""Kept connections: which is used, which is closed, and how far a try goes in time."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, SSLError

from tests.support.polling import until
from tests.support.staged_service import LOOPBACK, StagedService, answer, says
from tidewheel.adapters.aws.transport.connections import IDLE_MS, Bounds, Connection, Connections
from tidewheel.adapters.aws.transport.reply import Ended
from tidewheel.adapters.aws.transport.request import Origin
from tidewheel.adapters.memory import SettableClock

pytestmark = pytest.mark.allow_hosts([LOOPBACK, "::1"])
BOUNDS = Bounds(connect_ms=1_000, read_ms=3_000, kept=2)
REQUEST = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"


def connections(
    port: int, clock: SettableClock, host: str = LOOPBACK, tls: ssl.SSLContext | None = None
) -> Connections:
    return Connections(Origin("http" if tls is None else "https", host, port), BOUNDS, tls, clock)


class Dripping:
    """A socket on which a byte comes every so many ms."""

    def __init__(self, clock: SettableClock, data: bytes, every_ms: int) -> None:
        self.clock, self.data, self.every_ms = clock, data, every_ms
        self.bounds_s: list[float] = []

    def settimeout(self, bound_s: float) -> None:
        self.bounds_s.append(bound_s)

    def sendall(self, data: bytes) -> None:
        pass

    def recv(self, most: int) -> bytes:
        self.clock.advance(self.every_ms)
        piece, self.data = self.data[:1], self.data[1:]
        return piece

    def close(self) -> None:
        pass


def test_an_answer_that_drips_is_not_waited_for_beyond_its_bound() -> None:
    clock = SettableClock(0)
    drops: Any = Dripping(clock, answer(), every_ms=40)
    with pytest.raises(TimeoutError):
        Connection(drops, clock).exchange(REQUEST, clock.monotonic_ms() + 3_000)
    assert len(drops.bounds_s) == 1 + 3_000 // 40
    assert drops.bounds_s == sorted(drops.bounds_s, reverse=True)
    assert min(drops.bounds_s) > 0
    drops = Dripping(clock, answer(), every_ms=20)
    assert Connection(drops, clock).exchange(REQUEST, clock.monotonic_ms() + 3_000).content == b"{}"


def test_the_one_that_rested_shortest_is_used_and_only_so_many_are_kept() -> None:
    clock = SettableClock(0)
    with StagedService(says(answer())) as service:
        kept = connections(service.port, clock)
        assert kept.rested() is None
        opened = [kept.open(9_000) for _ in range(4)]
        for connection in opened:
            assert connection.exchange(REQUEST, 9_000).status_code == 200
            kept.rest(connection)
        assert [kept.rested(), kept.rested(), kept.rested()] == [opened[3], opened[2], None]
        for connection in opened[2:]:
            connection.close()


def test_what_rested_too_long_is_closed() -> None:
    clock = SettableClock(0)
    with StagedService(says(answer())) as service:
        kept = connections(service.port, clock)
        first, second = kept.open(9_000), kept.open(9_000)
        kept.rest(first)
        clock.advance(IDLE_MS - 1)
        kept.rest(second)
        clock.advance(1)
        assert kept.rested() is second
        kept.rest(second)
        assert first._sock.fileno() == -1  # closed when the other one came back
        clock.advance(IDLE_MS)
        assert kept.rested() is None


def test_what_the_other_side_closed_or_talks_on_is_not_used() -> None:
    clock = SettableClock(0)
    with socket.create_server((LOOPBACK, 0)) as listener:
        kept = connections(listener.getsockname()[1], clock)
        closed, talking = kept.open(9_000), kept.open(9_000)
        far = [listener.accept()[0] for _ in range(2)]
        far[0].close()
        far[1].sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        for connection in (closed, talking):
            until(lambda connection=connection: not connection.is_quiet(), "word from the other side")
            kept.rest(connection)
        assert kept.rested() is None
        far[1].close()


def test_a_connection_that_ends_at_once() -> None:
    clock = SettableClock(0)
    with socket.create_server((LOOPBACK, 0)) as listener:
        connection = connections(listener.getsockname()[1], clock).open(9_000)
        listener.accept()[0].close()
        with pytest.raises(Ended):
            connection.exchange(REQUEST, 9_000)
        connection.close()


def test_a_process_that_was_forked_off_uses_none_of_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SettableClock(0)
    with StagedService(says(answer())) as service:
        kept = connections(service.port, clock)
        parents = kept.open(9_000)
        kept.rest(parents)
        child = os.getpid() + 1
        monkeypatch.setattr("os.getpid", lambda: child)
        assert kept.rested() is None
        assert kept.rested() is None


def test_nobody_listens() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(EndpointConnectionError, match=f"http://{LOOPBACK}:{port}"):
        connections(port, SettableClock(0)).open(9_000)


def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(EndpointConnectionError, match=r"http://nowhere\.example"):
        connections(80, SettableClock(0), "nowhere.example").open(9_000)


class Places:
    """Stands in for resolver and sockets: some addresses refuse, some do not answer."""

    def __init__(self, clock: SettableClock, **kinds: str) -> None:
        self.clock, self.kinds = clock, kinds
        self.tried: list[str] = []

    def getaddrinfo(self, host: str, port: int, type: int) -> Any:
        return [(socket.AF_INET, type, 6, "", (name, port)) for name in self.kinds]

    def socket(self, *_: int) -> Any:
        return Place(self)


class Place:
    def __init__(self, places: Places) -> None:
        self.places, self.bound_s = places, 0.0

    def setsockopt(self, *_: int) -> None:
        pass

    def settimeout(self, bound_s: float) -> None:
        self.bound_s = bound_s

    def connect(self, address: tuple[str, int]) -> None:
        self.places.tried.append(address[0])
        match self.places.kinds[address[0]]:
            case "refuses":
                raise ConnectionRefusedError
            case "silent":
                self.places.clock.advance(int(self.bound_s * 1_000))
                raise TimeoutError

    def close(self) -> None:
        pass


def test_an_address_that_refuses_leaves_it_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SettableClock(0)
    places = Places(clock, a="refuses", b="answers", c="answers")
    monkeypatch.setattr(socket, "getaddrinfo", places.getaddrinfo)
    monkeypatch.setattr(socket, "socket", places.socket)
    connections(80, clock, "some.example").open(9_000)
    assert places.tried == ["a", "b"]


def test_an_address_that_does_not_answer_is_tried_last_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SettableClock(0)
    places = Places(clock, a="silent", b="answers")
    monkeypatch.setattr(socket, "getaddrinfo", places.getaddrinfo)
    monkeypatch.setattr(socket, "socket", places.socket)
    kept, began_ms = connections(80, clock, "some.example"), clock.monotonic_ms()
    with pytest.raises(ConnectTimeoutError):
        kept.open(began_ms + 9_000)
    assert clock.monotonic_ms() - began_ms == BOUNDS.connect_ms
    kept.open(clock.monotonic_ms() + 9_000)
    assert places.tried == ["a", "b"]


def test_no_time_is_left_to_connect() -> None:
    clock = SettableClock(0)
    with StagedService(says(answer())) as service, pytest.raises(ConnectTimeoutError):
        connections(service.port, clock).open(clock.monotonic_ms())


def test_the_other_side_speaks_no_tls() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:

        def greet() -> None:
            with listener.accept()[0] as far:
                far.sendall(b"220 some.example ESMTP ready\r\n")
                far.recv(65_536)

        greeting = threading.Thread(target=greet)
        greeting.start()
        with pytest.raises(SSLError):
            connections(listener.getsockname()[1], SettableClock(0), tls=ssl.create_default_context()).open(9_000)
        greeting.join()


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_a_literal_address_of_ipv6() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no loopback address of IPv6")
    with listener:
        connections(listener.getsockname()[1], SettableClock(0), "::1").open(9_000).close()
