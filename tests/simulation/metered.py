"""Histories of workers whose tenant has a quota: killed, frozen and cut off at any step, also in a lease of tokens."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.worked import HELD_UP_MS, WorkedHistory, WorkedPromises
from tests.simulation.workers import Worker
from tests.support.calls import a_quota, an_admission
from tests.support.memory_stack import TENANT
from tidewheel.adapters.memory import MemoryCounters
from tidewheel.domain.executions.states import State
from tidewheel.domain.quotas.limit import Limit, window_at
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.ports import Executions, Queue

DAY = Limit.EXECUTIONS_PER_DAY


class Metered(WorkedHistory):
    """Three workers and a quota for the day, which is used up sooner or later; one history lies within one day."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.limit = self.hands.choice([0, 3, 12, 12, 40])
        self.workers.size = 3

    def admission(self, worker: Worker, _executions: Executions, _queue: Queue) -> AdmissionControl:
        """Its counters lag, fail, and lose answers, and each call may be its last step."""
        counters = worker.stepped(MemoryCounters(self.stack.world))
        quota = a_quota(worker.clock, self.stack.tenants, counters, {"default": {DAY: self.limit}})
        return an_admission(worker.clock, self.stack.telemetry, quota=quota)

    @property
    def leased(self) -> int:
        """How many tokens all workers have leased."""
        return self.stack.world.counted.get((TENANT, window_at(DAY, self.start_ms)), 0)

    @property
    def ran(self) -> int:
        """How many executions were ever claimed."""
        return sum(record.attempt > 0 for record in self.stack.world.executions.values())

    @property
    def blocked(self) -> int:
        """How many ended over the quota."""
        return sum(record.state is State.BLOCKED for record in self.stack.world.executions.values())

    def promises(self) -> MeteredPromises:
        """As for all workers, and the account of the quota."""
        return MeteredPromises(self, HELD_UP_MS)


class MeteredPromises(WorkedPromises):
    """What must hold besides: the account of the quota is exact."""

    history: Metered

    def broken(self) -> list[str]:
        own: list[Callable[[], list[str]]] = [self._beyond, self._blocked_in_vain, self._blocked_and_called]
        return [*super().broken(), *(fault for promise in own for fault in promise())]

    def _beyond(self) -> list[str]:
        """No more executions ran than tokens were leased, and no more of those than the limit."""
        history = self.history
        if history.ran <= history.leased <= history.limit:
            return []
        return [f"{history.ran} ran by {history.leased} tokens of {history.limit}"]

    def _blocked_in_vain(self) -> list[str]:
        """Something is blocked only once every token was leased."""
        history = self.history
        if not history.blocked or history.leased == history.limit:
            return []
        return [f"{history.blocked} were blocked at {history.leased} of {history.limit}"]

    def _blocked_and_called(self) -> list[str]:
        """What is blocked was never called, says so with its reason, and is not tried again."""
        visits, expected = self.history.workers.witness.visits, f"quota: {DAY}, {self.history.limit}"
        return [
            f"{record.id}: blocked as {record.reason!r}, attempt {record.attempt}, {len(visits[record.id])} calls"
            for record in self.history.stack.world.executions.values()
            if record.state is State.BLOCKED
            and (visits[record.id] or record.attempt or not record.reason.startswith(expected))
        ]
