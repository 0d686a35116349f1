"""Processes on virtual time: each step may be its last, or be held up for long, and each has a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

from tests.simulation.cooperative import CooperativeThread, Killed
from tests.support.fleet import Skewed
from tidewheel.domain.limits import SECOND_MS, SKEW_MS
from tidewheel.engine.worker.lease_renewer import TICK_MS
from tidewheel.ports import PortError

if TYPE_CHECKING:
    from tests.simulation.workers import Workers

CALL_BOUND_MS = 9 * SECOND_MS
"""No call of a store lasts longer, so no lag before or after it is longer than half of that."""
_USUAL_LAG_MS = 40


class CooperativeClock(Skewed):
    """A process's clock: off by its skew; who sleeps lets the others go on."""

    def __init__(self, process: Process, ahead_ms: int) -> None:
        super().__init__(process.workers.stack.clock, ahead_ms)
        self._process = process

    def sleep_until(self, instant_ms: int) -> None:
        if instant_ms > self.now_ms():
            self._process.wait_until(self.true_of(instant_ms))

    def sleep(self, duration_ms: int) -> None:
        self.sleep_until(self.now_ms() + duration_ms)


class Stepped:
    """A store as a process reaches it: each call may lag, fail, or be the process's last step, before or after."""

    def __init__(self, store: object, worker: Process) -> None:
        self._store, self._worker = store, worker

    def __getattr__(self, name: str):
        operation, worker = getattr(self._store, name), self._worker
        faults, rate = worker.workers.faults, worker.workers.rate

        def call(*args: Any, **kwargs: Any) -> Any:
            worker.step()
            if worker.cut_until_ms > worker.workers.now_ms:
                raise PortError(name, "-", "nobody answers")
            if faults.strikes("store failed a worker", rate):
                worker.troubled_ms = max(worker.troubled_ms, worker.workers.now_ms)
                raise PortError(name, "-", "refused")
            result = operation(*args, **kwargs)
            worker.step()
            if faults.strikes("applied, then failed a worker", rate):
                worker.troubled_ms = max(worker.troubled_ms, worker.workers.now_ms)
                raise PortError(name, "-", "applied, then reported as failed")
            return result

        return call


class CooperativeExecutor(Executor):
    """Runs each background call on a thread of its own."""

    def __init__(self, worker: Process) -> None:
        self._worker = worker

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._worker.spawn(lambda: fn(*args, **kwargs))
        return Future()


class Process:
    """A process on virtual time: it may be killed, freeze or be held up at each of its steps, and its clock is off.

    Args:
        workers: What it lives beside; their chances are its own.
    """

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.dead = False
        self.frozen_until_ms = 0
        self.cut_until_ms = 0
        self.troubled_ms = 0
        self.threads: list[CooperativeThread] = []
        most = SKEW_MS // 2
        skew_ms = workers.chance.choice((-most, workers.chance.randrange(-most, most + 1), most))
        self.clock = CooperativeClock(self, skew_ms)

    def stepped(self, store: object) -> Any:
        """A store as this process reaches it."""
        return Stepped(store, self)

    def wait_until(self, true_ms: int) -> None:
        thread = self.workers.scheduler.current
        assert thread is not None
        thread.wait_until(true_ms)

    def step(self) -> None:
        """A point at which a process may die, freeze or be held up."""
        if self.dead:
            raise Killed
        faults, now = self.workers.faults, self.workers.now_ms
        if faults.strikes("worker killed at a step", self.workers.kills):
            self.kill()
            raise Killed
        if faults.strikes("worker froze at a step", self.workers.freezes):
            self.freeze(self.workers.chance.choice(self.workers.freezes_ms))
            self.wait_until(self.frozen_until_ms)
        elif faults.strikes("store lagged", self.workers.lags):
            lag_ms = self.workers.chance.randrange(_USUAL_LAG_MS, CALL_BOUND_MS // 2)
            self.troubled_ms = max(self.troubled_ms, now + lag_ms)
            self.wait_until(now + lag_ms)
        elif self.workers.chance.random() < 0.3:
            self.wait_until(now + self.workers.chance.randrange(1, _USUAL_LAG_MS))

    def freeze(self, duration_ms: int) -> None:
        more = self.workers.chance.randrange(2 * TICK_MS)  # whichever of its threads comes first
        self.frozen_until_ms = max(self.frozen_until_ms, self.workers.now_ms + duration_ms + more)

    def cut(self, duration_ms: int) -> None:
        """Nothing reaches its stores for a while."""
        self.cut_until_ms = max(self.cut_until_ms, self.workers.now_ms + duration_ms)
        self.troubled_ms = max(self.troubled_ms, self.cut_until_ms)

    def kill(self) -> None:
        self.dead = True

    def spawn(self, body: Callable[[], None]) -> None:
        thread = CooperativeThread(self.workers.scheduler, self, body)
        self.threads.append(thread)
        thread.begin(self.workers.now_ms)
