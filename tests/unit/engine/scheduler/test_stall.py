"""All schedulers lose the store at once: they stop firing, live, and fire again when it answers; no watchdog runs."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from random import Random
from threading import Event
from typing import Any

import pytest

from tests.simulation.faults import PendingResult
from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, MemoryStack, every
from tests.support.stall import Stall
from tidewheel.adapters.memory import MemoryControl, RecordingTelemetry, SettableClock
from tidewheel.domain.fleet.lease import Lease
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.handover import LAST_CALL_MS
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.engine.scheduler.term import End

ANCHORS_MS = [START_MS + 166 * n for n in range(6)]
BACK_MS = 2 * SECOND_MS
"""How long after the store's return the wheel may stand still at most."""


class HangingExecutor(Executor):
    """What is submitted while a stall lasts is done when it is over, whoever waits for it then; ``landed`` counts it.

    So is, ``lag_ms`` later, what is submitted while that is set.
    """

    def __init__(self, stack: MemoryStack, stall: Stall) -> None:
        self._clock, self._stall = stack.clock, stall
        self._order, self.landed, self.lag_ms = itertools.count(), 0, 0
        self._heap: list[tuple[int, int, PendingResult, Callable[[], object]]] = []

    def submit(self, work: Callable[[], object]) -> Any:
        pending = PendingResult()
        at = max(self._stall.until_ms, self._clock.now_ms() + self.lag_ms)
        self.landed += at > self._clock.now_ms()
        heapq.heappush(self._heap, (at, next(self._order), pending, work))
        self.run_due()
        return pending

    def run_due(self) -> None:
        while self._heap and self._heap[0][0] <= self._clock.now_ms():
            _, _, pending, work = heapq.heappop(self._heap)
            pending.complete(work)


class Stalled:
    """Schedulers, six jobs that fire each second, and a stall of all that the schedulers reach."""

    def __init__(self, instances: int = 2) -> None:
        self.stack = stack = MemoryStack(4)
        stack.layouts.now()
        self.stall = Stall(stack.clock)
        self.executor: HangingExecutor | None = None
        self.fleet = Fleet(stack, instances, self._outfit)

    def _outfit(self, loop: SchedulerLoop) -> SchedulerLoop:
        of, stores = self.stall.of, loop.stores
        stores = replace(
            stores,
            wheel=of(stores.wheel),
            jobs=of(stores.jobs),
            executions=of(stores.executions),
            leases=of(stores.leases),
            ownership=of(stores.ownership),
        )
        layouts = replace(loop.layouts, store=of(loop.layouts.store))
        return replace(
            loop, stores=stores, queue=of(loop.queue), layouts=layouts, executor=self.executor or loop.executor
        )

    def create(self, end_ms: int) -> None:
        for anchor_ms in ANCHORS_MS:
            timing, misfire = every(SECOND_MS, anchor_ms - SECOND_MS), Misfire(Policy.ALL, limit=10**6)
            self.stack.create(timing, end=end_ms, precision=Precision.HIGH, misfire=misfire)

    def play(self, duration_ms: int, phase_ms: int = 0) -> None:
        """The stores stall for so long (ms) and return; then all that is due happens."""
        down_ms = START_MS + 10 * SECOND_MS + phase_ms
        end_ms = down_ms + duration_ms + 12 * SECOND_MS
        self.create(end_ms)
        for instance in range(self.fleet.instances):
            self.fleet.start(instance)
        self.fleet.run_until(down_ms)
        self.stall.begin(duration_ms)
        self.fleet.run_until(end_ms + 60 * SECOND_MS)
        self.check(down_ms + duration_ms, end_ms)

    def check(self, up_ms: int, end_ms: int) -> None:
        """It fires again at once, nothing is lost, nothing comes twice, and no scheduler's run has ended."""
        calls = self.stack.caller.calls
        assert self.fleet.ends == {}
        assert min(at for at, _ in calls if at >= up_ms) - up_ms <= BACK_MS
        assert max(at - max(call.due_ms, up_ms) for at, call in calls if call.due_ms >= up_ms) <= BACK_MS
        assert max(at - call.due_ms for at, call in calls if call.due_ms >= up_ms + 4 * SECOND_MS) <= SECOND_MS // 5
        fired = sorted(call.nominal_ms for _, call in calls)
        assert fired == sorted(at for anchor_ms in ANCHORS_MS for at in range(anchor_ms, end_ms, SECOND_MS))


@pytest.mark.parametrize("instances", [1, 2, 3])
@pytest.mark.parametrize("seconds", [1, 2, 3, 3.4, 3.7, 4, 6, 30, 60, 120])
def test_it_fires_again_within_two_seconds_of_the_stores_return(seconds: float, instances: int) -> None:
    stalled = Stalled(instances)
    stalled.play(int(seconds * SECOND_MS))
    cut_off = stalled.stack.telemetry.counts["scheduler_let_go"]
    assert cut_off == (0 if seconds < 3 else cut_off if seconds < 4 else instances)


@pytest.mark.parametrize("phase_ms", range(0, 1_000, 125))
@pytest.mark.parametrize("seconds", [2.8, 3.2, 3.6])
def test_it_does_so_at_whatever_moment_between_two_heartbeats_the_store_stalls(seconds: float, phase_ms: int) -> None:
    Stalled().play(int(seconds * SECOND_MS), phase_ms)


