"""A term: what a scheduler does, tick by tick, while it holds an instance's lease."""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import StrEnum

from tidewheel.domain.fleet.lease import Lease
from tidewheel.domain.limits import HEARTBEAT_MS, MINUTE_MS, SECOND_MS
from tidewheel.engine.scheduler.context import SchedulerContext
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.engine.scheduler.handover import LAST_CALL_MS, Handover
from tidewheel.engine.scheduler.health.monitor import HealthMonitor
from tidewheel.engine.scheduler.heartbeat import Heartbeat
from tidewheel.engine.scheduler.shard_assignment import ShardAssignment
from tidewheel.ports import Queue

_YIELD_MS = 4 * SECOND_MS
"""How long the end of a term waits for what is in flight to become durable."""
_YIELD_TICK_MS = 10
_REPORTS = 0
"""The shard whose owner stores the deployment's health."""


class End(StrEnum):
    """Why a term, or a scheduler's run, was over."""

    NOT_NEEDED = "not_needed"  # another scheduler holds the instance
    DONE = "done"  # a short run has handed over what it could; only in economy mode
    HANDED_OVER = "handed_over"  # to a successor that stood ready, or at the deadline
    LET_GO = "let_go"  # its heartbeat could not be renewed in time
    SKEWED = "skewed"  # this machine's clock is off; whoever comes next runs on another one, or looks again


Steps = Generator[int, None, End]
"""Yields the time (ms since the epoch) of the next step, and returns why it was over."""


class Term:
    """One term of a scheduler.

    Args:
        context: What it works with.
        queue: Where occurrences go.
        handover: Calls the successor.
        lease: The instance's lease, as it was taken.
        instances: How many instances there are.
        is_skewed: Whether this machine's clock is so far off that it may turn nothing.
    """

    def __init__(
        self,
        context: SchedulerContext,
        queue: Queue,
        handover: Handover,
        lease: Lease,
        instances: int,
        is_skewed: Callable[[], bool],
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._pace = context.pace
        self._handover = handover
        self._is_skewed = is_skewed
        self._background = context.background()
        self._dispatcher = Dispatcher(
            queue,
            self._background,
            context.telemetry,
            context.backoff,
            context.stores.executions,
            context.undeliverable,
            context.pace,
            context.tenants,
        )
        self._monitor = HealthMonitor(context, self._background, self._dispatcher)
        self._assignment = ShardAssignment(context, self._dispatcher, lease, instances)
        first_ms = 0 if context.pace.loops else HEARTBEAT_MS  # a short run is over by then, and saves the write
        self._heartbeat = Heartbeat(context.stores.leases, context.clock, self._background, lease, first_ms)
        self._report_ms = context.clock.monotonic_ms()
        self._line_guard = None if context.line_guard is None else context.line_guard()
        self._lines_ms = 0
        self._looking_at_lines = False

    def steps(self, remaining_ms: Callable[[], int]) -> Steps:
        """Turns the wheel until the term is over.

        Args:
            remaining_ms: How long (ms) this process may go on.

        Raises:
            Fenced: Another scheduler has taken over.
        """
        while (end := self._tick(remaining_ms())) is None:
            yield self._next_tick_ms()
        if end is End.LET_GO:
            self._let_go()
        else:
            yield from self._give_up()
        return end

    def _let_go(self) -> None:
        """Begins nothing more: what waits for a thread would keep the next term's heartbeats waiting."""
        self._assignment.abandon()
        self._background.abandon()
        self._context.telemetry.count("scheduler_let_go")

    def _next_tick_ms(self) -> int:
        """When (ms since the epoch) to look again.

        While calls are under way, that is the next tick. Else nothing happens before the next second begins, when slots
        are read and end, and the heartbeat is due, or before an occurrence is sent.
        """
        now, tick_ms = self._clock.now_ms(), self._pace.tick_ms
        soon = now - now % tick_ms + tick_ms
        if not self._pace.loops or self._background.busy or not self._assignment.is_calm:
            return soon
        return max(soon, min(now - now % SECOND_MS + SECOND_MS, self._dispatcher.next_ms(now)))

    def _tick(self, remaining_ms: int) -> End | None:
        if self._heartbeat.is_lost:
            return End.LET_GO
        if self._is_skewed():
            return End.SKEWED
        self._background.collect()
        self._beat()
        now = self._clock.now_ms()
        self._assignment.work(now)
        self._dispatcher.fire(now)
        self._look_at_lines()
        self._report()
        return self._end(remaining_ms)

    def _look_at_lines(self) -> None:
        """Has the line guard look, if this scheduler holds the first shard; so one of them all does."""
        monotonic, guard = self._clock.monotonic_ms(), self._line_guard
        if guard is None or self._looking_at_lines or monotonic < self._lines_ms or not self._assignment.holds(0):
            return
        self._looking_at_lines = True

        def done(_: None) -> None:
            self._looking_at_lines = False
            self._lines_ms = monotonic + guard.pause_ms - self._pace.tick_ms  # a tick may come a little early

        self._background.start(guard.look, done)

    def _end(self, remaining_ms: int) -> End | None:
        """Why the term is over by now, if it is."""
        if self._pace.loops:
            due = self._handover.is_due(self._heartbeat.lease, remaining_ms, self._background)
            return End.HANDED_OVER if due else None
        through = self._assignment.is_through and not self._background.busy
        return End.DONE if through or remaining_ms < LAST_CALL_MS else None

    def _beat(self) -> None:
        if not self._heartbeat.is_due:
            return
        now, signals = self._clock.now_ms(), None
        if self._pace.loops:
            self._dispatcher.ages.look(now)
            signals = self._monitor.signals(now)
            self._monitor.judge(signals, self._assignment.signals_of_others, self._assignment.epoch_of(_REPORTS), now)
        self._heartbeat.renew(self._assignment.mark(now), signals)

    def _report(self) -> None:
        """Once a minute: writes out what was counted, and that it is there at all, which an alarm waits for; and
        announces the deployment's number of shards if it is new.
        """
        monotonic = self._clock.monotonic_ms()
        if monotonic >= self._report_ms:
            self._report_ms = monotonic + MINUTE_MS
            layouts, telemetry = self._context.layouts, self._context.telemetry
            telemetry.count("scheduler_reported")
            telemetry.flush()
            self._background.start(lambda: layouts.adopt(telemetry), lambda _: None)

    def _give_up(self) -> Generator[int, None, None]:
        """Lets what is in flight become durable, vacates the shards and releases the lease."""
        until = self._clock.monotonic_ms() + _YIELD_MS
        while not self._assignment.leave_all(self._clock.now_ms()) and self._clock.monotonic_ms() < until:
            self._background.collect()
            self._beat()
            yield self._clock.now_ms() + _YIELD_TICK_MS
        self._context.stores.leases.release(self._heartbeat.lease)
