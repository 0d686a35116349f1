"""Executions and ledger rows in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from tidewheel.adapters.memory.world import World
from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.ids import ExecutionId
from tidewheel.ports import ExecutionKey, Page


class MemoryExecutions:
    """``ports.Executions`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str, id: str) -> Execution | None:
        """See ``ports.Executions``."""
        return self._world.executions.get((tenant, id))

    def present(self, wanted: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        """See ``ports.Executions``."""
        return self._world.executions.keys() & set(wanted)

    def several(self, wanted: Iterable[ExecutionKey]) -> Mapping[ExecutionKey, Execution]:
        """See ``ports.Executions``."""
        return {key: self._world.executions[key] for key in wanted if key in self._world.executions}

    def swap(self, new: Execution, expected: int | None) -> Execution | None:
        """See ``ports.Executions``."""
        return self._world.swap(self._world.executions, (new.tenant, new.id), new, expected, "executions.swap")

    def nodes(self, tenant: str, run: str, count: int) -> Sequence[Execution]:
        """See ``ports.Executions``."""
        id = ExecutionId.parse(run)
        found = [self._world.executions.get((tenant, id.of_node(node))) for node in range(count)]
        return [record for record in found if record is not None]

    def account(self, row: Missed) -> None:
        """See ``ports.Executions``."""
        with self._world.lock:
            self._world.missed[row.tenant, row.id] = row

    def list(self, tenant: str, job: str, limit: int, before: str | None) -> Page[Execution | Missed]:
        """See ``ports.Executions``."""
        low, high = keys.execution_range(job)
        with self._world.lock:
            kept: dict[tuple[str, str], Execution | Missed] = {**self._world.executions, **self._world.missed}
            ids = sorted(
                (id for owner, id in kept if owner == tenant and low < id < (before or high) and "." not in id),
                reverse=True,
            )
            found = [kept[tenant, id] for id in ids[:limit]]
            return Page(found, ids[limit - 1] if len(ids) > limit else None)

    def heads(self, tenant: str, jobs: Mapping[str, str], limit: int) -> Mapping[str, Page[Execution | Missed]]:
        """See ``ports.Executions``."""
        return {job: self.list(tenant, job, limit, before) for job, before in jobs.items()}

    def dead(self, tenant: str, limit: int, before: str | None) -> Page[Execution]:
        """See ``ports.Executions``."""
        with self._world.lock:
            dead = {
                one.failure_key: one
                for one in self._world.executions.values()
                if one.tenant == tenant and one.failure_key
            }
        found = sorted((key for key in dead if key < (before or keys.LAST)), reverse=True)
        return Page([dead[key] for key in found[:limit]], found[limit - 1] if len(found) > limit else None)

    def overdue(self, part: int, until_ms: int, limit: int, after: str | None) -> Page[Execution]:
        """See ``ports.Executions``."""
        low, high = keys.waiting_range(until_ms, after)
        with self._world.lock:
            waiting = {
                key: one
                for one in self._world.executions.values()
                if (key := one.waiting_key) and low <= key < high and one.waiting_part == part
            }
        found = sorted(waiting)
        return Page([waiting[key] for key in found[:limit]], found[limit - 1] if len(found) > limit else None)

    def missed(self, tenant: str, job: str, from_ms: int, until_ms: int) -> Sequence[Missed]:
        """See ``ports.Executions``."""
        with self._world.lock:
            rows = [row for row in self._world.missed.values() if (row.tenant, row.job) == (tenant, job)]
        held = [row for row in rows if row.until_ms >= from_ms and row.from_ms <= until_ms]
        return sorted(held, key=lambda row: (row.until_ms, row.from_ms))
