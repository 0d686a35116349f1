"""The dispatcher under random refusals: nothing is sent twice or early, and its mark is never too late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.later import Later
from tests.support.world_examples import NOW_MS, TENANT, some_id
from tidewheel.adapters.memory import RecordingTelemetry, SettableClock
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet.route import ROUTES, Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.precision import TICK_MS, Precision, release_ms
from tidewheel.domain.wheel.expansion import Firing
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.ports import SEND_BATCH, ExecutionKey, Executions, PortError


class Moody:
    """A queue that accepts everything, a part or nothing, or fails, as the mood of a route says."""

    def __init__(self, clock: SettableClock) -> None:
        self.clock = clock
        self.moods: dict[Route, str] = {}
        self.accepted: list[Dispatch] = []
        self.released: dict[Dispatch, int] = {}
        self.requests = 0

    def send(self, route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        assert 0 < len(dispatches) <= SEND_BATCH
        assert all(self.released[dispatch] <= self.clock.now_ms() for dispatch in dispatches)
        self.requests += 1
        mood = self.moods.get(route, "takes")
        if mood == "fails":
            raise PortError("queue.send", str(route), "down")
        taken = [mood == "takes" or (mood == "takes some" and n % 3 == 1) for n in range(len(dispatches))]
        self.accepted += [dispatch for dispatch, good in zip(dispatches, taken, strict=True) if good]
        return taken

    def waiting(self, route: Route) -> int:
        if self.moods.get(route) == "fails":
            raise PortError("queue.waiting", str(route), "down")
        return 0

    def present(self, wanted: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        """Workers claim at once what was accepted."""
        return {(dispatch.tenant, dispatch.execution) for dispatch in self.accepted} & set(wanted)

    def several(self, wanted: Iterable[ExecutionKey]) -> Mapping[ExecutionKey, Execution]:
        return {(tenant, id): Execution(tenant, id, State.RUNNING, 0, 1) for tenant, id in self.present(wanted)}

    def retry_later(self, route: Route, receipt: str, delay_ms: int) -> None:
        raise AssertionError("nobody received anything")


class Play:
    """A dispatcher with its queue, and what it was given."""

    def __init__(self, seed: int) -> None:
        self.clock, self.executor = SettableClock(NOW_MS), Later()
        self.queue = Moody(self.clock)
        telemetry, backoff = RecordingTelemetry(), Backoff(Random(seed))
        self.background = BackgroundIO(self.executor, self.clock, telemetry, backoff)
        nothing: Any = None
        self.dispatcher = Dispatcher(
            self.queue, self.background, telemetry, backoff, cast(Executions, self.queue), nothing
        )
        self.expected: dict[Dispatch, bool] = {}
        self.confirmed: list[Dispatch] = []
        self.held = True

    def add(self, route: Route, precision: Precision, due_in_ms: int, late_ms: int) -> None:
        """Adds a firing that is released by its tier's cadence, or, if it is long overdue, caught up with."""
        due = self.clock.now_ms() + due_in_ms + late_ms
        release = release_ms(due, precision)
        execution = str(ExecutionId(some_id(len(self.expected)), due))
        dispatch = Dispatch(TENANT, execution, 1, 1, due, recorded=False)
        held = self.held
        self.expected[dispatch], self.queue.released[dispatch] = held, release
        self.dispatcher.add(
            [Firing(release, route, dispatch)],
            lambda: self.confirmed.append(dispatch),
            lambda: held,
            self.clock.now_ms(),
        )

    def tick(self, answered: int) -> None:
        self.clock.advance(TICK_MS)
        self.executor.run(answered)
        self.background.collect()
        self.dispatcher.fire(self.clock.now_ms())

    def check(self) -> int:
        """The mark, after a look that what is due by then, of shards still held, was confirmed."""
        mark = self.dispatcher.handed_over_ms(self.clock.now_ms())
        assert mark <= self.clock.now_ms()
        open_ones = {dispatch for dispatch, held in self.expected.items() if held} - set(self.confirmed)
        assert not [dispatch for dispatch in open_ones if dispatch.due_ms <= mark]
        return mark


