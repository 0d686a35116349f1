"""Connections whose servers say what they are told, byte by byte, request by request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import httpcore

from tests.support.calls import a_call, surroundings
from tidewheel.adapters.targets.http import HttpTarget
from tidewheel.adapters.targets.web.guard import GuardedNetwork
from tidewheel.adapters.targets.web.transport import GuardedTransport
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.fleet.networks import Address
from tidewheel.domain.jobs.job import Target
from tidewheel.ports import Call

PUBLIC = "93.184.216.34"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
END = b""
SILENCE = None

Said = bytes | Exception | None
"""What a read gives: bytes, the end of the connection, an error, or nothing for ever."""


class Line(httpcore.AsyncNetworkStream):
    """One connection.

    Args:
        says: What its reads give; the end of the connection once nothing is left.
    """

    def __init__(self, says: Sequence[Said]) -> None:
        self.says = list(says)
        self.heard: list[bytes] = []
        self.contexts: list[ssl.SSLContext] = []
        self.closed = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        said = self.says.pop(0) if self.says else END
        if said is SILENCE:
            await asyncio.get_running_loop().create_future()
        if isinstance(said, Exception):
            raise said
        assert isinstance(said, bytes)
        return said

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self.heard.append(buffer)

    async def aclose(self) -> None:
        self.closed = True

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        self.contexts.append(ssl_context)
        return self

    def get_extra_info(self, info: str) -> Any:
        return None

    @property
    def requests(self) -> int:
        """How many requests came over it."""
        return sum(b" HTTP/1.1\r\n" in part for part in self.heard)


class Lines(httpcore.AsyncNetworkBackend):
    """A network.

    Args:
        scripts: What the connections say, one after the other.
        addresses: Those of any host, one look-up after the other; the last goes on.
    """

    def __init__(self, *scripts: Sequence[Said], addresses: Sequence[str] = (PUBLIC,)) -> None:
        self._scripts = list(scripts)
        self._addresses = list(addresses)
        self.made: list[Line] = []
        self.hosts: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if not self._scripts:
            raise httpcore.ConnectError("nobody is there any more")
        self.made.append(Line(self._scripts.pop(0)))
        return self.made[-1]

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        self.hosts.append(host)
        return [ip_address(self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0])]


@contextmanager
def target_over(lines: Lines, secrets: dict[str, str] | None = None) -> Iterator[HttpTarget]:
    """An HTTP target on a network of lines."""
    target = HttpTarget(surroundings(secrets), GuardedTransport(GuardedNetwork((), lines.resolve, lines)))
    try:
        yield target
    finally:
        target.close()


def http_call(*, repeatable: bool = False, timeout_ms: int = 30_000, **spec: Any) -> Call:
    """A call of an HTTP target."""
    full = {"method": "GET", "url": "http://a.example/", "headers": {}, "body": None} | spec
    return a_call(Target("http", full), "x", 0, 1, timeout_ms, repeatable=repeatable)


def answered(*script: Said, **spec: Any) -> Answer:
    """The answer of one call on a connection that says what the script holds."""
    with target_over(Lines(script)) as target:
        return target.call(http_call(**spec))
