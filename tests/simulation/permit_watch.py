"""Sees every permit that is taken, every entry in line and every claim, and records at once what must never happen.

What counts as free, and who as waiting, is judged by rules of its own here, so that a mutant of the engine's changes
nothing of what is promised.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulation.witness import THAW_MS, Visit, Witness
from tests.support.memory_stack import TENANT
from tidewheel.adapters.memory import MemoryPermitLines, MemoryPermits, World
from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.limits import (
    LEASE_MS,
    LINE_ANNOUNCE_MS,
    LINE_SPREAD_MS,
    SECOND_MS,
    SKEW_MS,
    TAKEOVER_GRACE_MS,
)
from tidewheel.domain.permits.line import LineEntry
from tidewheel.domain.permits.permit import Permit
from tidewheel.ports import Call

if TYPE_CHECKING:
    from tests.simulation.cooperative import CooperativeScheduler, CooperativeThread
    from tests.simulation.workers import Worker

IDLE_MS = 3 * SECOND_MS
"""For how long (ms) at most a permit is free while somebody waits for one."""
UNWOKEN_MS = 5 * SECOND_MS
"""For how long (ms) at most an entry stands that was given a permit: 1.5 s by the clock of whoever gave it, which the
guard's may differ from by ``SKEW_MS``, and the guard's next look."""
_SAMPLE_MS = 250
"""What a look every so often may see too late (ms)."""


def is_over(record: Execution | None, attempt: int, redriven_ms: int) -> bool:
    """Whether an attempt can be claimed no more: its execution has ended, gone on, or was redriven."""
    if record is None:
        return False
    again = (record.redriven_ms or 0) > redriven_ms
    return is_end(record.state) or again or record.attempt >= attempt


def is_used(permit: Permit, record: Execution | None, now_ms: int) -> bool:
    """Whether a claim runs under a permit, or may still be made with it."""
    if not permit.holder or permit.until_ms + TAKEOVER_GRACE_MS < now_ms:
        return False
    if record is None:
        return True
    if record.state is State.RUNNING and (record.permit or record.holder) == permit.token:
        return True
    if record.state is not State.RUNNING and record.permit == permit.token:
        return False
    return not is_over(record, permit.attempt, permit.redriven_ms)


@dataclass(frozen=True)
class _Look:
    """What a thread saw when it read the beginning of the line.

    Args:
        at_ms: When.
        waiting: The keys of those that waited then, and had no permit.
    """

    at_ms: int
    waiting: frozenset[str]


@dataclass
class PermitWatch:
    """What was seen of one tenant's permits and line, and what of it breaks a promise.

    Args:
        world: The stores.
        now_ms: The true time.
        scheduler: Whose thread it is that calls a store.
        limits: The limits that the workers know which live.
        calm_since_ms: Since when a scheduler has looked at lines undisturbed.
        unused_ms: For how long (ms) a permit may be held that nobody claims with; 0 where that may take a lease.
    """

    world: World
    now_ms: Callable[[], int]
    scheduler: CooperativeScheduler
    limits: Callable[[], Iterable[int]]
    calm_since_ms: Callable[[], int]
    broken: list[str] = field(default_factory=list)
    given: int = 0
    unused_ms: int = 0
    _looks: dict[CooperativeThread | None, list[_Look]] = field(default_factory=dict)
    _guards: dict[CooperativeThread | None, int] = field(default_factory=dict)
    _entries: dict[tuple[str, int, int], LineEntry] = field(default_factory=dict)
    _most: dict[str, int] = field(default_factory=dict)
    _joined_ms: dict[str, int] = field(default_factory=dict)
    _held_up: set[str] = field(default_factory=set)
    _idle: dict[tuple[int, str], int] = field(default_factory=dict)
    _unwoken: dict[tuple[str, str], int] = field(default_factory=dict)

    # --- what is so now -----------------------------------------------------------------------------------

    def record(self, execution: str) -> Execution | None:
        return self.world.executions.get((TENANT, execution))

    def used(self) -> list[Permit]:
        """The permits that are not free."""
        now = self.now_ms() - SKEW_MS // 2
        return [one for one in self.world.permits.values() if is_used(one, self.record(one.execution), now)]

    def line(self) -> list[LineEntry]:
        """Those in line that wait, in order."""
        line = self.world.lines[TENANT]
        return [
            entry
            for _, entry in sorted(line.items())
            if not is_over(self.record(entry.execution), entry.attempt, entry.redriven_ms)
        ]

    def _limits(self) -> list[int]:
        """The limits that any process knows which lives: a scheduler as it was when it began to look."""
        looks = [
            limit
            for thread, limit in self._guards.items()
            if limit and thread is not None and not thread.done and not thread.process.dead
        ]
        announced = self.world.announced.get(TENANT)
        return [*self.limits(), *looks, *([announced.limit] if announced else [])]

    def _waiting(self, used: Sequence[Permit]) -> list[LineEntry]:
        """Those in line that wait and have not been given a permit."""
        named = {(one.execution, one.attempt, one.redriven_ms) for one in used}
        return [one for one in self.line() if (one.execution, one.attempt, one.redriven_ms) not in named]

    # --- what happens -------------------------------------------------------------------------------------

    def looked(self) -> None:
        """The thread that runs has read the beginning of the line."""
        look = _Look(self.now_ms(), frozenset(entry.key for entry in self._waiting(self.used())))
        self._looks.setdefault(self.scheduler.current, []).append(look)

    def began(self) -> None:
        """The thread that runs is the guard's, and begins to look at all lines."""
        thread, announced = self.scheduler.current, self.world.announced.get(TENANT)
        self._looks[thread] = []
        self._guards[thread] = 0 if announced is None else announced.limit

    def read_permits(self) -> None:
        """The thread that runs has read all permits: the guard decides by them who has got one."""
        if self.scheduler.current in self._guards:
            self.looked()

    def joined(self, entry: LineEntry) -> None:
        """An entry was written; it may have stood there."""
        now = self.now_ms()
        self._joined_ms.setdefault(entry.key, now)
        self._entries[entry.execution, entry.attempt, entry.redriven_ms] = entry
        looks = self._looks.get(self.scheduler.current)
        if not looks or now - looks[-1].at_ms >= LINE_ANNOUNCE_MS:
            self._held_up.add(entry.key)
        else:
            self._held_up.discard(entry.key)

    def left(self, entry: LineEntry) -> None:
        """An entry may be removed."""
        if entry.key not in self.world.lines[entry.tenant]:
            self._joined_ms.pop(entry.key, None)

    def taken(self, permit: Permit) -> None:
        """A permit was written in somebody's name."""
        self.given += 1
        self._most.setdefault(permit.holder, max(self._limits()))
        entry = self._entries.get((permit.execution, permit.attempt, permit.redriven_ms))
        for other in self._passed_over():
            if other.execution != permit.execution and (entry is None or _goes_first(other, entry)):
                self._say(f"{permit.execution} got permit {permit.number}, and {other.execution} stood before it")

    def _passed_over(self) -> Iterator[LineEntry]:
        """Those that waited when whoever gives a permit looked, and wait still."""
        now, thread = self.now_ms(), self.scheduler.current
        looks, waiting = self._looks.get(thread, []), self._waiting(self.used())
        if looks and (now - looks[-1].at_ms <= LINE_SPREAD_MS or _was_held_up(thread, looks[-1].at_ms)):
            since = looks if thread in self._guards else looks[-1:]
            seen = frozenset.intersection(*(look.waiting for look in since))
            yield from (entry for entry in waiting if entry.key in seen)
        else:
            yield from (entry for entry in waiting if self._joined_ms.get(entry.key, now) < now - LINE_SPREAD_MS)

    def entered(self, visit: Visit, visits: Iterable[Visit]) -> None:
        """A call begins; the others are all that ever began."""
        record = self.record(visit.execution)
        assert record is not None
        given = self._most.get(keys.claim_name(record.id, record.permit or record.holder))
        most = 0 if given is None else max(given, *self._limits())
        others = [one for one in visits if one is not visit and one.ended_ms is None and not self._is_excused(one)]
        if len(others) >= most:
            self._say(f"{visit.execution} is called beside {[one.execution for one in others]}, of {most}")

    def _is_excused(self, visit: Visit) -> bool:
        """Whether a call goes on only because its worker is dead, or froze for longer than its lease."""
        if visit.worker.dead:
            return True
        record, now = self.record(visit.execution), self.now_ms()
        assert record is not None
        held = record.state is State.RUNNING and record.attempt == visit.attempt
        over = not held or record.lease_until_ms + TAKEOVER_GRACE_MS - SKEW_MS < now
        return over and visit.worker.frozen_until_ms + THAW_MS >= now

    # --- what lasts ---------------------------------------------------------------------------------------

    def sample(self) -> None:
        """Looks whether somebody waits for too long; to be called every 250 ms."""
        if not self.world.lines[TENANT]:
            self._idle.clear()
            self._unwoken.clear()
            return
        used, now = self.used(), self.now_ms()
        self._sample_idle(used, now)
        self._sample_unused(used, now)
        named = {(one.execution, one.attempt, one.redriven_ms): one for one in used}
        since = self._unwoken
        self._unwoken = {
            (entry.key, permit.token): since.get((entry.key, permit.token), now)
            for entry in self.line()
            if (permit := named.get((entry.execution, entry.attempt, entry.redriven_ms))) is not None
            and now < permit.until_ms - LEASE_MS // 3  # what is woken later has no use for it
        }
        for (key, token), since_ms in self._unwoken.items():
            if self._too_long(since_ms, now, UNWOKEN_MS):
                self._say(f"{key} was given a permit and was not woken ({token})")

    def _sample_idle(self, used: Sequence[Permit], now: int) -> None:
        announced, limit = self.world.announced.get(TENANT), min(self._limits())
        waiting = [one for one in self._waiting(used) if announced is not None or one.key not in self._held_up]
        numbers = {one.number for one in used}
        free = [number for number in range(limit) if number not in numbers] if len(used) < limit else []
        if not waiting or not free:
            self._idle.clear()
            return
        rows = self.world.permits
        names = [(number, rows[TENANT, number].holder if (TENANT, number) in rows else "") for number in free]
        self._idle = {name: self._idle.get(name, now) for name in names}
        for (number, _), since_ms in self._idle.items():
            if self._too_long(since_ms, now, IDLE_MS):
                self._say(f"permit {number} is free, and {waiting[0].execution} waits ({len(waiting)} in line)")

    def _sample_unused(self, used: Sequence[Permit], now: int) -> None:
        for permit in used if self.unused_ms else ():
            record = self.record(permit.execution)
            runs = record is not None and record.state is State.RUNNING
            if not runs and self._too_long(permit.since_ms, now, self.unused_ms + SKEW_MS):
                self._say(f"permit {permit.number} is held by {permit.holder}, which does not run")

    def _too_long(self, since_ms: int, now: int, most_ms: int) -> bool:
        late_ms = now - max(since_ms, self.calm_since_ms()) - most_ms - _SAMPLE_MS
        return 0 < late_ms <= _SAMPLE_MS  # said once

    def kept(self) -> list[str]:
        """What is left once everything has ended: a permit that is held, an entry that stands."""
        used, line = self.used(), self.world.lines[TENANT].values()
        return [f"permit {one.number} is held by {one.holder} for ever" for one in used] + [
            f"{entry.execution} waits in line for ever" for entry in line if self.record(entry.execution) is None
        ]

    def _say(self, what: str) -> None:
        self.broken.append(f"at {self.now_ms()}: {what}")


