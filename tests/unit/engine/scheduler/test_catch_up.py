"""Catching up goes as fast as a route drains, behind what is live, and never stands still."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from random import Random

import pytest

from tests.simulation.swamped import Draining
from tests.support.memory_stack import START_MS, MemoryStack, every
from tests.support.world_examples import NOW_MS, TENANT, some_id
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.jobs.precision import TICK_MS
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.expansion import Firing
from tidewheel.domain.wheel.pace import ECONOMY
from tidewheel.engine.scheduler.dispatch import dispatcher
from tidewheel.engine.scheduler.dispatch.catch_up import LOOK_MS, MOST_WINDOW, SPARE, CatchUp, Signs, Spread
from tidewheel.engine.scheduler.dispatch.route_buffer import DueTimeBag, PendingDispatch
from tidewheel.engine.scheduler.health.queue_ages import LEAST_SENT
from tidewheel.ports import PortError

ROUTE = Route("lambda", "normal")


class Pace:
    """One route's catch-up on a clock that is moved by hand, with workers that claim so many a second."""

    def __init__(self, waiting: int = 2_000, drains: float = 10**9) -> None:
        self.now_ms = NOW_MS
        self.catch_up = CatchUp(DueTimeBag(), NOW_MS)
        self.drains = drains
        self.sent: list[tuple[int, PendingDispatch]] = []
        self.ran: list[PendingDispatch] = []
        self.queue: list[PendingDispatch] = []
        self.claimed: set[tuple[str, str]] = set()
        self.depth: int | None = None  # what the queue says instead
        self.fails = False
        self.drops = False  # workers drop what they take, without a record
        self.held = True
        self._rest = 0.0
        for number in range(waiting):
            self.add(number)

    def add(self, number: int, *, recorded: bool = False, generation: int = 1) -> PendingDispatch:
        due = NOW_MS - 10 * MINUTE_MS + number
        dispatch = Dispatch(TENANT, str(ExecutionId(some_id(number), due)), 1, generation, due, recorded=recorded)
        pending = PendingDispatch(due, Firing(due, ROUTE, dispatch), lambda: self.ran.append(pending), self._held)
        self.catch_up.add(pending)
        return pending

    def _held(self) -> bool:
        return self.held

    def for_ms(self, duration_ms: int) -> int:
        """Goes on; how many were sent."""
        before, until = len(self.sent), self.now_ms + duration_ms
        while self.now_ms < until:
            asked = self.catch_up.to_ask(self.now_ms)
            if asked is not None:
                depth = len(self.queue) if self.depth is None else self.depth
                signs = None if self.fails else Signs(depth, self.claimed & set(asked))
                self.catch_up.saw(asked, signs, self.now_ms)
            for pending in self.catch_up.release(self.now_ms):
                self.sent.append((self.now_ms, pending))
                self.queue.append(pending)
            self._work()
            self.now_ms += TICK_MS
        return len(self.sent) - before

    def _work(self) -> None:
        self._rest = min(self._rest + self.drains * TICK_MS / SECOND_MS, len(self.queue))
        for _ in range(int(self._rest)):
            dispatch = self.queue.pop(0).firing.dispatch
            if not self.drops:
                self.claimed.add((dispatch.tenant, dispatch.execution))
        self._rest %= 1


def test_it_begins_with_little_and_grows_while_all_is_claimed_at_once() -> None:
    pace = Pace()
    assert pace.for_ms(LOOK_MS) <= 10
    assert pace.for_ms(10 * SECOND_MS) > 1_000
    assert pace.for_ms(SECOND_MS) <= MOST_WINDOW * SECOND_MS // LOOK_MS


@pytest.mark.parametrize("drains", [5, 20, 100])
def test_it_goes_no_faster_than_the_route_drains(drains: int) -> None:
    """And leaves little in the queue: what is live waits behind that."""
    pace = Pace(5_000, drains)
    pace.for_ms(10 * SECOND_MS)
    deepest = 0
    for _ in range(60):
        pace.for_ms(SECOND_MS)
        deepest = max(deepest, len(pace.queue))
    assert deepest <= max(2 * drains, SPARE)
    assert len(pace.sent) >= 70 * drains * 0.4


def test_a_queue_that_is_full_of_live_work_lets_one_through_each_second() -> None:
    """No instant waits for ever, and none in haste."""
    pace = Pace()
    pace.depth = 5_000
    pace.for_ms(2 * SECOND_MS)
    assert 9 <= pace.for_ms(10 * SECOND_MS) <= 11


