"""The ticker: the scheduler's loop. It holds a seat, turns its shards and fires, ten times a second."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tidewheel.domain.fleet.lease import Lease
from tidewheel.domain.limits import HEARTBEAT_MS, LET_GO_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.common.shard_layout import Layouts
from tidewheel.engine.scheduler.context import Means, Stores
from tidewheel.engine.scheduler.dispatch.dispatcher import Hopper
from tidewheel.engine.scheduler.election import take_lease
from tidewheel.engine.scheduler.shard_assignment import Shares
from tidewheel.ports import Clock, Launcher, Queue, Telemetry

HAND_OVER_MS = 20 * SECOND_MS
"""How long before its deadline a scheduler calls its successor; the higher seats call earlier, so that loops
which began together do not end together."""
STAGGER_MS = 30 * SECOND_MS
LAST_CALL_MS = 6 * SECOND_MS
"""How long before its deadline it yields even if no successor has come."""
_YIELD_MS = 4 * SECOND_MS
_YIELD_TICK_MS = 10


class End(StrEnum):
    """Why a scheduler's run was over."""

    NOT_NEEDED = "not_needed"  # another one sits in the seat
    DONE = "done"  # a short run has handed on what it could; only where nobody loops
    HANDED_OVER = "handed_over"  # to a successor that stood ready, or at the deadline
    LET_GO = "let_go"  # its heartbeat could not be renewed in time
    SKEWED = "skewed"  # this machine's clock is off; whoever comes next runs on another one, or looks again


@dataclass(frozen=True, slots=True)
class Ticker:
    """One scheduler.

    Args:
        stores: What turning reads and writes.
        queue: Where occurrences go.
        launcher: Calls the successor.
        clock: Time.
        telemetry: Counts.
        executor: Runs errands.
        layouts: How many shards there are, and are to be.
        owner: This run's unique name.
        version: The code version.
        seat: Which seat it is to take.
        seats: How many there are.
        pace: Whether it loops, or hands over what comes next and ends.
        guard: Says whether this machine's clock is fit for it.
    """

    stores: Stores
    queue: Queue
    launcher: Launcher
    clock: Clock
    telemetry: Telemetry
    executor: Executor
    layouts: Layouts
    owner: str
    version: str
    seat: int = 0
    seats: int = 1
    pace: Pace = LOOP
    guard: ClockGuard | None = None

    def run(self, remaining_ms: Callable[[], int]) -> End:
        """Takes the seat and turns the wheel until the deadline nears, or, where nobody loops, all is handed over.

        Args:
            remaining_ms: How long this process may go on, ms.

        Raises:
            Lost: Another scheduler has taken over: the caller was cut off for too long.
        """
        steps = self.steps(remaining_ms)
        while True:
            try:
                until_ms = next(steps)
            except StopIteration as stop:
                return End(stop.value)
            self.clock.sleep_until(until_ms)

    def steps(self, remaining_ms: Callable[[], int]) -> Steps:
        """The same step by step: yields the instant (ms) until which there is nothing to do."""
        lease = yield from take_lease(self.stores.control, self.clock, self.owner, self.version, self.seat, self.guard)
        if lease is None:
            return End.SKEWED if self.is_off() else End.NOT_NEEDED
        self.telemetry.note("turning", owner=self.owner, seat=self.seat, epoch=lease.epoch)
        end = yield from _Reign(self, lease).steps(remaining_ms)
        self.telemetry.note("stopped turning", owner=self.owner, seat=self.seat, epoch=lease.epoch, end=str(end))
        self.telemetry.flush()
        return end

    def is_off(self) -> bool:
        """Whether this machine's clock is so far off that it may turn nothing."""
        return self.guard is not None and bool(self.guard.refusal())


Steps = Generator[int, None, End]