def _goes_first(other: LineEntry, entry: LineEntry) -> bool:
    return (other.rank, other.since_ms + LINE_SPREAD_MS * (other.rank == entry.rank)) < (entry.rank, entry.since_ms)


def _was_held_up(thread: CooperativeThread | None, since_ms: int) -> bool:
    """Whether the process of a thread was frozen, or waited for a store, since an instant."""
    process: Any = None if thread is None else thread.process
    return process is not None and max(process.frozen_until_ms, process.troubled_ms) >= since_ms


class WatchedPermits(MemoryPermits):
    """The store of permits, seen."""

    def __init__(self, watch: PermitWatch) -> None:
        super().__init__(watch.world)
        self._watch = watch

    def all(self, tenant: str, first: int = 0) -> Sequence[Permit]:
        self._watch.read_permits()
        return super().all(tenant, first)

    def take(self, permit: Permit, now_ms: int, replaced: str = "") -> bool:
        taken = super().take(permit, now_ms, replaced)
        if taken:
            self._watch.taken(permit)
        return taken


class WatchedLines(MemoryPermitLines):
    """The lines, seen."""

    def __init__(self, watch: PermitWatch) -> None:
        super().__init__(watch.world)
        self._watch = watch

    def head(self, tenant: str, limit: int) -> Sequence[LineEntry]:
        self._watch.looked()
        return super().head(tenant, limit)

    def join(self, entry: LineEntry) -> None:
        super().join(entry)
        self._watch.joined(entry)

    def leave(self, entry: LineEntry) -> None:
        super().leave(entry)
        self._watch.left(entry)

    def announced(self) -> Any:
        self._watch.began()
        return super().announced()


class PermitWitness(Witness):
    """A witness that tells the watch of each call as well."""

    permits: PermitWatch

    def enter(self, call: Call, worker: Worker) -> Visit:
        visit = super().enter(call, worker)
        self.permits.entered(visit, itertools.chain.from_iterable(self.visits.values()))
        return visit
