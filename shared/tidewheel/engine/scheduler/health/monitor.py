"""The monitor: what one scheduler measures, and what follows from it and from what the others have measured.

Each scheduler tells its signals with its heartbeat, which costs nothing, and judges by those of all that are alive. The
one that holds shard 0 stores the health for the API, under that shard's epoch: of two that believe to hold it, the
earlier one's reports are refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidewheel.domain.fleet.health import SILENT, Health, Measured, Signals, Switch, in_force, judge, together
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.context import SchedulerContext
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher


class HealthMonitor:
    """Keeps the health during one term.

    Args:
        context: What to work with.
        background: Runs the reads and writes.
        dispatcher: What is measured, and what is told to hold back.
    """

    def __init__(self, context: SchedulerContext, background: BackgroundIO, dispatcher: Dispatcher) -> None:
        self._store = context.stores.health
        self._clock = context.clock
        self._telemetry = context.telemetry
        self._failures = context.failures
        self._background = background
        self._dispatcher = dispatcher
        self._health: Health | None = None
        self._stored = Measured(Health(), 0)
        self._storing = False
        if context.pace.loops:
            background.start(self._store.health, self._begin)

    def _begin(self, stored: tuple[Measured | None, Switch | None]) -> None:
        """Goes on from the health that was in force: a hand-over is no reason for a better one."""
        measured, _ = stored
        now_ms = self._clock.now_ms()
        known = in_force(measured, None, now_ms)
        self._health = Health(since_ms=now_ms) if any(one.id == SILENT for one in known.reasons) else known
        self._stored = measured or self._stored

    @property
    def health(self) -> Health | None:
        """The health as it was judged last; None before the stored one is known."""
        return self._health

    def signals(self, now_ms: int) -> Signals:
        """What this scheduler measures now (ms since the epoch)."""
        queue_age_ms, route = self._dispatcher.ages.oldest
        throttled, failed = self._failures.recent
        return Signals(
            queue_age_ms=queue_age_ms,
            route=route,
            behind_ms=self._dispatcher.behind_ms(now_ms),
            overdue=self._dispatcher.overdue,
            throttled=throttled,
            failed=failed,
        )

    def judge(self, signals: Signals, others: Iterable[Signals], epoch: int | None, now_ms: int) -> None:
        """Judges anew, has the dispatcher follow, and stores the health if that is up to this scheduler.

        Args:
            signals: What this scheduler measured.
            others: What the other living ones did.
            epoch: The epoch under which this one holds shard 0; None if it does not.
            now_ms: The time (ms since the epoch).
        """
        if self._health is None:
            return
        self._health = judge(self._health, together([signals, *others]), now_ms)
        self._dispatcher.hold_back.active = self._health.holds_back
        if epoch is not None:
            self._store_health(self._health, epoch, now_ms)

    def _store_health(self, health: Health, epoch: int, now_ms: int) -> None:
        if self._storing or not self._stored.is_due(health, now_ms):
            return
        self._storing = True
        before, measured = self._stored, Measured(health, now_ms, epoch)

        def done(stored: bool) -> None:  # noqa: FBT001 - the answer of a call
            self._storing = False
            self._stored = measured
            if stored:
                self._tell(before.health, health)

        self._background.start(lambda: self._store.report(measured), done)

    def _tell(self, before: Health, health: Health) -> None:
        self._telemetry.count("health_stored", state=health.state)
        if health.state is not before.state:
            reasons = "; ".join(reason.text for reason in health.reasons)
            self._telemetry.info("the health changes", before=before.state, after=health.state, reasons=reasons)
