"""A queue in memory, with visibility; messages pass through their wire form."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import ROUTES, Route
from tidewheel.domain.limits import MAX_MESSAGE_BYTES, SECOND_MS
from tidewheel.ports import Clock, Received, Refused
from tidewheel.wire.message import dump, load

_NEVER_MS = 1 << 62


@dataclass(slots=True)
class Message:
    """A message in the queue (times in ms since the epoch)."""

    receipt: str
    body: str
    visible_ms: int
    received: int = 0
    sent_ms: int = 0

    @property
    def dispatch(self) -> Dispatch:
        """What it says."""
        return load(self.body)


class MemoryQueue:
    """``ports.Queue`` in memory; ``take`` shows the messages themselves."""

    def __init__(self, clock: Clock, visibility_ms: int = 30_000) -> None:
        self._clock = clock
        self._visibility_ms = visibility_ms
        self._messages: dict[Route, dict[str, Message]] = {}
        self._receipts = itertools.count(1)
        self._lock = threading.RLock()
        self._nothing_before_ms = 0
        self.requests = 0

    def send(self, route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        """See ``ports.Queue``."""
        _require(route)
        if sum(len(dump(dispatch)) for dispatch in dispatches) > MAX_MESSAGE_BYTES:
            raise Refused("queue.send", str(route), "longer than a message may be", mendable=False)
        with self._lock:
            self.requests += 1
            for dispatch, delay_s in zip(dispatches, delays_s or [0] * len(dispatches), strict=True):
                receipt = f"r{next(self._receipts)}"
                now = self._clock.now_ms()
                message = Message(receipt, dump(dispatch), now + delay_s * SECOND_MS, sent_ms=now)
                self._messages.setdefault(route, {})[receipt] = message
            self._nothing_before_ms = 0
        return [True] * len(dispatches)

    def retry_later(self, route: Route, receipt: str, delay_ms: int) -> None:
        """See ``ports.Queue``."""
        _require(route)
        with self._lock:
            message = self._messages.get(route, {}).get(receipt)
            if message is not None:
                message.visible_ms = self._clock.now_ms() + delay_ms
                self._nothing_before_ms = 0

    def waiting(self, route: Route) -> int:
        """See ``ports.Queue``."""
        _require(route)
        with self._lock:
            now = self._clock.now_ms()
            return sum(message.visible_ms <= now for message in self._messages.get(route, {}).values())

    def visible(self) -> list[Route]:
        """The routes on which a message may be received now."""
        with self._lock:
            now = self._clock.now_ms()
            if now < self._nothing_before_ms:
                return []
            next_ms = {
                route: min(message.visible_ms for message in messages.values())
                for route, messages in self._messages.items()
                if messages
            }
            self._nothing_before_ms = min(next_ms.values(), default=_NEVER_MS)
            return [route for route, at_ms in next_ms.items() if at_ms <= now]

    def receive(self, route: Route, limit: int, hidden_ms: int, wait_ms: int = 0) -> Sequence[Received]:
        """See ``ports.Queue``."""
        _require(route)
        if not self.waiting(route):
            self._clock.sleep(wait_ms)
        return [
            Received(message.receipt, message.receipt, message.body, route, message.received, message.sent_ms)
            for message in self._taken(route, limit, hidden_ms)
        ]

    def take(self, route: Route, limit: int = 10) -> list[Message]:
        """Up to ``limit`` visible messages, hidden from others for as long as the queue usually does."""
        return self._taken(route, limit, self._visibility_ms)

    def _taken(self, route: Route, limit: int, hidden_ms: int) -> list[Message]:
        with self._lock:
            now = self._clock.now_ms()
            ready = [message for message in self._messages.get(route, {}).values() if message.visible_ms <= now]
            for message in ready[:limit]:
                message.visible_ms = now + hidden_ms
                message.received += 1
            return ready[:limit]

    def hide(self, route: Route, receipts: Sequence[str], duration_ms: int) -> None:
        """See ``ports.Queue``."""
        for receipt in receipts:
            self.retry_later(route, receipt, duration_ms)

    def delete(self, route: Route, receipts: Sequence[str]) -> None:
        """See ``ports.Queue``."""
        _require(route)
        with self._lock:
            for receipt in receipts:
                self._messages.get(route, {}).pop(receipt, None)

    def depth(self, route: Route) -> int:
        """Messages that are in the queue, hidden ones included."""
        with self._lock:
            return len(self._messages.get(route, {}))


def _require(route: Route) -> None:
    if route not in ROUTES:
        raise Refused("queue", str(route), "this deployment has no such queue", mendable=True)