class _Reign:
    """What a scheduler holds in memory while the seat is its own."""

    def __init__(self, ticker: Ticker, lease: Lease) -> None:
        self._ticker = ticker
        self._clock = ticker.clock
        self._lease = lease
        self._pace = pace = ticker.pace
        backoff = Backoff(Random(ticker.owner))  # noqa: S311 - spreads tries, guards nothing; no owner has two runs
        means = Means(ticker.stores, ticker.clock, ticker.telemetry, ticker.executor, ticker.layouts, backoff, pace)
        self._errands = means.errands()
        self._hopper = Hopper(ticker.queue, self._errands, ticker.telemetry, backoff, pace)
        self._shares = Shares(means, self._hopper, lease, ticker.seats)
        self._renewed_ms = self._clock.monotonic_ms()
        self._heartbeat_ms = self._renewed_ms + (0 if ticker.pace.loops else HEARTBEAT_MS)
        self._report_ms = self._renewed_ms
        self._beating = False
        self._called = False

    def steps(self, remaining_ms: Callable[[], int]) -> Steps:
        while True:
            end = self._tick(remaining_ms())
            if end in {End.HANDED_OVER, End.DONE, End.SKEWED}:
                yield from self._yield()
            if end is not None:
                return end
            now = self._clock.now_ms()
            yield now - now % self._pace.tick_ms + self._pace.tick_ms

    def _tick(self, remaining_ms: int) -> End | None:
        monotonic = self._clock.monotonic_ms()
        if monotonic - self._renewed_ms > LET_GO_MS:
            return End.LET_GO
        if self._ticker.is_off():
            return End.SKEWED
        self._errands.collect()
        self._heartbeat(monotonic)
        now = self._clock.now_ms()
        self._shares.work(now)
        self._hopper.fire(now)
        self._report(monotonic)
        if not self._pace.loops:
            through = self._shares.through and not self._errands.busy
            return End.DONE if through or remaining_ms < LAST_CALL_MS else None
        return End.HANDED_OVER if self._must_yield(remaining_ms) else None

    def _heartbeat(self, monotonic: int) -> None:
        if self._beating or monotonic < self._heartbeat_ms:
            return
        self._beating = True
        self._heartbeat_ms = monotonic + HEARTBEAT_MS

        def done(lease: Lease) -> None:
            self._beating = False
            self._renewed_ms = monotonic
            self._lease = lease

        mark = self._shares.mark(self._clock.now_ms())
        control = self._ticker.stores.control
        self._errands.start(lambda: control.renew(self._lease, mark if mark.shards else None), done)

    def _report(self, monotonic: int) -> None:
        """Hands on what was counted; and says how many shards there are to be, in case that was changed."""
        if monotonic >= self._report_ms:
            self._report_ms = monotonic + MINUTE_MS
            ticker = self._ticker
            ticker.telemetry.flush()
            self._errands.start(lambda: ticker.layouts.adopt(ticker.telemetry), lambda _: None)

    def _must_yield(self, remaining_ms: int) -> bool:
        """Whether a successor stands ready: called because the deadline nears, or because it runs newer code."""
        seat = self._ticker.seat
        near = remaining_ms < HAND_OVER_MS + seat * STAGGER_MS
        if near and not self._called:
            self._called = True
            self._errands.start(lambda: self._ticker.launcher.launch(seat), lambda _: None)
        candidate = self._lease.candidate
        awaited = candidate is not None and (near or candidate != self._ticker.version)
        return awaited or remaining_ms < LAST_CALL_MS

    def _yield(self) -> Generator[int, None, None]:
        """Lets what is under way become durable, vacates the shards and gives the seat up."""
        until = self._clock.monotonic_ms() + _YIELD_MS
        while not self._shares.leave_all(self._clock.now_ms()) and self._clock.monotonic_ms() < until:
            self._errands.collect()
            self._heartbeat(self._clock.monotonic_ms())
            yield self._clock.now_ms() + _YIELD_TICK_MS
        self._ticker.stores.control.release(self._lease)
