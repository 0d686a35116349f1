"""The connections of the HTTP target: pools over the guarded network, one for each set of CAs.

**Sending again.** A server may close a kept connection at the moment at which a request is sent on it. Then nothing
comes back, and nobody knows whether the request was carried out. RFC 9112, 9.3.1 and RFC 9110, 9.2.2 let a client send
it again by itself, on a new connection and once, if the method is idempotent or the client knows otherwise that a
repeat does no harm. So:

- GET, HEAD, OPTIONS, PUT and DELETE are sent again.
- POST and PATCH are sent again if the job's retry policy would have the call repeated after a broken connection:
  whoever allows that has a target that takes two calls with one ``Idempotency-Key``. It is the same attempt, with the
  same headers.
- Other POST and PATCH are never sent twice. They get a connection of their own, which nobody has used before, so that
  no server is just closing it for its idleness.

What ended on a new connection, or after the first byte of an answer, is never sent again here: that is the retry
policy's to decide.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpcore
import httpx

from tidewheel.adapters.targets.web.exchange import Exchange, current
from tidewheel.adapters.targets.web.guard import GuardedNetwork
from tidewheel.adapters.targets.web.trust import context_of
from tidewheel.domain.limits import CA_BUNDLES, CONNECTIONS, KEEP_ALIVE_MS, SECOND_MS

SENDING = "tidewheel.sending"
"""The extension of a request that holds its ``Sending``; httpx gives it to the requests of redirects too."""
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_BROKEN = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)


@dataclass(slots=True)
class Sending:
    """How the requests of one call are sent, and how that went.

    Args:
        repeatable: Whether the job lets a call be made again of which nobody knows whether it was carried out.
        ca: The bundle of CAs, in PEM, of which one must have signed the target's certificate; None: a public one.
            It is one that ``trust.context_of`` takes.
        exchange: The exchange of the request that was sent last.
    """

    repeatable: bool = False
    ca: str | None = None
    exchange: Exchange = field(default_factory=Exchange)


class _Pools:
    """The connections under one set of CAs: those that are kept for other requests, and those of a single one.

    Args:
        context: Whom they trust.
        network: Opens them.
    """

    def __init__(self, context: ssl.SSLContext, network: GuardedNetwork) -> None:
        self.busy = 0
        self.kept, self.single = (
            httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=CONNECTIONS,
                max_keepalive_connections=kept,
                keepalive_expiry=KEEP_ALIVE_MS / SECOND_MS,
                network_backend=network,
            )
            for kept in (CONNECTIONS, 0)
        )

    async def send(self, request: httpcore.Request, sending: Sending) -> httpcore.Response:
        """Sends a request, and once more if that is safe; see the module."""
        if not (sending.repeatable or request.method.decode("ascii") in _IDEMPOTENT):
            return await self._sent(self.single, request, sending)
        try:
            return await self._sent(self.kept, request, sending)
        except _BROKEN:
            if not sending.exchange.is_unanswered_on_reused:
                raise
        return await self._sent(self.single, request, sending)

    @staticmethod
    async def _sent(
        pool: httpcore.AsyncConnectionPool, request: httpcore.Request, sending: Sending
    ) -> httpcore.Response:
        sending.exchange = Exchange()
        current.set(sending.exchange)
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        await self.kept.aclose()
        await self.single.aclose()


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport over pools of guarded connections, without a proxy.

    Args:
        network: Opens the connections.
    """

    def __init__(self, network: GuardedNetwork) -> None:
        self._network = network
        self._public = _Pools(httpx.create_ssl_context(), network)
        self._private: dict[str, _Pools] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request; see ``httpx.AsyncBaseTransport``."""
        url, sending = request.url, request.extensions.get(SENDING) or Sending()
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        pools = await self._pools(sending.ca)
        pools.busy += 1
        try:
            with _as_httpx():
                answer = await pools.send(asked, sending)
        except BaseException:
            pools.busy -= 1
            raise
        return httpx.Response(
            status_code=answer.status, headers=answer.headers, stream=_Body(answer, pools), extensions=answer.extensions
        )

    async def _pools(self, ca: str | None) -> _Pools:
        """The connections under a bundle of CAs. Those used least lately are closed, if nobody uses them just now."""
        if ca is None:
            return self._public
        key = hashlib.sha256(ca.encode(errors="surrogatepass")).hexdigest()
        pools = self._private.pop(key, None) or _Pools(context_of(ca), self._network)
        self._private[key] = pools
        idle = [other for other, found in self._private.items() if not found.busy and found is not pools]
        for other in idle[: max(0, len(self._private) - CA_BUNDLES)]:
            await self._private.pop(other).aclose()
        return pools

    async def aclose(self) -> None:
        """Closes every connection."""
        for pools in (self._public, *self._private.values()):
            await pools.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of a response. Closing it returns the connection to the pool."""

    def __init__(self, answer: httpcore.Response, pools: _Pools) -> None:
        self._answer = answer
        self._pools: _Pools | None = pools

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for part in self._answer.aiter_stream():
                yield part

    async def aclose(self) -> None:
        pools, self._pools = self._pools, None
        if pools is not None:
            pools.busy -= 1
        with _as_httpx():
            await self._answer.aclose()


_NAMES = (
    *("ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout", "ConnectError", "ReadError", "WriteError"),
    *("LocalProtocolError", "RemoteProtocolError", "UnsupportedProtocol"),
)
_ERRORS: dict[type[Exception], type[httpx.TransportError]] = {
    getattr(httpcore, name): getattr(httpx, name) for name in _NAMES
}
"""httpx has the same names for the pool's errors."""


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except tuple(_ERRORS) as error:
        raise _ERRORS[type(error)](str(error)) from error