def test_as_much_as_live_work_sends_in_half_a_second_is_no_sign_of_a_backlog() -> None:
    pace = Pace()
    pace.depth = 150
    for _ in range(20):
        pace.catch_up.sent_live(200)  # 400 a second
        pace.for_ms(LOOK_MS)
    assert len(pace.sent) > 500


def test_a_count_that_lags_by_a_minute_misleads_nobody() -> None:
    """The queue says that it is empty, and nobody takes anything."""
    pace = Pace(drains=0)
    pace.depth = 0
    pace.for_ms(MINUTE_MS)
    assert len(pace.queue) < 150


def test_what_workers_drop_for_an_edit_holds_it_up_less_than_what_nobody_takes() -> None:
    """Of neither comes a record. Once some is claimed again, it goes as fast as ever."""
    dropped, stuck = Pace(), Pace(drains=0)
    dropped.drops = True
    for pace in (dropped, stuck):
        pace.for_ms(20 * SECOND_MS)
    assert dropped.for_ms(MINUTE_MS) > 1.5 * stuck.for_ms(MINUTE_MS)
    dropped.drops = False
    assert dropped.for_ms(20 * SECOND_MS) > 1_000


def test_without_signs_it_goes_slowly() -> None:
    pace = Pace(20_000)
    pace.fails = True
    assert pace.for_ms(2 * SECOND_MS) == 0
    pace.for_ms(SECOND_MS)
    assert 45 <= pace.for_ms(10 * SECOND_MS) <= 55
    pace.fails = False
    pace.for_ms(10 * SECOND_MS)
    assert pace.for_ms(SECOND_MS) > 100


def test_a_look_that_never_ends_is_no_standstill() -> None:
    pace = Pace()
    assert pace.catch_up.to_ask(pace.now_ms) is not None
    assert pace.catch_up.to_ask(pace.now_ms + MINUTE_MS) is None
    assert 40 <= pace.for_ms(12 * SECOND_MS) <= 55


def test_one_that_a_worker_dropped_without_a_record_holds_up_nothing() -> None:
    pace = Pace()
    pace.for_ms(3 * SECOND_MS)
    lost = pace.catch_up._groups and pace.catch_up._groups[-1]
    real = pace._work

    def work() -> None:
        real()
        if lost and lost.sentinel:
            pace.claimed.discard(lost.sentinel)

    pace._work = work  # type: ignore[method-assign]
    assert pace.for_ms(8 * SECOND_MS) > 1_000


def test_what_has_run_already_is_not_sent_again() -> None:
    """A successor finds the same in the slot; else terms that are too short for it would begin again and again."""
    pace = Pace(0)
    done = [pace.add(number) for number in range(400)]
    new = pace.add(999)
    pace.claimed = {(one.firing.dispatch.tenant, one.firing.dispatch.execution) for one in done}
    pace.for_ms(3 * SECOND_MS)
    assert len(pace.ran) == 400
    assert [pending.firing.dispatch.execution for _, pending in pace.sent] == [new.firing.dispatch.execution]


def test_those_that_had_a_record_before_are_sent_and_count_for_a_while() -> None:
    pace = Pace(0, drains=0)
    for number in range(300):
        pace.add(number, recorded=True)
    pace.claimed = {
        (pending.firing.dispatch.tenant, pending.firing.dispatch.execution)
        for pending in pace.catch_up._lines.upcoming(300)
    }
    pace.depth = 0
    assert 10 <= pace.for_ms(1_500) <= 40
    assert not pace.ran


def test_what_is_not_held_any_more_is_dropped() -> None:
    pace = Pace(50)
    pace.held = False
    pace.for_ms(3 * SECOND_MS)
    assert (len(pace.sent), len(pace.catch_up)) == (0, 0)


def test_the_same_attempt_twice_is_sent_once_and_settles_both() -> None:
    """After a crash two entries may stand for it: the rearmed one, and the one in the slot that is repeated."""
    pace = Pace(0)
    twice = [pace.add(number) for number in (1, 1, 2, 2, 2)]
    pace.for_ms(2 * SECOND_MS)
    assert len(pace.sent) == 2
    for _, pending in pace.sent:
        pending.sent()
    assert sorted(map(id, pace.ran)) == sorted(map(id, twice))


