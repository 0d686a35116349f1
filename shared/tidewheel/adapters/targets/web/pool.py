"""Connections that nobody uses just now, kept for other requests: by origin, and apart for each set of CAs."""

from __future__ import annotations

import ssl
import threading
from collections import OrderedDict, deque
from collections.abc import Callable

from tidewheel.adapters.targets.web.connection import Connection
from tidewheel.adapters.targets.web.trust import context_of, public_context
from tidewheel.adapters.targets.web.url import Origin
from tidewheel.domain.limits import CA_BUNDLES, CONNECTIONS, KEEP_ALIVE_MS
from tidewheel.ports import Clock


class Pool:
    """The idle connections under one set of CAs. Thread-safe.

    One is taken and given back in constant time: the origin's connections lie in a stack, all of them in the order in
    which they were given back, which is also the order in which they grow too old.

    Args:
        clock: Measures how long a connection has been idle.
        make_context: Makes what tells whom TLS trusts, when the first connection needs it.
    """

    def __init__(self, clock: Clock, make_context: Callable[[], ssl.SSLContext]) -> None:
        self._clock = clock
        self._make_context = make_context
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: dict[Origin, deque[Connection]] = {}
        self._order: OrderedDict[Connection, Origin] = OrderedDict()
        self._most = CONNECTIONS

    def context(self, origin: Origin) -> ssl.SSLContext | None:
        """Whom a connection to an origin trusts; None if it is not under TLS."""
        if origin.scheme != "https":
            return None
        with self._lock:
            if self._context is None:
                self._context = self._make_context()
                self._context.set_alpn_protocols(["http/1.1"])
            return self._context

    def take(self, origin: Origin) -> Connection | None:
        """A connection that carried a request before and is still good, as far as can be seen; None if there is none.

        It is the one that was given back last.
        """
        while True:
            with self._lock:
                old = self._too_old()
                connections = self._idle.get(origin)
                connection = connections.pop() if connections else None
                if connection is not None:
                    self._forget(connection, origin)
            _close(old)
            if connection is None or connection.is_quiet:
                return connection
            connection.close()

    def give(self, origin: Origin, connection: Connection) -> None:
        """Keeps a connection, in place of the one that has been idle longest if there are too many."""
        with self._lock:
            connection.idle_ms = self._clock.monotonic_ms()
            self._idle.setdefault(origin, deque()).append(connection)
            self._order[connection] = origin
            old = self._too_old()
        _close(old)

    def close(self) -> None:
        """Closes the idle connections, and from now on each that is given back."""
        with self._lock:
            self._most = 0
            old = self._too_old()
        _close(old)

    def _too_old(self) -> list[Connection]:
        """Takes out what is not to be kept any longer, the oldest of an origin first."""
        since_ms, old = self._clock.monotonic_ms() - KEEP_ALIVE_MS, []
        while self._order:
            connection, origin = next(iter(self._order.items()))
            if len(self._order) <= self._most and connection.idle_ms >= since_ms:
                break
            old.append(self._idle[origin].popleft())
            self._forget(connection, origin)
        return old

    def _forget(self, connection: Connection, origin: Origin) -> None:
        del self._order[connection]
        if not self._idle[origin]:
            del self._idle[origin]


class Pools:
    """The pools of a worker: one under the public CAs, one for each bundle of private ones. Thread-safe.

    Args:
        clock: Of the worker.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._public = Pool(clock, public_context)
        self._private: OrderedDict[str, Pool] = OrderedDict()

    def under(self, ca: str | None) -> Pool:
        """The pool under a bundle of CAs in PEM; None: under the public ones. Those asked for least lately are closed.

        Args:
            ca: One that ``trust.context_of`` takes.
        """
        if ca is None:
            return self._public
        with self._lock:
            pool = self._private.pop(ca, None) or Pool(self._clock, lambda: context_of(ca))
            self._private[ca] = pool
            old = self._private.popitem(last=False)[1] if len(self._private) > CA_BUNDLES else None
        if old is not None:
            old.close()
        return pool

    def close(self) -> None:
        """Closes every idle connection."""
        for pool in (self._public, *self._private.values()):
            pool.close()


def _close(connections: list[Connection]) -> None:
    for connection in connections:
        connection.close()
