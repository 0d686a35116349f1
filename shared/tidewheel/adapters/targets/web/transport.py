"""Sends the requests of the HTTP target over guarded connections, kept ones where that is safe.

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

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tidewheel.adapters.targets.web.answer import Answering
from tidewheel.adapters.targets.web.connection import Connection
from tidewheel.adapters.targets.web.countdown import Countdown
from tidewheel.adapters.targets.web.errors import ReadError, RemoteProtocolError
from tidewheel.adapters.targets.web.exchange import Exchange
from tidewheel.adapters.targets.web.guard import GuardedNetwork
from tidewheel.adapters.targets.web.pool import Pool, Pools
from tidewheel.adapters.targets.web.request import Request
from tidewheel.ports import Clock

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


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


class GuardedTransport:
    """Sends requests, each on the thread of its call, without a proxy. Thread-safe.

    Args:
        network: Opens the connections.
        clock: Measures how long they were idle.
    """

    def __init__(self, network: GuardedNetwork, clock: Clock) -> None:
        self._network = network
        self._pools = Pools(clock)

    @contextmanager
    def answering(self, request: Request, sending: Sending, countdown: Countdown) -> Iterator[Answering]:
        """Sends a request, and once more if that is safe; see the module.

        Returns:
            The answer, whose head was read. Within the context its body can be; after it the connection is kept for
            another request if there is nothing left to read.

        Raises:
            AddressRefused: Its host must not be called.
            Unsendable: The request cannot be made.
            TransportError: The exchange broke off.
            Stopped: The call was told to end.
            TimedOut: The call's time is up.
        """
        pool = self._pools.under(sending.ca)
        keeps = sending.repeatable or request.method in _IDEMPOTENT
        connection, answering = self._started(request, sending, countdown, pool, keeps=keeps)
        try:
            yield answering
        except BaseException:
            countdown.let_go()
            connection.close()
            raise
        countdown.let_go()
        if keeps and connection.is_whole and answering.is_complete:
            pool.give(request.url.origin, connection)
        else:
            connection.close()

    def _started(
        self, request: Request, sending: Sending, countdown: Countdown, pool: Pool, *, keeps: bool
    ) -> tuple[Connection, Answering]:
        origin, data = request.url.origin, request.encoded()
        sending.exchange = Exchange()  # also if no connection comes about: what was answered before is another's answer
        kept = pool.take(origin) if keeps else None
        if kept is not None:
            try:
                return kept, _sent(kept, data, request.method, sending, countdown)
            except (ReadError, RemoteProtocolError):
                if not sending.exchange.is_unanswered_on_reused:
                    raise
        made = self._network.connect(origin, pool.context(origin), countdown)
        return made, _sent(made, data, request.method, sending, countdown)

    def close(self) -> None:
        """Closes the idle connections."""
        self._pools.close()


def _sent(connection: Connection, data: bytes, method: str, sending: Sending, countdown: Countdown) -> Answering:
    exchange = sending.exchange = Exchange()
    exchange.reused, connection.used = connection.used, True
    countdown.hold(connection.shut)
    try:
        connection.send(data, countdown)
        return Answering(connection, exchange, method, countdown)
    except BaseException:
        countdown.let_go()
        connection.close()
        raise
