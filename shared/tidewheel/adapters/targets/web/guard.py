"""The network of the HTTP target: it resolves a host once, checks each of its addresses, and connects to one of them.

The check is made where the connection is made, below the pool, which knows connections by host name. So Host header,
SNI and certificate check are those of the URL; a name that resolves to another address later (DNS rebinding) is checked
again at the next connection; and no connection goes past the check, a redirect's neither.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address

import httpcore

from tidewheel.adapters.targets.web.exchange import ObservedStream
from tidewheel.domain.fleet.networks import Address, Network, disguised, literal, refusal
from tidewheel.domain.limits import CONNECT_MS, SECOND_MS

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""All addresses of a host for a port; raises ``OSError`` where there are none."""


class AddressRefused(Exception):
    """A host must not be called. The text holds the host, its address and the reason."""


async def look_up(host: str, port: int) -> Sequence[Address]:
    """The addresses that the system's resolver gives."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(place[0]) for *_, place in found]


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to allowed addresses alone.

    Args:
        allowed: Networks that may be called although they are not public.
        resolve: Looks up a host.
        inner: Connects to an address.
    """

    def __init__(
        self,
        allowed: Sequence[Network],
        resolve: Resolve = look_up,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the name is the base class's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connects to the first of the host's addresses that accepts.

        Raises:
            AddressRefused: One of its addresses must not be called; then none is.
            httpcore.ConnectError: It has no address, or none answers.
        """
        *others, last = await self._addresses(host, port)
        for address in others:
            try:
                stream = await self._inner.connect_tcp(
                    str(address), port, CONNECT_MS / SECOND_MS, local_address, socket_options
                )
                return ObservedStream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # the next address may accept; the last one's error is raised
        return ObservedStream(await self._inner.connect_tcp(str(last), port, timeout, local_address, socket_options))

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        check_spelling(host)
        known = literal(host)
        try:
            addresses = [known] if known else list(dict.fromkeys(await self._resolve(host, port)))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be looked up: {error}") from error
        if not addresses:
            raise httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            if reason := refusal(address, self._allowed):
                raise AddressRefused(f"refused: {reason}" + ("" if known else f", of {host}"))
        return addresses

    async def sleep(self, seconds: float) -> None:
        """See ``httpcore.AsyncNetworkBackend``: the pool waits so between its own retries."""
        await self._inner.sleep(seconds)


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
