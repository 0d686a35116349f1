"""Jobs, executions and wheel in memory. One lock makes what the ports call "at once" at once."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.fleet.permit import Permit
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.limits import LOADED_AT_ONCE, QUARANTINE_CHARS, REASON_CHARS
from tidewheel.domain.wheel.entries import Entry, Placed, encode
from tidewheel.domain.wheel.levels import Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.wheel.span import EVERYTHING, Span
from tidewheel.ports import ExecutionKey, Fenced, JobKey, Page

V = TypeVar("V", Execution, Lock, Circuit)


@dataclass(slots=True)
class World:
    """What the three stores share."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    jobs: dict[JobKey, Job] = field(default_factory=dict)
    generations: dict[JobKey, dict[int, Generation]] = field(default_factory=dict)
    idempotency: dict[tuple[str, str, str], str] = field(default_factory=dict)
    executions: dict[tuple[str, str], Execution] = field(default_factory=dict)
    missed: dict[tuple[str, str], Missed] = field(default_factory=dict)
    locks: dict[JobKey, Lock] = field(default_factory=dict)
    circuits: dict[tuple[str, str], Circuit] = field(default_factory=dict)
    permits: dict[tuple[str, int], Permit] = field(default_factory=dict)
    singles: defaultdict[Slot, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    packs: defaultdict[Slot, dict[str, tuple[str, ...]]] = field(default_factory=lambda: defaultdict(dict))
    quarantine: dict[tuple[str, str], Quarantined] = field(default_factory=dict)

    def place(self, placed: Placed | None) -> None:
        """Puts a single where it belongs."""
        if placed is not None:
            self.singles[placed.slot][placed.key] = encode(placed.entry)

    def swap(
        self, rows: dict[tuple[str, str], V], key: tuple[str, str], new: V, expected: int | None, operation: str
    ) -> V | None:
        """Puts a row in the place of the version that is expected (None: of none), as the ports' ``swap`` do.

        Returns:
            None if it is there now, else the row that stands in the way.
        """
        with self.lock:
            standing = rows.get(key)
            if standing == new:
                return None
            if standing is None and expected is not None:
                raise Fenced(operation, key[1], "the row is gone")
            if standing is not None and standing.version != expected:
                return standing
            rows[key] = new
        return None


class MemoryJobs:
    """``ports.Jobs`` in memory. Plain reads are as fresh as consistent ones."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create(self, job: Job, placed: Placed | None, queued: Execution | None) -> bool:
        """See ``ports.Jobs``."""
        world, key = self._world, (job.tenant, job.id)
        with world.lock:
            if key in world.generations:
                return False
            self._write(job)
            world.place(placed)
            if queued is not None:
                world.executions[queued.tenant, queued.id] = queued
        return True

    def _write(self, job: Job) -> None:
        key = (job.tenant, job.id)
        self._world.jobs[key] = job
        self._world.generations.setdefault(key, {})[job.generation] = Generation.of(job)

    def replace(self, job: Job, expected: int, placed: Placed | None) -> bool:
        """See ``ports.Jobs``."""
        with self._world.lock:
            if not self._stands(job, expected):
                return False
            self._write(job)
            self._world.place(placed)
        return True

    def delete(self, job: Job, expected: int, last: Generation) -> bool:
        """See ``ports.Jobs``."""
        key = (job.tenant, job.id)
        with self._world.lock:
            if not self._stands(job, expected):
                return False
            del self._world.jobs[key]
            self._world.generations[key][last.number] = last
        return True

    def _stands(self, job: Job, expected: int) -> bool:
        stored = self._world.jobs.get((job.tenant, job.id))
        return stored is not None and stored.generation == expected

    def enqueue(self, placed: Placed, queued: Execution, key: str) -> str | None:
        """See ``ports.Jobs``."""
        with self._world.lock:
            slot = (queued.tenant, queued.job, key)
            if key and slot in self._world.idempotency:
                return self._world.idempotency[slot]
            if key:
                self._world.idempotency[slot] = queued.id
            self._world.executions[queued.tenant, queued.id] = queued
            self._world.place(placed)
        return None

    def requeue(self, placed: Placed, queued: Execution) -> bool:
        """See ``ports.Jobs``."""
        with self._world.lock:
            standing = self._world.executions.get((queued.tenant, queued.id))
            if standing is None or standing.version != queued.version - 1:
                return False
            self._world.executions[queued.tenant, queued.id] = queued
            self._world.place(placed)
        return True

    def get(self, tenant: str, id: str, *, consistent: bool = False) -> Job | None:  # noqa: ARG002 - always is
        """See ``ports.Jobs``."""
        return self._world.jobs.get((tenant, id))

    def batch(self, keys: Iterable[JobKey]) -> Mapping[JobKey, Job | Unreadable]:
        """See ``ports.Jobs``."""
        return {key: self._world.jobs[key] for key in keys if key in self._world.jobs}

    def generations(self, tenant: str, id: str, first: int) -> Mapping[int, Generation]:
        """See ``ports.Jobs``."""
        with self._world.lock:
            rows = self._world.generations.get((tenant, id), {})
            return {number: row for number, row in sorted(rows.items()) if number >= first}

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Job]:
        """See ``ports.Jobs``."""
        with self._world.lock:
            ids = sorted(id for owner, id in self._world.jobs if owner == tenant and id > (after or ""))
            return Page(
                [self._world.jobs[tenant, id] for id in ids[:limit]], ids[limit - 1] if len(ids) > limit else None
            )

    def sweep(self, after: str | None, limit: int) -> Page[Job]:
        """See ``ports.Jobs``."""
        with self._world.lock:
            keys = sorted(key for key in self._world.jobs if "/".join(key) > (after or ""))
            found = [self._world.jobs[key] for key in keys[:limit]]
            return Page(found, "/".join(keys[limit - 1]) if len(keys) > limit else None)


class MemoryExecutions:
    """``ports.Executions`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str, id: str) -> Execution | None:
        """See ``ports.Executions``."""
        return self._world.executions.get((tenant, id))

    def present(self, keys: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        """See ``ports.Executions``."""
        return self._world.executions.keys() & set(keys)

    def swap(self, new: Execution, expected: int | None) -> Execution | None:
        """See ``ports.Executions``."""
        return self._world.swap(self._world.executions, (new.tenant, new.id), new, expected, "executions.swap")

    def account(self, row: Missed) -> None:
        """See ``ports.Executions``."""
        with self._world.lock:
            self._world.missed[row.tenant, row.id] = row

    def list(self, tenant: str, job: str, limit: int, before: str | None) -> Page[Execution | Missed]:
        """See ``ports.Executions``."""
        with self._world.lock:
            kept: dict[tuple[str, str], Execution | Missed] = {**self._world.executions, **self._world.missed}
            ids = sorted((id for owner, id in kept if owner == tenant and id.startswith(f"{job}-")), reverse=True)
            ids = [id for id in ids if before is None or id < before]
            found = [kept[tenant, id] for id in ids[:limit]]
            return Page(found, ids[limit - 1] if len(ids) > limit else None)

    def dead(self, tenant: str, limit: int, before: str | None) -> Page[Execution]:
        """See ``ports.Executions``."""
        with self._world.lock:
            dead = {
                one.failure_key: one
                for one in self._world.executions.values()
                if one.tenant == tenant and one.failure_key
            }
        keys = sorted((key for key in dead if before is None or key < before), reverse=True)
        return Page([dead[key] for key in keys[:limit]], keys[limit - 1] if len(keys) > limit else None)

    def missed(self, tenant: str, job: str, from_ms: int, until_ms: int) -> Sequence[Missed]:
        """See ``ports.Executions``."""
        with self._world.lock:
            rows = [row for row in self._world.missed.values() if (row.tenant, row.job) == (tenant, job)]
        held = [row for row in rows if row.until_ms >= from_ms and row.from_ms <= until_ms]
        return sorted(held, key=lambda row: (row.until_ms, row.from_ms))


class MemoryWheel:
    """``ports.Wheel`` in memory; entries are kept in their stored form, so that the codec is used."""

    def __init__(self, world: World) -> None:
        self._world = world

    def load(self, slot: Slot, span: Span = EVERYTHING) -> Load:
        """See ``ports.Wheel``."""
        after = span.first if span.after is None else span.after + "\0"
        with self._world.lock:
            items = {key: (text,) for key, text in self._world.singles[slot].items()} | self._world.packs[slot]
        keys = sorted(key for key in items if max(span.first, after) <= key <= span.last)
        page = keys[:LOADED_AT_ONCE]
        rest = replace(span, after=page[-1]) if len(keys) > len(page) else None
        return Load.of([(key, items[key]) for key in page], rest)

    def put(self, placed: Placed) -> None:
        """See ``ports.Wheel``."""
        with self._world.lock:
            self._world.place(placed)

    def put_pack(self, slot: Slot, key: str, entries: Sequence[Entry]) -> None:
        """See ``ports.Wheel``."""
        with self._world.lock:
            self._world.packs[slot][key] = tuple(encode(entry) for entry in entries)

    def remove(self, slot: Slot, keys: Sequence[str]) -> None:
        """See ``ports.Wheel``."""
        with self._world.lock:
            for key in keys:
                self._world.singles[slot].pop(key, None)

    def quarantine(self, item: Quarantined) -> None:
        """See ``ports.Wheel``."""
        kept = replace(item, text=item.text[:QUARANTINE_CHARS], problem=item.problem[:REASON_CHARS])
        with self._world.lock:
            self._world.quarantine[item.partition, item.id] = kept
