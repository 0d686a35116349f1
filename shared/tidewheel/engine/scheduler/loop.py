"""The scheduler_loop: the scheduler's loop. It holds an instance, turns its shards and fires, ten times a second."""

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
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.scheduler.context import SchedulerContext, Stores
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.engine.scheduler.election import take_lease
from tidewheel.engine.scheduler.shard_assignment import ShardAssignment
from tidewheel.ports import Clock, Launcher, Queue, Telemetry

HAND_OVER_MS = 20 * SECOND_MS
"""How long before its deadline a scheduler calls its successor; the higher instances call earlier, so that loops
which began together do not end together."""
STAGGER_MS = 30 * SECOND_MS
LAST_CALL_MS = 6 * SECOND_MS
"""How long before its deadline it yields even if no successor has come."""
_YIELD_MS = 4 * SECOND_MS
_YIELD_TICK_MS = 10


class End(StrEnum):
    """Why a scheduler's run was over."""

    NOT_NEEDED = "not_needed"  # another one sits in the instance
    DONE = "done"  # a short run has handed on what it could; only where nobody loops
    HANDED_OVER = "handed_over"  # to a successor that stood ready, or at the deadline
    LET_GO = "let_go"  # its heartbeat could not be renewed in time
    SKEWED = "skewed"  # this machine's clock is off; whoever comes next runs on another one, or looks again


@dataclass(frozen=True, slots=True)
class SchedulerLoop:
    """One scheduler.

    Args:
        stores: What turning reads and writes.
        queue: Where occurrences go.
        launcher: Calls the successor.
        clock: Time.
        telemetry: Counts.
        executor: Runs background.
        layouts: How many shards there are, and are to be.
        owner: This run's unique name.
        version: The code version.
        instance: Which instance it is to take.
        instances: How many there are.
        pace: Whether it loops, or hands over what comes next and ends.
        guard: Says whether this machine's clock is fit for it.
    """

    stores: Stores
    queue: Queue
    launcher: Launcher
    clock: Clock
    telemetry: Telemetry
    executor: Executor
    layouts: LayoutCache
    owner: str
    version: str
    instance: int = 0
    instances: int = 1
    pace: Pace = LOOP
    guard: ClockGuard | None = None

    def run(self, remaining_ms: Callable[[], int]) -> End:
        """Takes the instance and turns the wheel until the deadline nears, or, where nobody loops, all is handed over.

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
        lease = yield from take_lease(
            self.stores.leases, self.clock, self.owner, self.version, self.instance, self.guard
        )
        if lease is None:
            return End.SKEWED if self.is_off() else End.NOT_NEEDED
        self.telemetry.info("turning", owner=self.owner, instance=self.instance, epoch=lease.epoch)
        end = yield from _Term(self, lease).steps(remaining_ms)
        self.telemetry.info(
            "stopped turning", owner=self.owner, instance=self.instance, epoch=lease.epoch, end=str(end)
        )
        self.telemetry.flush()
        return end

    def is_off(self) -> bool:
        """Whether this machine's clock is so far off that it may turn nothing."""
        return self.guard is not None and bool(self.guard.refusal())


Steps = Generator[int, None, End]


class _Term:
    """What a scheduler holds in memory while the instance is its own."""

    def __init__(self, scheduler_loop: SchedulerLoop, lease: Lease) -> None:
        self._scheduler_loop = scheduler_loop
        self._clock = scheduler_loop.clock
        self._lease = lease
        self._pace = pace = scheduler_loop.pace
        backoff = Backoff(Random(scheduler_loop.owner))  # noqa: S311 - spreads tries, guards nothing; no owner has two runs
        context = SchedulerContext(
            scheduler_loop.stores,
            scheduler_loop.clock,
            scheduler_loop.telemetry,
            scheduler_loop.executor,
            scheduler_loop.layouts,
            backoff,
            pace,
        )
        self._background = context.background()
        self._dispatcher = Dispatcher(scheduler_loop.queue, self._background, scheduler_loop.telemetry, backoff, pace)
        self._assignment = ShardAssignment(context, self._dispatcher, lease, scheduler_loop.instances)
        self._renewed_ms = self._clock.monotonic_ms()
        self._heartbeat_ms = self._renewed_ms + (0 if scheduler_loop.pace.loops else HEARTBEAT_MS)
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
        if self._scheduler_loop.is_off():
            return End.SKEWED
        self._background.collect()
        self._heartbeat(monotonic)
        now = self._clock.now_ms()
        self._assignment.work(now)
        self._dispatcher.fire(now)
        self._report(monotonic)
        if not self._pace.loops:
            through = self._assignment.through and not self._background.busy
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

        mark = self._assignment.mark(self._clock.now_ms())
        leases = self._scheduler_loop.stores.leases
        self._background.start(lambda: leases.renew(self._lease, mark if mark.shards else None), done)

    def _report(self, monotonic: int) -> None:
        """Hands on what was counted; and says how many shards there are to be, in case that was changed."""
        if monotonic >= self._report_ms:
            self._report_ms = monotonic + MINUTE_MS
            scheduler_loop = self._scheduler_loop
            scheduler_loop.telemetry.flush()
            self._background.start(lambda: scheduler_loop.layouts.adopt(scheduler_loop.telemetry), lambda _: None)

    def _must_yield(self, remaining_ms: int) -> bool:
        """Whether a successor stands ready: called because the deadline nears, or because it runs newer code."""
        instance = self._scheduler_loop.instance
        near = remaining_ms < HAND_OVER_MS + instance * STAGGER_MS
        if near and not self._called:
            self._called = True
            self._background.start(lambda: self._scheduler_loop.launcher.launch(instance), lambda _: None)
        candidate = self._lease.candidate
        awaited = candidate is not None and (near or candidate != self._scheduler_loop.version)
        return awaited or remaining_ms < LAST_CALL_MS

    def _yield(self) -> Generator[int, None, None]:
        """Lets what is under way become durable, vacates the shards and gives the instance up."""
        until = self._clock.monotonic_ms() + _YIELD_MS
        while not self._assignment.leave_all(self._clock.now_ms()) and self._clock.monotonic_ms() < until:
            self._background.collect()
            self._heartbeat(self._clock.monotonic_ms())
            yield self._clock.now_ms() + _YIELD_TICK_MS
        self._scheduler_loop.stores.leases.release(self._lease)
