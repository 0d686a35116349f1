"""Sends requests over kept connections; what goes wrong is raised as the SDK raises it."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ConnectionClosedError, HTTPClientError, ReadTimeoutError

from tidewheel.adapters.aws.transport.connections import Bounds, Connection, Connections
from tidewheel.adapters.aws.transport.reply import Ended, Garbled, Reply
from tidewheel.adapters.aws.transport.request import Malformed, Origin, Request, split
from tidewheel.adapters.aws.transport.tls import context_of
from tidewheel.ports import Clock

Announce = Callable[[Request], Reply | None]
"""Tells that a request is about to be sent; whoever listens may raise, or answer it himself."""
_CHECKSUM = "x-amz-crc32"


class Sender:
    """Sends requests of calls on many threads, each try within the bounds of connecting and of reading together.

    A request that went on a kept connection, which then ended before a byte came back, is sent again on a new one: the
    other side had closed it. That is done once, within the same bounds, and announced like the first time.

    Args:
        bounds: How long things may take, and how many connections are kept.
        verify: How the other side proves who it is, as the SDK has it.
        clock: By which tries are bounded.
    """

    def __init__(self, bounds: Bounds, verify: bool | str, clock: Clock) -> None:  # noqa: FBT001 - as the SDK has it
        self._bounds = bounds
        self._verify = verify
        self._clock = clock
        self._connections: dict[Origin, Connections] = {}

    def send(self, request: Request, announce: Announce) -> Reply:
        """One try of a request.

        Args:
            request: Signed.
            announce: Called right before it is sent.

        Raises:
            BotoCoreError: Nothing came back, or not a whole answer.
        """
        given = announce(request)
        if given is not None:
            return given
        try:
            return self._sent(request, announce)
        except BotoCoreError:
            raise
        except Malformed as error:
            raise HTTPClientError(error=error) from error
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except (Ended, Garbled, OSError) as error:
            raise ConnectionClosedError(endpoint_url=request.url, error=error) from error

    def _sent(self, request: Request, announce: Announce) -> Reply:
        until_ms = self._clock.monotonic_ms() + self._bounds.connect_ms + self._bounds.read_ms
        connections, data = self._to(split(request.url)[0]), request.encoded()
        rested = connections.rested()
        if rested is not None:
            try:
                return self._exchanged(connections, rested, data, until_ms)
            except Ended:
                announce(request)
        return self._exchanged(connections, connections.open(until_ms), data, until_ms)

    def _to(self, origin: Origin) -> Connections:
        if origin not in self._connections:
            tls = context_of(self._verify) if origin.scheme == "https" else None
            self._connections.setdefault(origin, Connections(origin, self._bounds, tls, self._clock))
        return self._connections[origin]

    def _exchanged(self, connections: Connections, connection: Connection, data: bytes, until_ms: int) -> Reply:
        """One exchange on a connection, which is kept if another one can follow."""
        usable = False
        try:
            reply = connection.exchange(data, min(until_ms, self._clock.monotonic_ms() + self._bounds.read_ms))
            _check(reply)
            usable = not reply.last
        finally:
            if not usable:
                connection.close()
        if usable:
            connections.rest(connection)
        return reply


def _check(reply: Reply) -> None:
    """DynamoDB says what the sum of an answer's bytes is.

    Raises:
        Garbled: They come to another one.
    """
    wanted = reply.headers.get(_CHECKSUM)
    if wanted is not None and wanted != str(crc32(reply.content)):
        raise Garbled(f"the sum of the answer's bytes is {crc32(reply.content)}, and was {wanted[:80]!r}")
