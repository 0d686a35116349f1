"""Fire: what is loaded leaves for its queue when its time has come."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from tidewheel.domain.expansion import Firing
from tidewheel.domain.route import Route
from tidewheel.engine.errands import Errands
from tidewheel.ports import SEND_BATCH, PortError, Queue, Telemetry

_RETRY_MS = 500
_MOST_IN_FLIGHT = 64
"""Batches sent side by side; what is due beyond that waits for the next tick."""

Sent = Callable[[], None]
Kept = Callable[[], bool]


class Hopper:
    """The loaded occurrences by the time of their hand-over.

    Only what the queue reports as accepted counts as sent; the rest is offered again, and its slot is not
    retired meanwhile.
    """

    def __init__(self, queue: Queue, errands: Errands, telemetry: Telemetry) -> None:
        self._queue = queue
        self._errands = errands
        self._telemetry = telemetry
        self._heap: list[tuple[int, int, Firing, Sent, Kept]] = []
        self._order = itertools.count()
        self._in_flight = 0

    def add(self, firings: Iterable[Firing], sent: Sent, kept: Kept) -> None:
        """Takes occurrences in.

        Args:
            firings: The occurrences.
            sent: Is called once for each that was accepted.
            kept: Says whether they are still this scheduler's to send; asked when they are due.
        """
        for firing in firings:
            self._push(firing.release_ms, firing, sent, kept)

    def _push(self, release_ms: int, firing: Firing, sent: Sent, kept: Kept) -> None:
        heapq.heappush(self._heap, (release_ms, next(self._order), firing, sent, kept))

    def fire(self, now_ms: int) -> None:
        """Sends what is due, in batches as full as may be, side by side."""
        ready: defaultdict[Route, list[tuple[Firing, Sent, Kept]]] = defaultdict(list)
        room = (_MOST_IN_FLIGHT - self._in_flight) * SEND_BATCH
        while self._heap and self._heap[0][0] <= now_ms and room > 0:
            _, _, firing, sent, kept = heapq.heappop(self._heap)
            if kept():
                ready[firing.route].append((firing, sent, kept))
                room -= 1
        for route, firings in ready.items():
            for start in range(0, len(firings), SEND_BATCH):
                self._send(route, firings[start : start + SEND_BATCH], now_ms)

    def _send(self, route: Route, batch: Sequence[tuple[Firing, Sent, Kept]], now_ms: int) -> None:
        dispatches = [firing.dispatch for firing, _, _ in batch]

        def work() -> Sequence[bool]:
            try:
                return self._queue.send(route, dispatches)
            except PortError as error:
                self._telemetry.note("send failed", route=str(route), problem=str(error))
                return [False] * len(dispatches)

        def done(accepted: Sequence[bool]) -> None:
            self._in_flight -= 1
            for (firing, sent, kept), taken in zip(batch, accepted, strict=True):
                if taken:
                    sent()
                else:
                    self._push(now_ms + _RETRY_MS, firing, sent, kept)
            refused = accepted.count(False)
            self._telemetry.count("dispatched", len(batch) - refused, route=str(route))
            if refused:
                self._telemetry.count("send_refused", refused, route=str(route))

        self._in_flight += 1
        self._errands.start(work, done)
