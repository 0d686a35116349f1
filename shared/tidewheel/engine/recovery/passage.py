"""What a run of the reconciler reads of wheel and queues: whether something that seems lost may be on its way."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidewheel.domain.executions.reconcile import done_until
from tidewheel.domain.fleet.route import Route, ladder
from tidewheel.domain.limits import RECONCILE_PATIENCE_MS
from tidewheel.domain.wheel.entries import Entry
from tidewheel.domain.wheel.levels import late
from tidewheel.domain.wheel.span import SINGLES
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.slot_reader import whole
from tidewheel.ports import PermitLines, Queue, Refused, ShardOwnership, Telemetry, Wheel


@dataclass(slots=True)
class Passage:
    """Reads each thing once: what a run looks for was due long before, so its fate is visible at the run's beginning.

    Every method raises ``PortError`` when a store or queue fails.

    Args:
        wheel: The late slots.
        ownership: The cursors of the shards.
        queue: Tells whether a route has a backlog.
        layouts: Finds a job's shards: several for a while after their number has changed.
        telemetry: Logs which queue could not be counted.
        lines: Tells which tenants have executions that wait for a permit.
    """

    wheel: Wheel
    ownership: ShardOwnership
    queue: Queue
    layouts: LayoutCache
    telemetry: Telemetry
    lines: PermitLines
    _done_until: dict[int, int] = field(default_factory=dict)
    _late: dict[int, list[Entry]] = field(default_factory=dict)
    _waiting: dict[Route, int] = field(default_factory=dict)
    _tenants_in_line: frozenset[str] | None = None

    def _shards(self, tenant: str, job: str) -> frozenset[int]:
        return self.layouts.now().shards_of(tenant, job)

    def done_until(self, tenant: str, job: str) -> int:
        """The due time (ms since the epoch) before which all of a job's entries were dispatched."""
        shards = self._shards(tenant, job)
        for shard in shards - self._done_until.keys():
            self._done_until[shard] = done_until(self.ownership.holding(shard))
        return min(self._done_until[shard] for shard in shards)

    def late_entries(self, tenant: str, job: str) -> list[Entry]:
        """The entries of a job in late slots, which no cursor shows."""
        shards = self._shards(tenant, job)
        for shard in shards - self._late.keys():
            self._late[shard] = list(whole(self.wheel, late(shard), SINGLES).singles.values())
        entries = [entry for shard in shards for entry in self._late[shard]]
        return [entry for entry in entries if (entry.tenant, entry.job) == (tenant, job)]

    def may_be_queued(self, route: Route, due_ms: int, now_ms: int) -> bool:
        """Whether a message that was due at a time (both ms since the epoch) may wait in a queue with a backlog."""
        routes = ladder(route)
        for each in set(routes) - self._waiting.keys():
            self._waiting[each] = self._waiting_on(each)
        return any(self._waiting[each] for each in routes) and due_ms > now_ms - RECONCILE_PATIENCE_MS

    def may_be_in_line(self, tenant: str) -> bool:
        """Whether executions of a tenant wait for a permit: these need no record."""
        if self._tenants_in_line is None:
            self._tenants_in_line = frozenset(each.tenant for each in self.lines.announced())
        return tenant in self._tenants_in_line

    def _waiting_on(self, route: Route) -> int:
        """How many messages wait; of a queue that is gone, or may not be asked, as if there were one.

        One job of a pool that was removed must not hide all others.
        """
        try:
            return self.queue.waiting(route)
        except Refused as error:
            self.telemetry.info("a queue could not be counted", route=str(route), problem=str(error))
            return 1