_routes = st.sampled_from(ROUTES[:3])
_adds = st.tuples(
    st.just("add"),
    _routes,
    st.sampled_from(Precision),
    st.integers(-20_000, 9_000),
    st.sampled_from([0, 0, 3_000, 70_000]),
)
_moods = st.tuples(st.just("mood"), _routes, st.sampled_from(["takes", "takes some", "takes none", "fails"]))
_ticks = st.tuples(st.just("tick"), st.integers(1, 30), st.integers(0, 5))
_holds = st.tuples(st.just("hold"), st.booleans())


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 99), st.lists(st.one_of(_adds, _adds, _adds, _moods, _ticks, _ticks, _holds), max_size=60))
def test_the_mark_never_claims_too_much(seed: int, steps: list[tuple[Any, ...]]) -> None:
    play = Play(seed)
    for kind, *rest in steps:
        match kind, rest:
            case "add", [route, precision, due_in_ms, late_ms]:
                play.add(route, precision, due_in_ms, late_ms)
            case "mood", [route, mood]:
                play.queue.moods[route] = mood
            case "tick", [count, answered]:
                for _ in range(count):
                    play.tick(answered)
                    play.check()
            case "hold", [held]:
                play.held = held
        play.check()
    play.queue.moods.clear()
    for _ in range(1_000):
        play.tick(1_000)
    assert play.check() == play.clock.now_ms()
    assert sorted(play.confirmed, key=repr) == sorted(play.queue.accepted, key=repr)
    assert set(play.queue.accepted) == {dispatch for dispatch, held in play.expected.items() if held}
    assert len(play.queue.accepted) == len(set(play.queue.accepted))


def test_the_mark_follows_what_is_handed_over() -> None:
    """It reaches the present within a low tier's cadence, and stands still before what is refused."""
    play = Play(0)
    play.queue.moods[ROUTES[0]] = "fails"
    for n in range(20):
        play.add(ROUTES[1], Precision.NORMAL, n * 1_000, 0)
    for _ in range(100):
        play.tick(100)
        assert play.check() >= play.clock.now_ms() - 5_000
    play.add(ROUTES[0], Precision.NORMAL, 100, 0)
    due = play.clock.now_ms() + 100
    for _ in range(300):
        play.tick(100)
    assert due - 5_000 <= play.check() < due
    play.queue.moods.clear()
    for _ in range(60):
        play.tick(100)
    assert play.check() == play.clock.now_ms()


def test_a_closed_route_is_probed_with_one_batch_at_a_time() -> None:
    """All other firings stay in the buffer, however many there are."""
    play = Play(1)
    play.queue.moods[ROUTES[0]] = "takes none"
    for _ in range(2_000):
        play.add(ROUTES[0], Precision.NORMAL, 0, 0)
    play.add(ROUTES[1], Precision.NORMAL, 30_000, 0)
    play.tick(0)
    play.tick(100)
    first = play.queue.requests
    taken: list[int] = []
    for _ in range(600):  # a minute
        before = play.queue.requests
        play.tick(100)
        taken.append(play.queue.requests - before)
    assert max(taken) <= 2  # a probe, and the other route's one message
    assert 60_000 // 5_000 <= sum(taken) <= 60_000 // 2_500 + 8
    assert first <= 64
    assert len(play.confirmed) == 1  # the other route's
    play.queue.moods.clear()
    for _ in range(100):
        play.tick(100)
    assert len(play.confirmed) == len(set(play.confirmed)) == 2_001


def test_refused_one_by_one_they_wait_longer_each_time() -> None:
    """A route of which a part is accepted stays open; only what was refused is sent again, less often each time."""
    play = Play(2)
    play.queue.moods[ROUTES[0]] = "takes some"
    for _ in range(9):
        play.add(ROUTES[0], Precision.NORMAL, 0, 0)
    play.tick(0)
    play.tick(1)
    assert len(play.confirmed) == 3
    for _ in range(400):
        play.tick(100)
    assert len(play.queue.accepted) == len(set(play.queue.accepted))
    assert play.queue.requests < 40
