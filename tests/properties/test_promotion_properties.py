"""Promotion: what leaves the wheel late goes by a higher queue, a step for five minutes, and never into critical."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.later import Later
from tests.support.memory_stack import START_MS, MemoryStack, every
from tests.support.world_examples import NOW_MS, TENANT, some_id
from tidewheel.adapters.memory import RecordingTelemetry, SettableClock
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet.route import PRIORITIES, ROUTES, Route, ladder, promoted
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.jobs.precision import TICK_MS, Precision, release_ms
from tidewheel.domain.limits import MINUTE_MS, PROMOTED_EVERY_MS, SECOND_MS
from tidewheel.domain.wheel.expansion import Firing
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.ports import SEND_BATCH, ExecutionKey, PortError

ROUTE = st.builds(Route, st.sampled_from(["lambda", "batch"]), st.sampled_from(PRIORITIES))
LATENESS = st.integers(-MINUTE_MS, 60 * MINUTE_MS)


def rank(route: Route) -> int:
    """0 for the highest."""
    return PRIORITIES.index(route.priority)


@given(ROUTE, LATENESS)
def test_the_pool_stays_and_nothing_becomes_critical_that_was_not(route: Route, late_ms: int) -> None:
    to = promoted(route, late_ms)
    assert to.pool == route.pool
    assert (to.priority == "critical") == (route.priority == "critical")
    assert to in ladder(route)


@given(ROUTE, LATENESS, st.integers(0, 60 * MINUTE_MS))
def test_nothing_is_ever_put_back(route: Route, late_ms: int, more_ms: int) -> None:
    assert rank(promoted(route, late_ms + more_ms)) <= rank(promoted(route, late_ms)) <= rank(route)


@given(ROUTE, LATENESS)
def test_a_step_for_each_five_minutes(route: Route, late_ms: int) -> None:
    climbed = rank(route) - rank(promoted(route, late_ms))
    assert climbed == min(max(late_ms, 0) // PROMOTED_EVERY_MS, len(ladder(route)) - 1)


class Sorted:
    """A queue that keeps which route each dispatch took, and is down where it is told to be."""

    def __init__(self, clock: SettableClock) -> None:
        self.clock = clock
        self.taken: dict[Dispatch, tuple[Route, int]] = {}
        self.down: set[Route] = set()
        self.requests = 0

    def send(self, route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        if route in self.down:
            raise PortError("queue.send", str(route), "down")
        self.requests += 1
        assert not self.taken.keys() & set(dispatches)
        self.taken |= dict.fromkeys(dispatches, (route, self.clock.now_ms()))
        return [True] * len(dispatches)

    def waiting(self, route: Route) -> int:
        if route in self.down:
            raise PortError("queue.waiting", str(route), "down")
        return 0

    def present(self, wanted: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        """Workers claim at once what was taken."""
        return {(dispatch.tenant, dispatch.execution) for dispatch in self.taken} & set(wanted)

    def several(self, wanted: Iterable[ExecutionKey]) -> Mapping[ExecutionKey, Execution]:
        return {(tenant, id): Execution(tenant, id, State.RUNNING, 0, 1) for tenant, id in self.present(wanted)}


class Sender:
    """A dispatcher on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.clock, self.executor, self.telemetry = SettableClock(NOW_MS), Later(), RecordingTelemetry()
        self.queue, backoff = Sorted(self.clock), Backoff(Random(1))
        self.background = BackgroundIO(self.executor, self.clock, self.telemetry, backoff)
        nothing: Any = None
        self.dispatcher = Dispatcher(
            self.queue,  # type: ignore[arg-type]
            self.background,
            self.telemetry,
            backoff,
            self.queue,  # type: ignore[arg-type]
            nothing,
        )
        self.routes: dict[Dispatch, Route] = {}
        self.sent: list[Dispatch] = []

    def add(self, route: Route, due_ms: int, release: int) -> Dispatch:
        id = str(ExecutionId(some_id(len(self.routes)), due_ms))
        dispatch = Dispatch(TENANT, id, 1, 1, due_ms, recorded=False)
        self.routes[dispatch] = route
        self.dispatcher.add(
            [Firing(release, route, dispatch)], lambda: self.sent.append(dispatch), lambda: True, self.clock.now_ms()
        )
        return dispatch

    def tick(self, step_ms: int = TICK_MS) -> None:
        self.clock.advance(step_ms)
        for _ in range(3):  # what was promoted just now is sent with the next look
            self.dispatcher.fire(self.clock.now_ms())
            self.executor.run(1_000)
            self.background.collect()