@pytest.mark.parametrize("seconds", [2, 3, 4, 6, 30])
def test_what_a_term_began_may_land_after_the_next_one_has_begun(seconds: float) -> None:
    """Calls hang, and are done when the store is back: renewals, cursors, accounts and batches of former terms."""
    stalled = Stalled()
    stalled.executor = HangingExecutor(stalled.stack, stalled.stall)
    stalled.play(int(seconds * SECOND_MS))
    assert stalled.executor.landed


def test_whoever_let_go_ends_if_another_has_its_instance_by_then() -> None:
    stalled = Stalled(1)
    first = stalled.fleet.start(0)
    stalled.fleet.run_until(START_MS + 10_000)
    stalled.stall.begin(6_000)
    stalled.fleet.run_until(START_MS + 15_900)
    lease = stalled.stack.control.lease()
    assert lease is not None
    assert stalled.stack.control.take(lease, "another", "v2") is not None
    stalled.fleet.run_until(START_MS + 20_000)
    assert stalled.fleet.ends == {first: End.LET_GO}
    assert stalled.stack.control.lease() == Lease("another", lease.epoch + 1, 0, "v2", mark=lease.mark)


def test_whoever_let_go_ends_when_its_time_is_over() -> None:
    stalled = Stalled(1)
    deadline_ms = START_MS + 60_000
    first = stalled.fleet.start(0, remaining=lambda: deadline_ms - stalled.stack.clock.now_ms())
    stalled.fleet.run_until(START_MS + 10_000)
    stalled.stall.begin(120_000)
    stalled.fleet.run_until(deadline_ms - LAST_CALL_MS - SECOND_MS)
    assert stalled.fleet.running == [first]
    stalled.fleet.run_until(deadline_ms - LAST_CALL_MS + SECOND_MS)
    assert stalled.fleet.ends == {first: End.LET_GO}


def test_a_scheduler_that_starts_while_the_store_is_away_waits_for_it() -> None:
    stalled = Stalled(1)
    stalled.create(START_MS + 80_000)
    stalled.stall.begin(60_000)
    stalled.fleet.start(0)
    stalled.fleet.run_until(START_MS + 62_000)
    assert stalled.fleet.ends == {}
    assert stalled.stack.caller.calls


def test_one_that_starts_while_the_store_is_away_ends_when_its_time_is_over() -> None:
    stalled = Stalled(1)
    deadline_ms = START_MS + 40_000
    stalled.stall.begin(60_000)
    first = stalled.fleet.start(0, remaining=lambda: deadline_ms - stalled.stack.clock.now_ms())
    stalled.fleet.run_until(deadline_ms)
    assert stalled.fleet.ends == {first: End.NOT_NEEDED}
    assert stalled.stack.control.lease() is None


class RenewedLate(MemoryControl):
    """A renewal of the term before lands between the first look of the next one and its take."""

    late: Lease | None = None

    def take(self, seen: Lease | None, owner: str, version: str, instance: int = 0) -> Lease | None:
        if seen is not None and self.late is None:
            RenewedLate.late = self.renew(seen)
        return super().take(seen, owner, version, instance)


def test_a_renewal_that_lands_while_its_run_stands_again_delays_it_by_one_look() -> None:
    stalled = Stalled(1)
    stalled.stack.control = control = RenewedLate()
    stalled.fleet.start(0)
    stalled.fleet.run_until(START_MS + 10_000)
    stalled.stall.begin(6_000)
    stalled.fleet.run_until(START_MS + 16_000 + 700)
    lease = control.lease()
    assert control.late is not None
    assert lease is not None
    assert lease.epoch == control.late.epoch + 1
    assert stalled.fleet.ends == {}


def test_a_claim_of_a_term_that_let_go_takes_no_shard_from_the_next_one() -> None:
    stalled = Stalled(1)
    stalled.executor = executor = HangingExecutor(stalled.stack, stalled.stall)
    stalled.create(START_MS + 20_000)
    stalled.fleet.start(0)
    stalled.fleet.run_until(START_MS + 50)  # it has looked at the others, and is about to claim
    executor.lag_ms = 8_000
    stalled.fleet.run_until(START_MS + 3_450)
    assert stalled.fleet.holders() == [None] * 4
    executor.lag_ms = 0
    stalled.fleet.run_until(START_MS + 5_000)
    assert stalled.fleet.holders() == [0] * 4
    stalled.fleet.run_until(START_MS + 60_000)
    assert executor.landed
    assert stalled.fleet.ends == {}


def test_what_waits_for_a_thread_when_a_term_lets_go_is_never_started() -> None:
    executor = ThreadPoolExecutor(1)
    occupied, started = Event(), list[int]()
    background = BackgroundIO(executor, SettableClock(START_MS), RecordingTelemetry(), Backoff(Random(1)))
    background.start(occupied.wait, lambda _: started.append(1))
    background.start(lambda: started.append(2), lambda _: None)
    background.abandon()
    assert background.busy == 0
    occupied.set()
    executor.shutdown(wait=True)
    background.collect()
    assert started == []