def test_an_instant_that_two_generations_name_is_sent_for_each() -> None:
    """An edit that landed late may have ended it for the first one: a worker drops that, and the other must run."""
    pace = Pace(0, drains=0)
    for generation in (3, 4, 4):
        pace.add(1, generation=generation)
    pace.for_ms(5 * SECOND_MS)
    assert [pending.firing.dispatch.generation for _, pending in pace.sent] == [3, 4]


def test_an_attempt_that_follows_from_a_record_goes_beside_the_one_that_its_schedule_named() -> None:
    """As when an execution is redriven, or gets its lock: the record settles what was named, and nothing else."""
    pace = Pace(0)
    named, follows = pace.add(1), pace.add(1, recorded=True)
    dispatch = named.firing.dispatch
    pace.claimed.add((dispatch.tenant, dispatch.execution))
    pace.for_ms(2 * SECOND_MS)
    assert [pending.firing for _, pending in pace.sent] == [follows.firing]
    assert pace.ran == [named]


def test_while_the_route_takes_nothing_one_goes_each_second_and_then_it_begins_anew() -> None:
    pace = Pace(drains=0)
    pace.for_ms(5 * SECOND_MS)
    probes = 0
    for _ in range(100):
        probes += len(pace.catch_up.closed(pace.now_ms))
        pace.now_ms += TICK_MS
    assert 9 <= probes <= 11
    pace.drains = 10**9
    pace.queue.clear()
    pace.for_ms(SECOND_MS)
    assert pace.for_ms(3 * SECOND_MS) > 200


def test_the_oldest_goes_first() -> None:
    pace = Pace(300)
    pace.for_ms(10 * SECOND_MS)
    due = [pending.due_ms for _, pending in pace.sent]
    assert due == sorted(due)
    assert len(due) == 300


# --- the whole engine ------------------------------------------------------------------------------------------


@pytest.fixture
def stack() -> MemoryStack:
    stack = MemoryStack(shards=4)
    stack.queue = Draining(stack.clock, 20, Random(1))
    return stack


def late_by(stack: MemoryStack, from_ms: int, until_ms: int) -> list[int]:
    """Lateness (ms) of the calls that were due then."""
    return sorted(at - call.due_ms for at, call in stack.caller.calls if from_ms <= call.due_ms < until_ms)