FIRING = st.tuples(st.sampled_from(ROUTES), st.sampled_from(Precision), LATENESS, st.integers(0, 20 * MINUTE_MS))


@settings(max_examples=60, deadline=None)
@given(st.lists(FIRING, max_size=60), st.sets(st.sampled_from(ROUTES)), st.integers(0, 20))
def test_each_is_sent_once_by_the_route_of_its_lateness(
    firings: list[tuple[Route, Precision, int, int]], down: set[Route], minutes: int
) -> None:
    """Whatever is down for however long, and however late what is caught up on is released."""
    sender = Sender()
    sender.queue.down = set(down)
    for route, precision, late_ms, paced_ms in firings:
        due_ms = NOW_MS + paced_ms - late_ms
        sender.add(route, due_ms, release_ms(due_ms, precision))
    for _ in range(minutes):
        sender.tick(MINUTE_MS)
    sender.queue.down = set()
    for _ in range(60):
        sender.tick(MINUTE_MS)
    assert sorted(sender.sent, key=str) == sorted(sender.routes, key=str)
    assert sender.dispatcher.handed_over_ms(sender.clock.now_ms()) == sender.clock.now_ms()
    for dispatch, (route, at_ms) in sender.queue.taken.items():
        assert route == promoted(sender.routes[dispatch], at_ms - dispatch.due_ms)


def test_late_work_fills_batches_as_work_on_time_does() -> None:
    sender = Sender()
    low = Route("lambda", "low")
    for _ in range(50):
        sender.add(low, NOW_MS - PROMOTED_EVERY_MS, NOW_MS)
        sender.add(low, NOW_MS, NOW_MS)
    for _ in range(30):
        sender.tick()
    assert len(sender.sent) == 100
    assert sender.queue.requests <= 100 // SEND_BATCH + 3  # the first ones of a catch-up window are small
    assert sender.telemetry.counts["execution_promoted[route=lambda-normal]"] == 50


def test_what_a_queue_refused_for_minutes_leaves_by_the_next() -> None:
    sender = Sender()
    low = Route("lambda", "low")
    sender.queue.down = {low}
    dispatch = sender.add(low, NOW_MS, NOW_MS)
    for _ in range(4):
        sender.tick(MINUTE_MS)
    assert sender.sent == []
    sender.tick(MINUTE_MS)
    assert sender.queue.taken[dispatch][0].priority == "normal"


def test_after_an_outage_what_is_caught_up_on_is_promoted_and_what_is_due_now_is_not() -> None:
    stack = MemoryStack(shards=1)
    stack.workers_up = False
    seen: dict[int, Route] = {}
    send = stack.queue.send

    def noting(route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        seen.update({dispatch.due_ms: route for dispatch in dispatches})
        return send(route, dispatches, delays_s)

    stack.queue.send = noting  # type: ignore[method-assign]
    stack.create(every(MINUTE_MS), priority="low", misfire=Misfire(Policy.ALL))
    stack.turn_for(30 * SECOND_MS)
    stack.clock.advance(12 * MINUTE_MS)
    stack.turn_for(2 * MINUTE_MS)
    up_ms = START_MS + 12 * MINUTE_MS
    found = {(due - START_MS) // MINUTE_MS: route.priority for due, route in seen.items() if due <= up_ms + MINUTE_MS}
    assert found == {0: "low", **dict.fromkeys(range(1, 3), "high"), **dict.fromkeys(range(3, 8), "normal")} | {
        **dict.fromkeys(range(8, 14), "low")
    }
