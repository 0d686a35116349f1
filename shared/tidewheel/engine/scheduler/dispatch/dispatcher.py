"""Fire: what is loaded leaves for its queue when its time has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tidewheel.domain.fleet.route import Route, promoted
from tidewheel.domain.wheel.expansion import Firing
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.dispatch.route_buffer import (
    SLACK_MS,
    DueTimeBag,
    Kept,
    PendingDispatch,
    RouteBuffer,
    Sent,
)
from tidewheel.ports import SEND_BATCH, PortError, Queue, Telemetry

MOST_IN_FLIGHT = 64
"""Batches sent side by side; what is due beyond that waits for the next tick."""


class Dispatcher:
    """The loaded occurrences by route and by the time of their hand-over.

    Only what the queue reports as accepted counts as sent; the rest is offered again, and its slot is not
    retired meanwhile. A route that takes nothing is left alone for a while; the others are not affected. Where nobody
    loops, all of it is sent at once, with delays.
    """

    def __init__(
        self, queue: Queue, background: BackgroundIO, telemetry: Telemetry, backoff: Backoff, pace: Pace = LOOP
    ) -> None:
        self._queue = queue
        self._pace = pace
        self._background = background
        self._telemetry = telemetry
        self._backoff = backoff
        self._dues = DueTimeBag()  # of what is in flight, and of what is released long after its time
        self._buffers: defaultdict[Route, RouteBuffer] = defaultdict(lambda: RouteBuffer(self._dues))
        self._in_flight = 0
        self._now_ms = 0

    def add(self, firings: Iterable[Firing], sent: Sent, kept: Kept) -> None:
        """Takes occurrences in.

        Args:
            firings: The occurrences.
            sent: Is called once for each that was accepted.
            kept: Says whether they are still this scheduler's to send; asked when they are due.
        """
        for firing in firings:
            route = promoted(firing.route, firing.release_ms - firing.dispatch.due_ms)
            if route != firing.route:
                self._telemetry.count("promoted", route=str(route))
            self._buffers[route].add(firing, sent, kept, firing.release_ms if self._pace.loops else 0)

    def handed_over_ms(self, now_ms: int) -> int:
        """An instant (ms), ``now_ms`` at most, up to which everything is handed over.

        Every firing that was added and is still kept, and is due then or earlier, has been accepted. What waits for
        its tier's own time is judged by that of the first of its route, so the answer may be up to
        ``lane.SLACK_MS`` lower than it could be.
        """
        pending = [buffer.release_ms - SLACK_MS for buffer in self._buffers.values() if buffer.release_ms is not None]
        lowest = self._dues.lowest
        return min([now_ms, *pending] if lowest is None else [now_ms, lowest - 1, *pending])

    def fire(self, now_ms: int) -> None:
        """Sends what is due, in batches as full as may be, side by side; the routes take turns."""
        self._now_ms = now_ms
        ready = [route for route, buffer in self._buffers.items() if buffer.is_ready(now_ms)]
        while ready and self._in_flight < MOST_IN_FLIGHT:
            for route in ready:
                if self._in_flight < MOST_IN_FLIGHT and (batch := self._take(route, now_ms)):
                    self._send(route, batch)
            ready = [route for route in ready if self._buffers[route].is_ready(now_ms)]

    def _take(self, route: Route, now_ms: int) -> Sequence[PendingDispatch]:
        """The next batch of a lane. What has become so late meanwhile that it is promoted joins another lane first."""
        batch = self._buffers[route].take(SEND_BATCH, now_ms)
        late = [pending for pending in batch if pending.route(now_ms) != route]
        if not late:
            return batch
        for pending in late:
            higher = pending.route(now_ms)
            self._telemetry.count("promoted", route=str(higher))
            self._buffers[higher].join(pending)
        return [pending for pending in batch if pending.route(now_ms) == route]

    def _send(self, route: Route, batch: Sequence[PendingDispatch]) -> None:
        dispatches = [pending.firing.dispatch for pending in batch]
        delays = () if self._pace.loops else [pending.firing.delay_s(self._now_ms) for pending in batch]
        buffer, lowest = self._buffers[route], min(pending.due_ms for pending in batch)
        failures = buffer.failures

        def work() -> Sequence[bool]:
            try:
                return self._queue.send(route, dispatches, delays)
            except PortError as error:
                self._telemetry.info("send failed", route=str(route), problem=str(error))
                return [False] * len(dispatches)

        def done(accepted: Sequence[bool]) -> None:
            self._in_flight -= 1
            self._dues.remove(lowest)
            if any(accepted):
                buffer.opens()
            elif buffer.failures == failures:
                buffer.shuts(self._now_ms + self._backoff.delay_ms(failures))
                self._telemetry.count("route_shut", route=str(route))
            self._settle(route, batch, accepted)

        buffer.probing = failures > 0
        self._in_flight += 1
        self._dues.add(lowest)
        self._background.start(work, done)

    def _settle(self, route: Route, batch: Sequence[PendingDispatch], accepted: Sequence[bool]) -> None:
        """Tells what was sent; the rest waits: for the route to open if nothing was taken, else each by itself."""
        buffer = self._buffers[route]
        for pending, taken in zip(batch, accepted, strict=True):
            if taken:
                pending.sent()
                continue
            again_ms = buffer.shut_until_ms if buffer.failures else self._now_ms + self._backoff.delay_ms(pending.tries)
            buffer.again(pending, again_ms)
        refused = accepted.count(False)
        self._telemetry.count("dispatched", len(batch) - refused, route=str(route))
        if refused:
            self._telemetry.count("send_refused", refused, route=str(route))
