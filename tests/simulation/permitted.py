"""A random history of workers whose tenant has a limit: permits go from hand to hand while workers die and freeze."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.simulation.permit_watch import PermitWatch, PermitWitness, WatchedLines, WatchedPermits
from tests.simulation.worked import WorkedHistory
from tests.support.calls import an_admission
from tests.support.memory_stack import TENANT
from tidewheel.domain.limits import LEASE_MS, SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.guard import LineGuard
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.ports import Executions, Queue

if TYPE_CHECKING:
    from tests.simulation.workers import Worker

_LEASES_MS = LEASE_MS + TAKEOVER_GRACE_MS + 5 * SECOND_MS
"""After so long (ms) without a run every permit is free, whoever died with it."""
_NEVER_MS = 1 << 62


class PermittedHistory(WorkedHistory):
    """As ``WorkedHistory``, with a limit of one to four runs at once, which never changes."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.limit = self.hands.choice([1, 1, 2, 4])
        self.workers.witness = witness = PermitWitness(self.workers)
        world, now_ms = self.stack.world, self.stack.clock.now_ms
        limits, calm = [self.limit], self._calm_since_ms
        self.watch = witness.permits = PermitWatch(world, now_ms, self.workers.scheduler, lambda: limits, calm)

    def _calm_since_ms(self) -> int:
        """Since when a scheduler surely looks at lines (ms since the epoch): some time after the last fault."""
        return _NEVER_MS if self.faults.stormy else self.calm_ms + self.settling_ms

    def admission(self, worker: Worker, executions: Executions, queue: Queue) -> AdmissionControl:
        """What a worker asks before it claims: its stores lag, fail and are its last step, as all others."""
        stack, plain = self.stack, an_admission(worker.clock, self.stack.telemetry)
        grants = PermitGrants(
            worker.stepped(self.stall.of(WatchedPermits(self.watch))),
            worker.stepped(self.stall.of(WatchedLines(self.watch))),
            executions,
            queue,
            worker.clock,
            stack.entropy,
            stack.telemetry,
        )
        return replace(plain, limiter=ConcurrencyLimiter(grants, self.running_limits))

    def _outfit(self, scheduler_loop: SchedulerLoop) -> SchedulerLoop:
        permits, lines = self.stall.of(WatchedPermits(self.watch)), self.stall.of(WatchedLines(self.watch))
        grants, limits = replace(self.stack.grants, permits=permits, lines=lines), self.running_limits
        return replace(super()._outfit(scheduler_loop), line_guard=lambda: LineGuard(grants, limits))

    @property
    def running_limits(self) -> RunningLimits:
        """How many may run at once, which every process knows."""
        return RunningLimits({TENANT: self.limit}, lambda _tenant: {})

    def _pump(self) -> None:
        super()._pump()
        self.watch.sample()

    def violations(self) -> list[str]:
        """Every broken promise, in words."""
        self._run(_LEASES_MS)
        return [*super().violations(), *self.watch.broken, *self.watch.kept()]
