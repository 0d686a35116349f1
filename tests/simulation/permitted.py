"""A random history of workers whose tenant has a limit: permits go from hand to hand while workers die and freeze."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.simulation.worked import WorkedHistory
from tests.support.calls import an_admission
from tests.support.memory_stack import TENANT
from tidewheel.adapters.memory import MemoryPermitLines, MemoryPermits
from tidewheel.domain.executions.states import is_end
from tidewheel.domain.limits import LEASE_MS, SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.permits.permit import Permit, is_void
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.ports import Executions, Queue

if TYPE_CHECKING:
    from tests.simulation.workers import Worker

_LEASES_MS = LEASE_MS + TAKEOVER_GRACE_MS + 5 * SECOND_MS
"""After so long (ms) without a run every permit is free, whoever died with it."""


class PermittedHistory(WorkedHistory):
    """As ``WorkedHistory``, with a limit of one to four runs at once, which never changes."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.limit = self.hands.choice([1, 1, 2, 4])
        self.over: list[str] = []

    def admission(self, worker: Worker, executions: Executions, queue: Queue) -> AdmissionControl:
        """What a worker asks before it claims: its stores lag, fail and are its last step, as all others."""
        stack, plain = self.stack, an_admission(worker.clock, self.stack.telemetry)
        grants = PermitGrants(
            worker.stepped(self.stall.of(MemoryPermits(stack.world))),
            worker.stepped(self.stall.of(MemoryPermitLines(stack.world))),
            executions,
            queue,
            worker.clock,
            stack.entropy,
            stack.telemetry,
        )
        return replace(plain, limiter=ConcurrencyLimiter(grants, {TENANT: self.limit}))

    def _run(self, duration_ms: int) -> None:
        super()._run(duration_ms)
        self._count()

    def _held(self) -> list[Permit]:
        """The permits that are taken now, by lease and record."""
        world, now = self.stack.world, self.stack.clock.now_ms()
        return [
            permit
            for permit in world.permits.values()
            if not permit.is_free(now) and not is_void(permit, world.executions.get((TENANT, permit.execution)))
        ]

    def _count(self) -> None:
        """Notes when more permits are held, by lease and record, than there may be."""
        world, now = self.stack.world, self.stack.clock.now_ms()
        held = self._held()
        running = [
            record
            for record in world.executions.values()
            if record.holder and not is_end(record.state) and record.lease_until_ms > now + 2 * SECOND_MS
        ]
        if len(held) > self.limit or len(running) > self.limit:
            self.over.append(f"at {now}: {len(held)} permits are held and {len(running)} run, of {self.limit}")

    def violations(self) -> list[str]:
        """Every broken promise, in words."""
        self._run(_LEASES_MS)
        kept = [f"permit {permit.number} is held by {permit.holder} for ever" for permit in self._held()]
        waiting = [
            f"{entry.execution} waits in line for ever"
            for line in self.stack.world.lines.values()
            for entry in line.values()
        ]
        return [*super().violations(), *self.over, *kept, *waiting]