def test_after_an_outage_live_work_is_on_time_while_the_rest_is_caught_up(stack: MemoryStack) -> None:
    """Before, 100 a second of each shard lay before it in the same queue: it was half a minute late for minutes."""
    for _ in range(10):
        stack.create(every(SECOND_MS), misfire=Misfire(Policy.ALL, limit=1_000), end=START_MS + 6 * MINUTE_MS)
    stack.turn_for(30 * SECOND_MS)
    stack.crash_after(1_000)
    stack.clock.advance(MINUTE_MS)
    back_ms = stack.clock.now_ms()
    stack.turn_for(4 * MINUTE_MS)
    live = late_by(stack, back_ms + MINUTE_MS, back_ms + 4 * MINUTE_MS - 2_000)
    assert len(live) > 1_500
    assert live[len(live) * 99 // 100] <= SECOND_MS
    missed = late_by(stack, back_ms - 50 * SECOND_MS, back_ms - 15 * SECOND_MS)
    assert len(missed) >= 340  # all of them ran
    assert isinstance(stack.queue, Draining)


def test_it_is_only_counted_while_there_is_something_to_catch_up_with(stack: MemoryStack) -> None:
    """But for the health of the deployment, which is asked about once for so many messages."""
    stack.create(every(SECOND_MS))
    stack.turn_for(MINUTE_MS)
    assert isinstance(stack.queue, Draining)
    assert stack.queue.counts == MINUTE_MS // SECOND_MS // LEAST_SENT


def test_what_an_outage_of_the_queue_left_behind_is_caught_up_with_as_well(stack: MemoryStack) -> None:
    real = stack.queue.send

    def down(route: Route, dispatches: list[Dispatch], delays_s: tuple[int, ...] = ()) -> object:
        if START_MS + 20_000 <= stack.clock.now_ms() < START_MS + 80_000:
            raise PortError("queue.send", str(route), "down")
        return real(route, dispatches, delays_s)

    stack.queue.send = down  # type: ignore[method-assign,assignment]
    for _ in range(10):
        stack.create(every(SECOND_MS), end=START_MS + 4 * MINUTE_MS)
    stack.turn_for(5 * MINUTE_MS)
    assert len({*stack.effects()}) == 10 * 240
    assert stack.telemetry.counts["caught_up"] >= 400
    live = late_by(stack, START_MS + 140_000, START_MS + 240_000)
    assert live[len(live) * 99 // 100] <= SECOND_MS


def test_requested_runs_and_retries_that_are_long_overdue_wait_their_turn_too(stack: MemoryStack) -> None:
    job = stack.create(At(START_MS + 10 * MINUTE_MS))
    for _ in range(5):
        stack.execution_service.run(job.tenant, job.id)
    assert stack.telemetry.counts["caught_up"] == 0
    stack.turn_for(20 * SECOND_MS)
    assert len(stack.effects()) == 5


def test_workers_that_are_gone_for_long_stop_nobody_for_ever(stack: MemoryStack) -> None:
    stack.workers_up = False
    for _ in range(30):
        stack.create(At(START_MS + 20_000))
    stack.clock.advance(2 * MINUTE_MS)
    stack.turn_for(MINUTE_MS)
    assert stack.queue.depth(Route("lambda", "normal")) == 30


def test_in_economy_mode_each_has_a_release_of_its_own() -> None:
    spread = Spread()
    releases = [spread.next_ms(NOW_MS) for _ in range(10_000)]
    gaps = {after - before for before, after in itertools.pairwise(releases)}
    assert gaps == {100, 10}
    assert releases[-1] < NOW_MS + 15 * MINUTE_MS


def test_in_economy_mode_shards_share_the_pace_of_their_route() -> None:
    stack = MemoryStack(shards=4, pace=ECONOMY)
    for _ in range(60):
        stack.create(At(START_MS + 30 * MINUTE_MS))
    stack.clock.advance(60 * MINUTE_MS)
    stack.turn_for(50 * SECOND_MS)
    stack.clock.sleep(30 * SECOND_MS)
    calls = sorted(at for at, _ in stack.caller.calls)
    assert len(calls) == 60
    assert calls[-1] - calls[0] >= 4 * SECOND_MS


# --- how much is in memory -------------------------------------------------------------------------------------


def full(patch: pytest.MonkeyPatch, most: int, overdue: int) -> Iterable[int]:
    patch.setattr(dispatcher, "MOST_WAITING", most)
    patch.setattr(dispatcher, "MOST_OVERDUE", overdue)
    held: list[int] = []
    real = dispatcher.Dispatcher.fire

    def noting(self: dispatcher.Dispatcher, now_ms: int) -> None:
        held.append(len(self._backlog) + sum(map(len, self._buffers.values())))
        real(self, now_ms)

    patch.setattr(dispatcher.Dispatcher, "fire", noting)
    return held


def test_no_more_is_loaded_than_memory_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the queue takes nothing, slots are read only as far as there is room; all of it is sent in the end."""
    held = full(monkeypatch, 100, 50)
    stack = MemoryStack(shards=1)
    jobs = [stack.create(At(START_MS + 2 * MINUTE_MS + n * SECOND_MS)) for n in range(600)]
    real = stack.queue.send

    def down(route: Route, dispatches: list[Dispatch], delays_s: tuple[int, ...] = ()) -> object:
        if stack.clock.now_ms() < START_MS + 15 * MINUTE_MS:
            raise PortError("queue.send", str(route), "down")
        return real(route, dispatches, delays_s)

    stack.queue.send = down  # type: ignore[method-assign,assignment]
    stack.turn_for(25 * MINUTE_MS)
    assert max(held) <= 100 + 8 * 60
    assert stack.telemetry.counts["load_held_back"] > 0
    assert len({*stack.effects()}) == len(jobs)


def test_the_backlog_is_loaded_as_it_is_caught_up_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """And never keeps out what is live."""
    held = full(monkeypatch, 10_000, 60)
    stack = MemoryStack(shards=1)
    for n in range(600):
        stack.create(At(START_MS + 3 * MINUTE_MS + n * SECOND_MS))
    stack.clock.advance(20 * MINUTE_MS)
    stack.create(every(SECOND_MS), misfire=Misfire(Policy.SKIP))
    back_ms = stack.clock.now_ms()
    stack.turn_for(5 * MINUTE_MS)
    assert max(held) <= 60 + 8 * 60 + 60
    assert len({*stack.effects()}) >= 600 + 290
    live = late_by(stack, back_ms + 5_000, back_ms + 290_000)
    assert max(live) <= SECOND_MS
