"""Dispatch: loaded occurrences are sent to their queues when their time has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tidewheel.domain.fleet.route import Route, promoted
from tidewheel.domain.limits import FOREVER_MS, GRACE_MS, MENDABLE_MS
from tidewheel.domain.wheel.expansion import Firing
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.ends.undeliverable import Undeliverable
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.dispatch.backlog import Backlog
from tidewheel.engine.scheduler.dispatch.catch_up import Spread
from tidewheel.engine.scheduler.dispatch.hold_back import HoldBack
from tidewheel.engine.scheduler.dispatch.route_buffer import (
    SLACK_MS,
    DueTimeBag,
    IsHeld,
    PendingDispatch,
    RouteBuffer,
    Sent,
)
from tidewheel.engine.scheduler.dispatch.weights import TenantWeights
from tidewheel.engine.scheduler.health.queue_ages import QueueAges
from tidewheel.ports import SEND_BATCH, Executions, PortError, Queue, Refused, Telemetry

MOST_IN_FLIGHT = 64
"""Batches sent side by side; what is due beyond that waits for the next tick."""

MOST_WAITING = 200_000
MOST_OVERDUE = 20_000
"""Occurrences in memory, and those of them that are long overdue, beyond which loading waits. One weighs 1.6 KB
(``make bench`` measures it); a minute at the rate that two schedulers are made for has 120,000. What is loaded
at once by then comes on top: a page of up to a thousand entries for each read in flight."""

_OVERDUE_MS = 2 * MENDABLE_MS
"""How much longer than in a short run, which knows only its own minute, lateness alone is no reason to give up."""


class Dispatcher:
    """The loaded occurrences by route and by the time of their release.

    Only what the queue reports as accepted counts as sent; the rest is sent again, and its slot is not retired
    meanwhile. A route that takes nothing is left alone for a while, which does not affect the others. What no queue
    will ever take is set aside. In economy mode all of it is sent at once, with delays.
    """

    def __init__(
        self,
        queue: Queue,
        background: BackgroundIO,
        telemetry: Telemetry,
        backoff: Backoff,
        executions: Executions,
        undeliverable: Undeliverable,
        pace: Pace = LOOP,
        tenants: TenantCache | None = None,
    ) -> None:
        self._queue = queue
        self._undeliverable = undeliverable
        self._pace = pace
        self._background = background
        self._telemetry = telemetry
        self._backoff = backoff
        self._weights = TenantWeights(tenants, background, telemetry)
        self._due_times = DueTimeBag()  # of what is in flight, and of what is released long after its due time
        self._buffers: defaultdict[Route, RouteBuffer] = defaultdict(
            lambda: RouteBuffer(self._due_times, self._weights.of)
        )
        self._spreads: defaultdict[Route, Spread] = defaultdict(Spread)
        self.hold_back = HoldBack()
        self._backlog = Backlog(
            queue,
            executions,
            background,
            telemetry,
            self._due_times,
            self._buffers,
            self.hold_back,
            self._weights.of,
        )
        self.ages = QueueAges(queue, executions, background, telemetry)
        self._in_flight = 0
        self._now_ms = 0

    def add(self, firings: Iterable[Firing], sent: Sent, is_held: IsHeld, now_ms: int) -> None:
        """Takes in occurrences.

        Those that are long overdue are caught up with: what is live goes before them.

        Args:
            firings: The occurrences.
            sent: Is called once for each that was accepted, or set aside because no queue will ever take it.
            is_held: Says whether their shard is still held by this scheduler; asked when they are due.
            now_ms: The time (ms since the epoch).
        """
        for firing in firings:
            self._add(firing, sent, is_held, now_ms)

    def _add(self, firing: Firing, sent: Sent, is_held: IsHeld, now_ms: int) -> None:
        due_ms = firing.dispatch.due_ms
        overdue = _is_overdue(due_ms, now_ms)
        route = promoted(firing.route, max(firing.release_ms, now_ms if overdue else 0) - due_ms)
        if route != firing.route:
            self._telemetry.count("execution_promoted", route=str(route))
        if overdue:
            self._telemetry.count("caught_up")
        if not self._pace.loops:
            release_ms = self._spreads[route].next_ms(now_ms) if overdue else firing.release_ms
            self._buffers[route].add(replace(firing, release_ms=release_ms), sent, is_held, 0)
        elif overdue:
            self._backlog.add(route, PendingDispatch(firing.release_ms, firing, sent, is_held), now_ms)
        else:
            self._buffers[route].add(firing, sent, is_held, firing.release_ms)

    @property
    def is_full(self) -> bool:
        """Whether so much waits in memory that nothing more should be loaded."""
        return len(self._backlog) + sum(map(len, self._buffers.values())) >= MOST_WAITING

    @property
    def is_full_of_backlog(self) -> bool:
        """Whether so much of it is long overdue that no slot should be loaded whose time is over."""
        return len(self._backlog) >= MOST_OVERDUE

    @property
    def overdue(self) -> int:
        """How many are long overdue of routes that take something; those that wait while it is busy apart."""
        return self._backlog.pressing

    def behind_ms(self, now_ms: int) -> int:
        """How long (ms) the oldest has been due that could be sent, of the same routes, by now (ms since the epoch)."""
        buffers = [buffer for route, buffer in self._buffers.items() if not route.waits and not buffer.failures]
        return now_ms - min([now_ms, *(buffer.release_ms for buffer in buffers if buffer.release_ms is not None)])

    def handed_over_ms(self, now_ms: int) -> int:
        """The latest time (ms since the epoch), ``now_ms`` at most, up to which everything is handed over.

        Every firing that was added, whose shard is still held and which is due by then has been accepted. What waits
        for its tier's cadence is judged by the first release of its route, so the answer may be up to
        ``route_buffer.SLACK_MS`` lower than it could be.
        """
        pending = [buffer.release_ms - SLACK_MS for buffer in self._buffers.values() if buffer.release_ms is not None]
        lowest = self._due_times.lowest
        return min([now_ms, *pending] if lowest is None else [now_ms, lowest - 1, *pending])

    def next_ms(self, now_ms: int) -> int:
        """When the next occurrence may have to be sent (ms since the epoch): now, if more than time decides that."""
        if self._backlog.is_worked_on or any(buffer.failures for buffer in self._buffers.values()):
            return now_ms
        releases = [buffer.release_ms for buffer in self._buffers.values() if buffer.release_ms is not None]
        return min(releases, default=FOREVER_MS)

    def fire(self, now_ms: int) -> None:
        """Sends what is due by now (ms since the epoch), in full batches side by side; the routes take turns."""
        self._now_ms = now_ms
        self._weights.look(now_ms)
        self._backlog.work(now_ms)
        ready = [route for route in self._buffers if self._is_ready(route, now_ms)]
        while ready and self._in_flight < MOST_IN_FLIGHT:
            for route in ready:
                if self._in_flight < MOST_IN_FLIGHT:
                    self._work_off(route, now_ms)
            ready = [route for route in ready if self._is_ready(route, now_ms)]

    def _is_ready(self, route: Route, now_ms: int) -> bool:
        return self._buffers[route].is_ready(now_ms, self._backlog.until_ms(route, now_ms))

    def _work_off(self, route: Route, now_ms: int) -> None:
        buffer = self._buffers[route]
        if buffer.refusal is not None and buffer.is_given_up(now_ms):
            for pending in buffer.take(SEND_BATCH, min(now_ms, buffer.given_up_ms)):
                self._set_aside(route, pending, buffer.refusal)
        elif batch := self._take(route, now_ms):
            self._send(route, batch)

    def _take(self, route: Route, now_ms: int) -> Sequence[PendingDispatch]:
        """The next batch of a route.

        What has become so late meanwhile that it is promoted moves to its new route, and what is long overdue by now,
        as after an outage of the queue, is caught up with.
        """
        batch: list[PendingDispatch] = []
        for pending in self._buffers[route].take(SEND_BATCH, self._backlog.until_ms(route, now_ms)):
            if not pending.caught_up and self.hold_back.was_held(route, pending.release_ms):
                self._telemetry.count("execution_held_back", route=str(route))
            goes_by = pending.route(now_ms)
            if goes_by != route:
                self._telemetry.count("execution_promoted", route=str(goes_by))
            if self._pace.loops and not pending.caught_up and _is_overdue(pending.due_ms, now_ms):
                self._telemetry.count("caught_up")
                self._backlog.add(goes_by, pending, now_ms)
            elif goes_by != route:
                self._buffers[goes_by].add_promoted(pending)
            else:
                batch.append(pending)
        return batch

    def _send(self, route: Route, batch: Sequence[PendingDispatch]) -> None:
        dispatches = [pending.firing.dispatch for pending in batch]
        delays = () if self._pace.loops else [pending.firing.delay_s(self._now_ms) for pending in batch]
        buffer, lowest = self._buffers[route], min(pending.due_ms for pending in batch)
        failures = buffer.failures

        def work() -> Sequence[bool] | Refused:
            try:
                return self._queue.send(route, dispatches, delays)
            except Refused as error:
                return error
            except PortError as error:
                self._background.failures.count(error)
                self._telemetry.info("a batch was not sent", route=str(route), problem=str(error))
                return [False] * len(dispatches)

        def done(answer: Sequence[bool] | Refused) -> None:
            self._in_flight -= 1
            self._due_times.remove(lowest)
            if isinstance(answer, Refused):
                self._was_refused(route, batch, failures, answer)
                return
            self._open_or_close(route, failures, any_accepted=any(answer))
            self._deliver(route, batch, answer)

        buffer.probing = failures > 0
        self._in_flight += 1
        self._due_times.add(lowest)
        self._background.start(work, done)

    # --- what is refused ----------------------------------------------------------------------------------

    def _was_refused(self, route: Route, batch: Sequence[PendingDispatch], failures: int, refusal: Refused) -> None:
        self._telemetry.count("send_refused", len(batch), route=str(route))
        if refusal.mendable:
            self._lacks(route, batch, failures, refusal)
        elif len(batch) == 1:
            self._buffers[route].open()
            self._set_aside(route, batch[0], refusal)
        else:  # one of them is the reason; each by itself shows which
            self._buffers[route].open()
            for pending in batch:
                self._buffers[route].add_refused(pending, self._now_ms, alone=True)

    def _lacks(self, route: Route, batch: Sequence[PendingDispatch], failures: int, refusal: Refused) -> None:
        """A right or the queue itself is missing: waits for whoever mends that, but not for ever.

        Once it was waited for long enough, all that is released by then is set aside, and what comes later as soon as
        a probe was refused again: so a route that is gone holds up a cursor once a term, not always.
        """
        buffer = self._buffers[route]
        if buffer.refused_ms is None:
            buffer.refused_ms = self._now_ms
            self._telemetry.error("a route lacks its queue or the right to it", route=str(route), problem=str(refusal))
        self._telemetry.count("route_missing", route=str(route))
        self._open_or_close(route, failures, any_accepted=False)
        if self._now_ms - buffer.refused_ms >= MENDABLE_MS:
            buffer.given_up_ms, buffer.refusal = self._now_ms, refusal
        for pending in batch:
            if self._is_waited_for(pending, buffer.refused_ms):
                buffer.add_refused(pending, buffer.closed_until_ms)
            else:
                self._set_aside(route, pending, refusal)

    def _is_waited_for(self, pending: PendingDispatch, refused_ms: int) -> bool:
        """Whether an operator may still mend it.

        A term knows only its own time, and may be short; so what is overdue by far is not waited for either.
        """
        patience_ms = _OVERDUE_MS if self._pace.loops else 0
        return self._now_ms - min(refused_ms, pending.due_ms + patience_ms) < MENDABLE_MS

    def _set_aside(self, route: Route, pending: PendingDispatch, refusal: Refused) -> None:
        """What no queue takes goes to quarantine and to the ledger; its window waits until that is durable."""
        dispatch = pending.firing.dispatch

        def ended() -> None:
            self._in_flight -= 1
            self._due_times.remove(dispatch.due_ms)

        def done(elsewhere: Route | None) -> None:
            ended()
            if elsewhere is not None:
                self._add(replace(pending.firing, route=elsewhere), pending.sent, pending.is_held, self._now_ms)
                return
            self._telemetry.count("execution_undeliverable", route=str(route))
            pending.sent()

        def refused(error: Refused) -> None:
            ended()
            self._telemetry.error(
                "what no queue takes could not be set aside", execution=dispatch.execution, problem=str(error)
            )
            pending.sent()

        if not pending.is_held():
            return
        self._in_flight += 1
        self._due_times.add(dispatch.due_ms)
        self._background.start(lambda: self._undeliverable.set_aside(dispatch, route, refusal), done, refused)

    # --- what was sent ------------------------------------------------------------------------------------

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
        live = sum(taken and not pending.caught_up for pending, taken in zip(batch, accepted, strict=True))
        self._backlog.sent_live(route, live)
        for pending, taken in zip(batch, accepted, strict=True):
            if taken:
                pending.sent()
                continue
            delay_ms = self._backoff.delay_ms
            again_ms = buffer.closed_until_ms if buffer.failures else self._now_ms + delay_ms(pending.tries)
            buffer.add_refused(pending, again_ms, alone=not buffer.failures)
        self.ages.sent(
            route, (one.firing.dispatch for one, ok in zip(batch, accepted, strict=True) if ok), self._now_ms
        )
        refused = accepted.count(False)
        self._telemetry.count("execution_dispatched", len(batch) - refused, route=str(route))
        if refused:
            self._telemetry.count("send_refused", refused, route=str(route))


def _is_overdue(due_ms: int, now_ms: int) -> bool:
    """Whether something is so late (ms since the epoch) that what is due now goes before it."""
    return due_ms < now_ms - GRACE_MS
