"""The network of the HTTP target: it resolves a host once, checks each of its addresses, and connects to one of them.

The check is made where the connection is made, and nothing else makes any. So Host header, SNI and certificate check
are those of the URL; a name that resolves to another address later (DNS rebinding) is checked again at the next
connection; and no connection goes past the check, a redirect's neither.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from tidewheel.adapters.targets.web.connection import Connection
from tidewheel.adapters.targets.web.countdown import Countdown
from tidewheel.adapters.targets.web.errors import ConnectError
from tidewheel.adapters.targets.web.side_threads import SideThreads
from tidewheel.adapters.targets.web.sockets import Sockets, SystemSockets
from tidewheel.adapters.targets.web.url import Origin
from tidewheel.domain.fleet.networks import Address, Network, disguised, literal, refusal
from tidewheel.domain.limits import CONNECT_MS, FOREVER_MS

Resolve = Callable[[str, int], Sequence[Address]]
"""All addresses of a host for a port; raises ``OSError`` where there are none."""


class AddressRefused(Exception):
    """A host must not be called. The text holds the host, its address and the reason."""


def look_up(host: str, port: int) -> Sequence[Address]:
    """The addresses that the system's resolver gives."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(place[0]) for *_, place in found]


class GuardedNetwork:
    """Connects to allowed addresses alone.

    Args:
        allowed: Networks that may be called although they are not public.
        threads: Where hosts are looked up.
        resolve: Looks up a host.
        sockets: Connects to an address.
    """

    def __init__(
        self,
        allowed: Sequence[Network],
        threads: SideThreads,
        resolve: Resolve = look_up,
        sockets: Sockets | None = None,
    ) -> None:
        self._allowed = allowed
        self._threads = threads
        self._resolve = resolve
        self._sockets = sockets or SystemSockets()

    def connect(self, origin: Origin, context: ssl.SSLContext | None, countdown: Countdown) -> Connection:
        """Connects to the first of the host's addresses that accepts.

        Args:
            origin: Whom to connect to.
            context: Whom TLS trusts; None for a connection without TLS.
            countdown: The call's time.

        Raises:
            AddressRefused: One of its addresses must not be called; then none is.
            ConnectError: It has no address, none answers, or TLS fails.
            Stopped: The call was told to end.
            TimedOut: The call's time is up.
        """
        sock = self._reached(origin, countdown)
        if context is None:
            return Connection(sock)
        try:
            return Connection(self._sockets.secure(sock, context, origin.host, countdown))
        except (OSError, ValueError) as error:  # the latter: TLS cannot name the host
            countdown.left_ms()  # the connection may have been shut
            raise ConnectError(str(error)) from error

    def _reached(self, origin: Origin, countdown: Countdown) -> socket.socket:
        *others, last = self._addresses(origin.host, origin.port, countdown)
        for address in others:
            try:
                return self._sockets.connect(address, origin.port, countdown, CONNECT_MS)
            except OSError:
                continue  # the next address may accept; the last one's error is raised
        try:
            return self._sockets.connect(last, origin.port, countdown, FOREVER_MS)
        except OSError as error:
            countdown.left_ms()
            raise ConnectError(str(error)) from error

    def _addresses(self, host: str, port: int, countdown: Countdown) -> Sequence[Address]:
        check_spelling(host)
        known = literal(host)
        addresses = [known] if known else self._looked_up(host, port, countdown)
        if not addresses:
            raise ConnectError(f"{host} has no address")
        for address in addresses:
            if reason := refusal(address, self._allowed):
                raise AddressRefused(f"refused: {reason}" + ("" if known else f", of {host}"))
        return addresses

    def _looked_up(self, host: str, port: int, countdown: Countdown) -> list[Address]:
        try:
            return list(dict.fromkeys(self._threads.result(countdown, self._resolve, host, port)))
        except (OSError, UnicodeError) as error:
            raise ConnectError(f"{host} cannot be looked up: {error}") from error


def check_spelling(host: str) -> None:
    """Refuses a host that some resolvers read as a name and others as an address.

    Raises:
        AddressRefused: It is such a host.
    """
    if disguised(host):
        raise AddressRefused(f"refused: {host} is a disguised address{_meant(host)}")


def _meant(host: str) -> str:
    """The address that the C library would read in it."""
    try:
        return f" ({socket.inet_ntoa(socket.inet_aton(host.removesuffix('.')))})"
    except OSError:
        return ""
