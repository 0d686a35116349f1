"""Connections whose servers say what they are told, piece by piece, request by request: pairs of Unix sockets."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any

from tests.support.calls import a_call, surroundings
from tidewheel.adapters.targets.http import HttpTarget
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.adapters.targets.web.countdown import Countdown
from tidewheel.adapters.targets.web.guard import GuardedNetwork, Resolve
from tidewheel.adapters.targets.web.side_threads import SideThreads
from tidewheel.adapters.targets.web.sockets import Sockets
from tidewheel.adapters.targets.web.transport import GuardedTransport
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.fleet.networks import Address, Network
from tidewheel.domain.jobs.job import Target
from tidewheel.ports import Call

PUBLIC = "93.184.216.34"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
END = b""
SILENCE = None
RESET = ConnectionResetError("reset by peer")
_SECONDS = 30

Said = bytes | Exception | None
"""A piece of an answer: bytes, the end of the connection, its break, or nothing for ever."""
Turn = Said | Iterable[Said]
"""What is said to one request."""


class Line:
    """One connection. Its server hears a request whole, answers it, and hears the next.

    Args:
        answer: What it says to a request: its number from 0 on, and its bytes; the connection's end if that is None.
    """

    def __init__(self, answer: Callable[[int, bytes], Turn]) -> None:
        self.heard: list[bytes] = []
        self.contexts: list[ssl.SSLContext] = []
        self.theirs, self._ours = socket.socketpair()
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def requests(self) -> int:
        """How many requests came over it."""
        return len(self.heard)

    @property
    def closed(self) -> bool:
        """Whether the caller has closed it."""
        return self.theirs.fileno() < 0

    def say(self, data: bytes) -> None:
        """Says something that nobody asked for."""
        self._ours.sendall(data)

    def join(self) -> None:
        """Waits until the server has seen the end of it."""
        self._thread.join(_SECONDS)
        assert not self._thread.is_alive(), "a connection was left open"

    def _serve(self) -> None:
        with self._ours, suppress(ConnectionError):  # the caller hears no more
            while (request := self._request()) is not None:
                turn = self._answer(len(self.heard) - 1, request)
                for said in _pieces(turn):
                    if said is SILENCE:
                        self._ours.recv(1)
                        return
                    if isinstance(said, Exception):
                        self.theirs.send(b"!")  # what is left unread makes the end a reset
                        return
                    if said == END:
                        return
                    self._ours.sendall(said)

    def _request(self) -> bytes | None:
        data = b""
        while not _is_whole(data):
            more = self._ours.recv(1 << 20)
            if not more:
                return None
            data += more
        self.heard.append(data)
        return data


def _pieces(turn: Turn) -> Iterable[Said]:
    return [turn] if turn is None or isinstance(turn, bytes | Exception) else turn


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return bool(end) and len(body) >= sum(map(int, lengths))


class Lines:
    """``Sockets`` whose servers follow scripts.

    Args:
        scripts: What the connections say, one after the other: turn by turn, the end of the connection after the last.
        addresses: Those of any host, one look-up after the other; the last goes on.
    """

    def __init__(self, *scripts: Sequence[Turn], addresses: Sequence[str] = (PUBLIC,)) -> None:
        self._scripts = list(scripts)
        self._addresses = list(addresses)
        self.made: list[Line] = []
        self.hosts: list[str] = []

    def connect(self, address: Address, port: int, countdown: Countdown, most_ms: int) -> socket.socket:
        if not self._scripts:
            raise OSError("nobody is there any more")
        *turns, last = self._scripts.pop(0)
        script = [*turns, itertools.chain(_pieces(last), [END])]
        self.made.append(Line(lambda number, _: script[number]))
        return self.made[-1].theirs

    def secure(self, sock: socket.socket, context: ssl.SSLContext, host: str, countdown: Countdown) -> socket.socket:
        self.made[-1].contexts.append(context)
        return sock

    def resolve(self, host: str, port: int) -> Sequence[Address]:
        self.hosts.append(host)
        return [ip_address(self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0])]


@contextmanager
def target_on(
    around: Surroundings, sockets: Sockets, resolve: Resolve, allowed: Sequence[Network] = ()
) -> Iterator[HttpTarget]:
    """An HTTP target whose connections are these."""
    threads = SideThreads()
    network = GuardedNetwork(allowed, threads, resolve, sockets)
    target = HttpTarget(around, GuardedTransport(network, around.clock), threads)
    try:
        yield target
    finally:
        target.close()


@contextmanager
def target_over(lines: Lines, secrets: dict[str, str] | None = None) -> Iterator[HttpTarget]:
    """An HTTP target on a network of lines; none of them stays open."""
    with target_on(surroundings(secrets), lines, lines.resolve) as target:
        yield target
    for line in lines.made:
        line.join()


def http_call(*, repeatable: bool = False, timeout_ms: int = 30_000, **spec: Any) -> Call:
    """A call of an HTTP target."""
    full = {"method": "GET", "url": "http://a.example/", "headers": {}, "body": None} | spec
    return a_call(Target("http", full), "x", 0, 1, timeout_ms, repeatable=repeatable)


def answered(*pieces: Said, **spec: Any) -> Answer:
    """The answer of one call on a connection that says these pieces."""
    with target_over(Lines([pieces])) as target:
        return target.call(http_call(**spec))
