"""The backlog: what is long overdue of all routes, released into their buffers as they have room, or not while held."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tidewheel.domain.fleet.route import Route
from tidewheel.domain.limits import FOREVER_MS
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.dispatch.catch_up import CatchUp, Signs
from tidewheel.engine.scheduler.dispatch.fair_lines import Weight, equal
from tidewheel.engine.scheduler.dispatch.hold_back import HoldBack
from tidewheel.engine.scheduler.dispatch.route_buffer import DueTimeBag, PendingDispatch, RouteBuffer
from tidewheel.ports import ExecutionKey, Executions, PortError, Queue, Telemetry


class Backlog:
    """What is long overdue, by route.

    Args:
        queue: Says how many messages wait.
        executions: Says which executions have a record.
        background: Runs the looks.
        telemetry: Counts and log events.
        due_times: Where the due times are noted of what waits here.
        buffers: The routes' buffers, which are made when they are first asked for.
        hold_back: Which routes are held back.
        weight: Tells how many turns a tenant gets where one of weight 1 gets one.
    """

    def __init__(
        self,
        queue: Queue,
        executions: Executions,
        background: BackgroundIO,
        telemetry: Telemetry,
        due_times: DueTimeBag,
        buffers: Mapping[Route, RouteBuffer],
        hold_back: HoldBack,
        weight: Weight = equal,
    ) -> None:
        self._queue = queue
        self._executions = executions
        self._background = background
        self._telemetry = telemetry
        self._due_times = due_times
        self._buffers = buffers
        self._hold_back = hold_back
        self._weight = weight
        self._catch_ups: dict[Route, CatchUp] = {}
        self._now_ms = 0

    def __len__(self) -> int:
        return sum(map(len, self._catch_ups.values()))

    @property
    def is_worked_on(self) -> bool:
        """Whether there is anything, or was until the last tick."""
        return bool(self._catch_ups)

    @property
    def pressing(self) -> int:
        """How many wait of routes that take something; those that wait while the deployment is busy apart."""
        ups = self._catch_ups.items()
        return sum(len(up) for route, up in ups if not route.waits and not self._buffers[route].failures)

    def add(self, route: Route, pending: PendingDispatch, now_ms: int) -> None:
        """Takes one in (``now_ms``: ms since the epoch)."""
        if route not in self._catch_ups:
            self._catch_ups[route] = CatchUp(self._due_times, now_ms, self._weight)
        self._catch_ups[route].add(pending)

    def sent_live(self, route: Route, count: int) -> None:
        """Notes live messages of a route that its queue has accepted."""
        if route in self._catch_ups:
            self._catch_ups[route].sent_live(count)

    def until_ms(self, route: Route, now_ms: int) -> int:
        """What of a route is released by this time (ms since the epoch) may be sent now."""
        return self._hold_back.until_ms(route, len(self._buffers[route]) + len(self._catch_ups.get(route, ())), now_ms)

    def work(self, now_ms: int) -> None:
        """Looks whether the routes have room by now (ms since the epoch), and releases what they have room for."""
        self._now_ms = now_ms
        for route, catch_up in list(self._catch_ups.items()):
            self._work_on(route, catch_up, now_ms)

    def _work_on(self, route: Route, catch_up: CatchUp, now_ms: int) -> None:
        if not catch_up:
            del self._catch_ups[route]
            return
        buffer = self._buffers[route]
        gone = buffer.refusal is not None  # nobody waits for it any longer, and all of it is set aside
        until_ms = self.until_ms(route, now_ms)
        held = until_ms < now_ms
        asked = None if buffer.failures or held else catch_up.to_ask(now_ms)
        if asked is not None:
            self._background.start(
                lambda: self._signs(route, asked), lambda signs: catch_up.saw(asked, signs, self._now_ms)
            )
        released = catch_up.closed if buffer.failures else catch_up.release
        for pending in catch_up.until(FOREVER_MS if gone else until_ms) if gone or held else released(now_ms):
            goes_by = pending.route(now_ms)
            if goes_by == route or gone:
                buffer.add_caught_up(pending, now_ms)
            else:
                self._telemetry.count("execution_promoted", route=str(goes_by))
                self.add(goes_by, pending, now_ms)

    def _signs(self, route: Route, asked: Collection[ExecutionKey]) -> Signs | None:
        try:
            return Signs(self._queue.waiting(route), self._executions.present(asked) if asked else frozenset())
        except PortError as error:
            self._telemetry.info("whether a route drains is unknown", route=str(route), problem=str(error))
            return None
