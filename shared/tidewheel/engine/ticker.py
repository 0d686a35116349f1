"""The ticker: the scheduler's loop. It holds the lease, turns every shard and fires, ten times a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.lease import Lease
from tidewheel.domain.limits import HEARTBEAT_MS, LET_GO_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.precision import TICK_MS
from tidewheel.domain.wheel import Level
from tidewheel.engine.errands import Errands
from tidewheel.engine.fire import Hopper
from tidewheel.engine.recover import take_lease
from tidewheel.engine.turn import ShardWheel
from tidewheel.engine.window import Shard, Stores
from tidewheel.ports import Clock, Launcher, Queue, Telemetry

HAND_OVER_MS = 20 * SECOND_MS
"""How long before its deadline a scheduler calls its successor."""
LAST_CALL_MS = 6 * SECOND_MS
"""How long before its deadline it yields even if no successor has come."""
_DRAIN_MS = 3 * SECOND_MS


class End(StrEnum):
    """Why a scheduler's run was over."""

    NOT_NEEDED = "not_needed"  # another one holds the lease
    HANDED_OVER = "handed_over"  # to a successor that stood ready, or at the deadline
    LET_GO = "let_go"  # its heartbeat could not be renewed in time


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
        shards: How many shards there are.
        owner: This run's unique name.
        version: The code version.
    """

    stores: Stores
    queue: Queue
    launcher: Launcher
    clock: Clock
    telemetry: Telemetry
    executor: Executor
    shards: int
    owner: str
    version: str

    def run(self, remaining_ms: Callable[[], int]) -> End:
        """Takes the lease and turns the wheel until the deadline nears.

        Args:
            remaining_ms: How long this process may go on, ms.

        Raises:
            Lost: Another scheduler has taken over: the caller was cut off for too long.
        """
        lease = take_lease(self.stores.control, self.clock, self.owner, self.version)
        if lease is None:
            return End.NOT_NEEDED
        self.telemetry.note("turning", owner=self.owner, epoch=lease.epoch, shards=self.shards)
        reign = _Reign(self, lease)
        end = reign.tick_until(remaining_ms)
        self.telemetry.note("stopped turning", owner=self.owner, epoch=lease.epoch, end=str(end))
        self.telemetry.flush()
        return end


class _Reign:
    """What a scheduler holds in memory while the lease is its own."""

    def __init__(self, ticker: Ticker, lease: Lease) -> None:
        self._ticker = ticker
        self._clock = ticker.clock
        self._lease = lease
        self._errands = Errands(ticker.executor, ticker.clock, ticker.telemetry)
        self._hopper = Hopper(ticker.queue, self._errands, ticker.telemetry)
        self._wheels: list[ShardWheel] = []
        self._renewed_ms = self._clock.monotonic_ms()
        self._heartbeat_ms = self._renewed_ms
        self._flush_ms = self._renewed_ms + MINUTE_MS
        self._beating = False
        self._called = False

    def tick_until(self, remaining_ms: Callable[[], int]) -> End:
        for shard in range(self._ticker.shards):
            self._enter(shard)
        while True:
            end = self._tick(remaining_ms())
            if end is not None:
                return end
            now = self._clock.now_ms()
            self._clock.sleep_until(now - now % TICK_MS + TICK_MS)

    def _enter(self, shard: int) -> None:
        ticker, epoch = self._ticker, self._lease.epoch

        def work() -> Mapping[Level, int]:
            origin = ticker.stores.control.origin(self._clock.now_ms())
            return {**dict.fromkeys(Level, origin), **ticker.stores.control.enter(shard, epoch)}

        def done(cursors: Mapping[Level, int]) -> None:
            now = self._clock.now_ms()
            held = Shard(shard, epoch, ticker.stores, self._errands, ticker.telemetry)
            self._wheels.append(ShardWheel(held, cursors, now, self._hopper))

        self._errands.start(work, done)

    def _tick(self, remaining_ms: int) -> End | None:
        monotonic = self._clock.monotonic_ms()
        if monotonic - self._renewed_ms > LET_GO_MS:
            return End.LET_GO
        self._errands.collect()
        self._heartbeat(monotonic)
        now = self._clock.now_ms()
        for wheel in self._wheels:
            wheel.turn(now)
        self._hopper.fire(now)
        self._report(monotonic)
        if self._must_yield(remaining_ms):
            self._yield()
            return End.HANDED_OVER
        return None

    def _heartbeat(self, monotonic: int) -> None:
        if self._beating or monotonic < self._heartbeat_ms:
            return
        self._beating = True
        self._heartbeat_ms = monotonic + HEARTBEAT_MS

        def done(lease: Lease) -> None:
            self._beating = False
            self._renewed_ms = monotonic
            self._lease = lease

        self._errands.start(lambda: self._ticker.stores.control.renew(self._lease), done)

    def _report(self, monotonic: int) -> None:
        if monotonic >= self._flush_ms:
            self._flush_ms = monotonic + MINUTE_MS
            self._ticker.telemetry.flush()

    def _must_yield(self, remaining_ms: int) -> bool:
        """Whether a successor stands ready: called because the deadline nears, or because it runs newer code."""
        near = remaining_ms < HAND_OVER_MS
        if near and not self._called:
            self._called = True
            self._errands.start(self._ticker.launcher.launch, lambda _: None)
        candidate = self._lease.candidate
        awaited = candidate is not None and (near or candidate != self._ticker.version)
        return awaited or remaining_ms < LAST_CALL_MS

    def _yield(self) -> None:
        """Lets what is under way become durable, stores the cursors and gives the lease up."""
        for wheel in self._wheels:
            wheel.draining = True
        until = self._clock.monotonic_ms() + _DRAIN_MS
        while self._clock.monotonic_ms() < until:
            self._errands.collect()
            now = self._clock.now_ms()
            for wheel in self._wheels:
                wheel.turn(now)
            if not self._errands.busy and all(wheel.stored for wheel in self._wheels):
                break
            self._clock.sleep(TICK_MS // 10)
        self._ticker.stores.control.release(self._lease)
