"""Connections to the origins of services: opened within a bound, kept for a while, used by one call at a time."""

from __future__ import annotations

import os
import select
import socket
import ssl
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, SSLError

from tidewheel.adapters.aws.transport.reply import Ended, Reply, read
from tidewheel.adapters.aws.transport.request import Origin
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Clock

IDLE_MS = 40 * SECOND_MS
"""A connection that rested longer is not used again: services close theirs after a minute or so."""


class Connection:
    """A connection, and one exchange on it at a time.

    Args:
        sock: Connected, and under TLS if that is wanted.
        clock: By which it is bounded.
    """

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock
        self.rests_since_ms = 0

    def exchange(self, data: bytes, until_ms: int) -> Reply:
        """Sends a request and reads its answer.

        Args:
            data: The request.
            until_ms: When (monotonic ms) the whole answer must be there.

        Raises:
            Ended: The other side closed the connection, and nothing came back.
            Garbled: What came back is not a whole answer.
            OSError: The connection broke later; ``TimeoutError`` if the time is up.
        """

        def receive(most: int) -> bytes:
            self._bound(until_ms)
            return self._sock.recv(most)

        self._bound(until_ms)
        try:
            self._sock.sendall(data)
        except ConnectionError as error:
            raise Ended from error
        return read(receive)

    def is_quiet(self) -> bool:
        """Whether it is open and nothing comes unasked: the end of a connection is something that comes."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Closes it."""
        self._sock.close()

    def _bound(self, until_ms: int) -> None:
        left_ms = until_ms - self._clock.monotonic_ms()
        if left_ms <= 0:
            raise TimeoutError
        self._sock.settimeout(left_ms / SECOND_MS)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long things may take, and how much is kept.

    Args:
        connect_ms: Until a connection is open, TLS included.
        read_ms: From sending a request to the end of its answer.
        kept: How many connections may rest.
    """

    connect_ms: int
    read_ms: int
    kept: int


def _close(resting: deque[Connection]) -> None:
    """Closes all, for this process; what a parent has of them stays open."""
    while resting:
        resting.pop().close()


class Connections:
    """The connections to one origin; calls on many threads share them.

    Those that rest are used again, the one that rested shortest first. As with the SDK, calls that find none open
    another, and only so many are kept afterwards. A process that was forked off leaves its parent's alone.

    Args:
        origin: Where they lead to.
        bounds: How long things may take.
        tls: How the other side proves who it is, for ``https``.
        clock: By which they are bounded.
    """

    def __init__(self, origin: Origin, bounds: Bounds, tls: ssl.SSLContext | None, clock: Clock) -> None:
        self._origin = origin
        self._bounds = bounds
        self._tls = tls
        self._clock = clock
        self._resting: deque[Connection] = deque()  # whose ends may be used by several threads at once
        weakref.finalize(self, _close, self._resting)  # when the client is dropped
        self._process = os.getpid()
        self._silent: tuple[Any, ...] = ()

    def rested(self) -> Connection | None:
        """One that rested and is still good, for the caller alone."""
        if self._process != os.getpid():
            self._process = os.getpid()
            _close(self._resting)
        while self._resting:
            try:
                connection = self._resting.pop()
            except IndexError:
                return None  # other threads took the others
            if self._is_fresh(connection) and connection.is_quiet():
                return connection
            connection.close()
        return None

    def rest(self, connection: Connection) -> None:
        """Takes one back, after an exchange that left it usable."""
        connection.rests_since_ms = self._clock.monotonic_ms()
        self._resting.append(connection)
        self._part_with_old()

    def _part_with_old(self) -> None:
        """Closes those that rested longest: those too many, and those too old."""
        while self._resting:
            try:
                oldest = self._resting.popleft()
            except IndexError:
                return
            if len(self._resting) < self._bounds.kept and self._is_fresh(oldest):
                self._resting.appendleft(oldest)
                return
            oldest.close()

    def _is_fresh(self, connection: Connection) -> bool:
        return self._clock.monotonic_ms() < connection.rests_since_ms + IDLE_MS

    def open(self, until_ms: int) -> Connection:
        """Opens one for the caller alone.

        An address that did not answer in time is the last that is tried the next time.

        Args:
            until_ms: When (monotonic ms) the caller's time is up; connecting has a bound of its own besides.

        Raises:
            EndpointConnectionError: The host has no address, or none of them takes the connection.
            ConnectTimeoutError: It took too long.
            SSLError: The other side does not prove who it is.
        """
        until_ms = min(until_ms, self._clock.monotonic_ms() + self._bounds.connect_ms)
        url = f"{self._origin.scheme}://{self._origin.authority}"
        try:
            sock = self._connected(until_ms)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        if self._tls is not None:
            sock = self._secured(sock, self._tls, until_ms, url)
        return Connection(sock, self._clock)

    def _connected(self, until_ms: int) -> socket.socket:
        """A socket that is connected to one of the host's addresses."""
        problem = OSError("the host has no address")
        for family, kind, protocol, _, address in self._addresses():
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                sock.settimeout(self._left_s(until_ms))
                sock.connect(address)
            except TimeoutError:
                sock.close()
                self._silent = address
                raise
            except OSError as error:
                sock.close()
                problem = error
            else:
                return sock
        raise problem

    def _addresses(self) -> Sequence[Any]:
        found = socket.getaddrinfo(self._origin.host, self._origin.port, type=socket.SOCK_STREAM)
        return sorted(found, key=lambda one: one[4] == self._silent)

    def _secured(self, sock: socket.socket, tls: ssl.SSLContext, until_ms: int, url: str) -> socket.socket:
        try:
            sock.settimeout(self._left_s(until_ms))
            return tls.wrap_socket(sock, server_hostname=self._origin.host)
        except TimeoutError as error:
            sock.close()
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except OSError as error:
            sock.close()
            raise SSLError(endpoint_url=url, error=error) from error

    def _left_s(self, until_ms: int) -> float:
        left_ms = until_ms - self._clock.monotonic_ms()
        if left_ms <= 0:
            raise TimeoutError("no time is left to connect")
        return left_ms / SECOND_MS
