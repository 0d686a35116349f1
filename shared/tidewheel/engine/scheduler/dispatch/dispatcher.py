"""Dispatch: loaded occurrences are sent to their queues when their time has come."""

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
    IsHeld,
    PendingDispatch,
    RouteBuffer,
    Sent,
)
from tidewheel.ports import SEND_BATCH, PortError, Queue, Telemetry

MOST_IN_FLIGHT = 64
"""Batches sent side by side; what is due beyond that waits for the next tick."""


class Dispatcher:
    """The loaded occurrences by route and by the time of their release.

    Only what the queue reports as accepted counts as sent; the rest is sent again, and its slot is not retired
    meanwhile. A route that takes nothing is left alone for a while, which does not affect the others. In economy mode
    all of it is sent at once, with delays.
    """

    def __init__(
        self, queue: Queue, background: BackgroundIO, telemetry: Telemetry, backoff: Backoff, pace: Pace = LOOP
    ) -> None:
        self._queue = queue
        self._pace = pace
        self._background = background
        self._telemetry = telemetry
        self._backoff = backoff
        self._due_times = DueTimeBag()  # of what is in flight, and of what is released long after its due time
        self._buffers: defaultdict[Route, RouteBuffer] = defaultdict(lambda: RouteBuffer(self._due_times))
        self._in_flight = 0
        self._now_ms = 0

    def add(self, firings: Iterable[Firing], sent: Sent, is_held: IsHeld) -> None:
        """Takes in occurrences.

        Args:
            firings: The occurrences.
            sent: Is called once for each that was accepted.
            is_held: Says whether their shard is still held by this scheduler; asked when they are due.
        """
        for firing in firings:
            route = promoted(firing.route, firing.release_ms - firing.dispatch.due_ms)
            if route != firing.route:
                self._telemetry.count("execution_promoted", route=str(route))
            self._buffers[route].add(firing, sent, is_held, firing.release_ms if self._pace.loops else 0)

    def handed_over_ms(self, now_ms: int) -> int:
        """The latest time (ms since the epoch), ``now_ms`` at most, up to which everything is handed over.

        Every firing that was added, whose shard is still held and which is due by then has been accepted. What waits
        for its tier's cadence is judged by the first release of its route, so the answer may be up to
        ``route_buffer.SLACK_MS`` lower than it could be.
        """
        pending = [buffer.release_ms - SLACK_MS for buffer in self._buffers.values() if buffer.release_ms is not None]
        lowest = self._due_times.lowest
        return min([now_ms, *pending] if lowest is None else [now_ms, lowest - 1, *pending])

    def fire(self, now_ms: int) -> None:
        """Sends what is due by now (ms since the epoch), in full batches side by side; the routes take turns."""
        self._now_ms = now_ms
        ready = [route for route, buffer in self._buffers.items() if buffer.is_ready(now_ms)]
        while ready and self._in_flight < MOST_IN_FLIGHT:
            for route in ready:
                if self._in_flight < MOST_IN_FLIGHT and (batch := self._take(route, now_ms)):
                    self._send(route, batch)
            ready = [route for route in ready if self._buffers[route].is_ready(now_ms)]

    def _take(self, route: Route, now_ms: int) -> Sequence[PendingDispatch]:
        """The next batch of a route. What has become so late meanwhile that it is promoted moves to its new route."""
        batch = self._buffers[route].take(SEND_BATCH, now_ms)
        late = [pending for pending in batch if pending.route(now_ms) != route]
        if not late:
            return batch
        for pending in late:
            higher = pending.route(now_ms)
            self._telemetry.count("execution_promoted", route=str(higher))
            self._buffers[higher].add_promoted(pending)
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
                self._telemetry.info("a batch was not sent", route=str(route), problem=str(error))
                return [False] * len(dispatches)

        def done(accepted: Sequence[bool]) -> None:
            self._in_flight -= 1
            self._due_times.remove(lowest)
            self._open_or_close(route, failures, any_accepted=any(accepted))
            self._deliver(route, batch, accepted)

        buffer.probing = failures > 0
        self._in_flight += 1
        self._due_times.add(lowest)
        self._background.start(work, done)

    def _open_or_close(self, route: Route, failures: int, *, any_accepted: bool) -> None:
        """Opens a route, or closes it for a while; of several requests refused side by side the first one counts.

        Args:
            route: Which one.
            failures: How many requests in a row it had refused when this one was sent.
            any_accepted: Whether the queue accepted any of it.
        """
        buffer = self._buffers[route]
        if any_accepted:
            buffer.open()
        elif buffer.failures == failures:
            buffer.close(self._now_ms + self._backoff.delay_ms(failures))
            self._telemetry.count("route_closed", route=str(route))

    def _deliver(self, route: Route, batch: Sequence[PendingDispatch], accepted: Sequence[bool]) -> None:
        """Reports what was sent; the rest waits, for the route to open if it is closed, else each by itself."""
        buffer = self._buffers[route]
        for pending, taken in zip(batch, accepted, strict=True):
            if taken:
                pending.sent()
                continue
            delay_ms = self._backoff.delay_ms
            again_ms = buffer.closed_until_ms if buffer.failures else self._now_ms + delay_ms(pending.tries)
            buffer.add_refused(pending, again_ms)
        refused = accepted.count(False)
        self._telemetry.count("execution_dispatched", len(batch) - refused, route=str(route))
        if refused:
            self._telemetry.count("send_refused", refused, route=str(route))
