"""The faults of a history: stores that fail, lag, or report as failed what they applied; queues that take a part."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from tidewheel.adapters.memory import MemoryQueue, SettableClock
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.limits import WRITE_BOUND_MS
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.ports import PortError, Refused

SLOW_BUT_ALIVE = 0.9, 1_600
"""How often writes lag, and for how long (ms) at most: nearly all, but no heartbeat so long that its scheduler ends."""
_USUAL_LAG_MS = 60


@dataclass
class Faults:
    """Decides what goes wrong, and counts it.

    Args:
        rng: Chance.
        stormy: False once the faults are over.
        counts: How often each fault happened.
    """

    rng: random.Random
    stormy: bool = True
    counts: Counter[str] = field(default_factory=Counter)

    def strikes(self, fault: str, probability: float) -> bool:
        if self.stormy and self.rng.random() < probability:
            self.counts[fault] += 1
            return True
        return False


class PendingResult:
    """A future without locks, which the engine needs no more of: on virtual time there is one thread."""

    __slots__ = ("_answer", "_done", "_error")

    def __init__(self) -> None:
        self._done = False
        self._answer: object = None
        self._error: PortError | None = None

    def complete(self, work: Callable[[], object]) -> None:
        """Does the work, and keeps its result or its error."""
        try:
            self._answer = work()
        except PortError as error:
            self._error = error
        self._done = True

    def cancel(self) -> bool:
        """Whether it was kept from being done: never, as what is under way already may be done at any time."""
        return False

    def done(self) -> bool:
        return self._done

    def result(self) -> object:
        if self._error is not None:
            raise self._error
        return self._answer


class LaggingExecutor(Executor):
    """Runs work a little later in virtual time, even if whoever asked for it is dead by then."""

    def __init__(self, clock: SettableClock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self.slow = faults.rng.choice([(0.02, WRITE_BOUND_MS), (0.3, WRITE_BOUND_MS), SLOW_BUT_ALIVE])
        self._heap: list[tuple[int, int, PendingResult, Callable[[], object]]] = []
        self._order = itertools.count()

    def submit(self, work):
        pending = PendingResult()
        lag = int(self._faults.rng.random() * _USUAL_LAG_MS)
        often, longest = self.slow
        if self._faults.strikes("lag", often):
            lag = self._faults.rng.randrange(_USUAL_LAG_MS, longest)
        heapq.heappush(self._heap, (self._clock.now_ms() + lag, next(self._order), pending, work))
        return pending

    def processes_died(self) -> None:
        """All processes have died: about half of what they had submitted never reaches a store."""
        self._heap = [work for work in self._heap if not self._faults.strikes("died with its process", 0.5)]
        heapq.heapify(self._heap)

    def run_due(self) -> None:
        while self._heap and self._heap[0][0] <= self._clock.now_ms():
            _, _, pending, work = heapq.heappop(self._heap)
            pending.complete(work)


class FaultyStore:
    """A store whose calls fail, before they are applied or after."""

    def __init__(self, store: object, faults: Faults, rate: float) -> None:
        self._store, self._faults, self._rate = store, faults, rate

    def __getattr__(self, name: str):
        operation = getattr(self._store, name)

        def call(*args, **kwargs):
            if self._faults.strikes("failed", self._rate):
                raise PortError(name, "-", "refused")
            result = operation(*args, **kwargs)
            if self._faults.strikes("applied, then failed", self._rate):
                raise PortError(name, "-", "applied, then reported as failed")
            return result

        return call


class PartialQueue:
    """A queue that refuses some messages of a batch."""

    def __init__(self, queue: MemoryQueue, faults: Faults, rate: float) -> None:
        self._queue, self._faults, self._rate = queue, faults, rate

    def __getattr__(self, name: str):
        return getattr(self._queue, name)

    def send(self, route, dispatches, delays_s=()):
        taken = [not self._faults.strikes("partly refused", self._rate) for _ in dispatches]
        self._queue.send(route, [*itertools.compress(dispatches, taken)], [*itertools.compress(delays_s, taken)])
        return taken


class DoublingQueue:
    """A queue that delivers some messages twice, at once."""

    def __init__(self, queue: Any, faults: Faults, rate: float) -> None:
        self._queue, self._faults, self._rate = queue, faults, rate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def send(self, route, dispatches, delays_s=()):
        if self._faults.strikes("message doubled at once", self._rate):
            self._queue.send(route, dispatches, delays_s)
        return self._queue.send(route, dispatches, delays_s)


class RefusingQueue:
    """A queue that never takes some messages, for what they say, and at times lacks a whole route.

    It answers as SQS does: a message among others is only not accepted; by itself it is refused.

    Args:
        queue: What takes the others.
        faults: Counts.
        never: Whether a message is never taken.
        lacks: Whether a route is missing at present.
    """

    def __init__(
        self, queue: Any, faults: Faults, never: Callable[[Dispatch], bool], lacks: Callable[[Route], bool]
    ) -> None:
        self._queue, self._faults, self._never, self._lacks = queue, faults, never, lacks

    def send(self, route, dispatches, delays_s=()):
        if self._lacks(route):
            self._faults.counts["route missing"] += 1
            raise Refused("queue.send", str(route), "no such queue", mendable=True)
        fit = [not self._never(dispatch) for dispatch in dispatches]
        self._faults.counts["refused for good"] += fit.count(False)
        if fit == [False]:
            raise Refused("queue.send", str(route), "invalid", mendable=False)
        taken = (
            self._queue.send(route, [*itertools.compress(dispatches, fit)], [*itertools.compress(delays_s, fit)])
            if any(fit)
            else []
        )
        answers = iter(taken)
        return [good and next(answers) for good in fit]

    def __getattr__(self, name: str):
        return getattr(self._queue, name)


@dataclass(frozen=True)
class StaleLayouts:
    """The shard layout as an API knows it that read it long ago, or whose clock is behind."""

    layouts: LayoutCache
    clock: SettableClock

    def shard_of(self, tenant: str, job: str) -> int:
        return self.layouts.now().shard_of(tenant, job, self.clock.now_ms())


class HeldUpClock(SettableClock):
    """The clock of a process that is held up at one of its steps: behind the true time until then, and then by skew."""

    def __init__(self, clock: SettableClock, held_ms: int, skew_ms: int = 0) -> None:
        super().__init__(clock.now_ms() - held_ms - skew_ms)
        self._clock, self._skew_ms = clock, skew_ms

    def goes_on(self) -> None:
        """The hold-up is over."""
        self._now_ms = self._clock.now_ms() - self._skew_ms


_WRITES = frozenset({"create", "replace", "enqueue", "requeue", "put"})


@dataclass
class HoldUp:
    """When a process is held up: before its n-th call of a store is sent, or while that is under way.

    Its first write to the wheel is the last chance, since whatever it believes about the time is true after that.

    Args:
        clock: The process's.
        step: At which of its calls, from 0 on.
        under_way: Whether that call was sent already; it is applied when the process goes on.
    """

    clock: HeldUpClock
    step: int
    under_way: bool
    _calls: int = 0
    _over: bool = False

    def of(self, store: object) -> HeldUpStore:
        """A store as the process reaches it."""
        return HeldUpStore(store, self)

    def begins(self, operation: str) -> bool:
        """Whether the call that begins now is the one."""
        self._calls += 1
        held = not self._over and (self._calls > self.step or operation in _WRITES)
        self._over = self._over or held
        return held


class HeldUpStore:
    """A store whose calls take effect at the true time, whatever the process believes that it is."""

    def __init__(self, store: object, hold_up: HoldUp) -> None:
        self._store, self._hold_up = store, hold_up

    def __getattr__(self, name: str):
        operation, hold_up = getattr(self._store, name), self._hold_up

        def call(*args, **kwargs):
            held = hold_up.begins(name)
            if held and not hold_up.under_way:
                hold_up.clock.goes_on()
            try:
                return operation(*args, **kwargs)
            finally:
                if held:
                    hold_up.clock.goes_on()

        return call
