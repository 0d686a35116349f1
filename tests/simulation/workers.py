"""Worker processes on virtual time, with real runners and lease renewers: calls last, stores fail and lag, and each
worker may be killed or freeze at any step, and has a clock of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.simulation.cooperative import CooperativeScheduler
from tests.simulation.faults import Faults
from tests.simulation.processes import CooperativeExecutor, Process, Stepped
from tests.simulation.witness import Visit, Witness
from tests.support.memory_stack import MemoryStack
from tests.support.runners import a_runner
from tidewheel.adapters.memory import InlineExecutor, MemoryWheel
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.fleet.route import ROUTES
from tidewheel.domain.limits import LEASE_MS, STOP_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.wheel.shard_layout import Layout
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.lease_renewer import HIDDEN_MS, TICK_MS, LeaseRenewer
from tidewheel.ports import Call, PortError, Received
from tidewheel.wire.message import load

if TYPE_CHECKING:
    from tests.simulation.worked import WorkedHistory

CONCURRENCY = 16
_CUTS_MS = (5_000, LEASE_MS + TAKEOVER_GRACE_MS + 8_000)
_FREEZES_MS = (1_500, 8_000, 20_000, LEASE_MS, LEASE_MS + TAKEOVER_GRACE_MS + 3_000, 80_000)


class Sending:
    """The clock by which a worker's adapter sees whether it may still send a write; after that it may be held up."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def now_ms(self) -> int:
        now_ms = self._worker.clock.now_ms()
        self._worker.step()
        return now_ms


class LaggingLayouts:
    """The shard layout, whose reads may take long: they lie between a decision and the write that follows from it."""

    def __init__(self, store: Stepped, worker: Worker) -> None:
        self._store, self._worker = store, worker

    def layout(self) -> Layout | None:
        workers = self._worker.workers
        found = self._store.layout()
        if workers.faults.strikes("layout read lagged", workers.slow_layouts):
            self._worker.wait_until(workers.now_ms + workers.chance.randrange(5_000, 25_000))
        return found

    def establish(self, layout: Layout) -> Layout:
        return self._store.establish(layout)


class Worker(Process):
    """A process that takes messages, until it is drained or killed."""

    def __init__(self, workers: Workers, number: int) -> None:
        super().__init__(workers)
        self.number = number
        self.draining = False
        clock = self.clock
        self.stack = stack = workers.stack
        executions = Stepped(workers.witness.watch(stack.executions), self)
        self.queue = queue = Stepped(stack.queue, self)
        wheel = Stepped(workers.history.stall.of(MemoryWheel(stack.world, Sending(self))), self)
        layouts = LayoutCache(LaggingLayouts(Stepped(stack.control, self), self), clock, stack.shards)
        self.lease_renewer = LeaseRenewer(
            executions, queue, stack.logs, clock, stack.telemetry, CooperativeExecutor(self)
        )
        runner = a_runner(
            Stepped(stack.jobs, self),
            executions,
            wheel,
            queue,
            {"http": workers.history.target(self)},
            clock,
            stack.entropy,
            stack.telemetry,
            layouts,
            Stepped(workers.history.plain_locks, self),
            self.lease_renewer,
            workers.history.admission(self, executions, queue),  # type: ignore[arg-type]
            stack.pace,
            versions=stack.workflows.versions(),
        )
        self.consumer = Consumer(runner, queue, stack.telemetry, load, InlineExecutor())
        self.busy = 0

    # --- its work -----------------------------------------------------------------------------------------

    def beat(self) -> None:
        """What its loops do four times a second: renew leases, and take messages while there is room."""
        if self.dead or self.frozen_until_ms > self.workers.now_ms:
            return
        self.lease_renewer.tick()
        if self.draining:
            self.dead = self.busy == 0
            return
        for route in self.stack.queue.visible():
            room = CONCURRENCY - self.busy
            for message in self.stack.queue.receive(route, room, HIDDEN_MS) if room > 0 else ():
                self.busy += 1
                self.spawn(lambda message=message: self._work(message))

    def _work(self, message: Received) -> None:
        try:
            if not self.consumer.handle([message]):
                self._delete(message)
        finally:
            self.busy -= 1

    def _delete(self, message: Received) -> None:
        try:
            self.queue.delete(message.route, [message.receipt])
        except PortError:
            return  # it comes back, and finds its execution ended

    def drain(self) -> None:
        self.draining = True
        self.lease_renewer.drain()


@dataclass
class Plan:
    """What a target does in one call: how long, whether it gives signs of life, how it ends."""

    duration_ms: int
    answer: Answer
    silent: bool
    every_ms: int
    reacts_ms: int


class Target:
    """A target whose calls last, beat, keep checkpoints, and end when they are told to; its receiver stores effects
    under the idempotency key."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def call(self, call: Call) -> Answer:
        worker, workers = self._worker, self._worker.workers
        plan = workers.plan()
        started_ms = workers.now_ms
        visit = workers.witness.enter(call, worker)
        workers.stack.caller.calls.append((worker.clock.now_ms(), replace(call, progress=None)))
        thread = workers.scheduler.current
        call.progress.on_stop(lambda: thread.wake_at(workers.now_ms + plan.reacts_ms))
        try:
            stop = self._go_on(call, plan, started_ms, visit)
        finally:
            workers.witness.leave(visit, worker)
        if stop is not None:
            return Answer(Result.FAILED, reason="ended")
        if plan.duration_ms >= call.timeout_ms:
            return Answer(Result.TIMED_OUT, reason="no answer")
        if plan.answer.result is Result.SUCCEEDED:
            visit.succeeded = True
            workers.witness.effect(call)
        return plan.answer

    def _go_on(self, call: Call, plan: Plan, started_ms: int, visit: Visit) -> Stop | None:
        workers, worker = self._worker.workers, self._worker
        end_ms = started_ms + min(plan.duration_ms, call.timeout_ms)
        count = int(call.progress.restored or 0)
        while workers.now_ms < end_ms:
            if call.progress.stopping is None:
                worker.wait_until(min(end_ms, workers.now_ms + plan.every_ms))
            else:
                worker.wait_until(workers.now_ms + plan.reacts_ms)
            if call.progress.stopping is not None:
                return call.progress.stopping
            if not plan.silent and workers.now_ms < end_ms:
                count += 1
                call.progress.checkpoint(str(count))
                visit.kept, visit.beat_ms = count, workers.now_ms
        return None


@dataclass
class Workers:
    """The workers of a deployment.

    Args:
        history: What they are part of.
        size: How many there are to be.
        kills: How often one is killed at a step.
        freezes: How often one freezes at a step.
        lags: How often a call of a store lags.
        rate: How often one fails.
        cuts: How often, between two looks, one is cut off from its stores.
        chills: How often one freezes as a whole.
        ends: How often one is killed, and how often drained.
        short: How many of the calls are short.
        doubles: How often, between two looks, a message is delivered twice.
        slow_layouts: How often a read of the shard layout lags.
        failing: How often a target fails.
        freezes_ms: For how long (ms) one may freeze.
    """

    history: WorkedHistory
    size: int
    kills: float
    freezes: float
    lags: float
    rate: float
    cuts: float = 0.05
    chills: float = 0.05
    ends: float = 0.05
    short: float = 0.6
    doubles: float = 0.05
    slow_layouts: float = 0.3
    failing: float = 0.15
    freezes_ms: Sequence[int] = _FREEZES_MS
    scheduler: CooperativeScheduler = field(default_factory=CooperativeScheduler)
    workers: list[Worker] = field(default_factory=list)
    _count: int = 0
    _doubled: set[str] = field(default_factory=set)
    _beat_ms: int = 0

    def __post_init__(self) -> None:
        self.stack: MemoryStack = self.history.stack
        self.faults: Faults = self.history.faults
        self.chance = self.history.hands
        self.witness = Witness(self)

    @property
    def now_ms(self) -> int:
        return self.stack.clock.now_ms()

    def plan(self) -> Plan:
        """What the target of a call does."""
        chance, stormy = self.chance, self.faults.stormy
        kind = chance.random()
        longest = 1_500 if kind < self.short or not stormy else 15_000 if kind < (1 + self.short) / 2 else 100_000
        answer = Answer(Result.SUCCEEDED, 200, "ok")
        if self.faults.strikes("target failed", self.failing):
            answer = Answer(Result.FAILED, 500, "", "HTTP 500")
        elif self.faults.strikes("target refused", 0.03):
            answer = Answer(Result.FAILED, 404, "", "HTTP 404", retryable=False)
        return Plan(
            chance.randrange(1, longest),
            answer,
            self.faults.strikes("target fell silent", 0.1),
            chance.choice((700, 2_500)),
            chance.randrange(0, STOP_MS),
        )

    # --- time ---------------------------------------------------------------------------------------------

    def next_ms(self) -> int:
        return min(self.scheduler.next_ms(), self._beat_ms)

    def run_next(self) -> None:
        """What happens next; the clock shows its time."""
        if self._beat_ms <= self.scheduler.next_ms():
            self._beat_ms = self.now_ms + TICK_MS
            for worker in self.workers:
                worker.beat()
            self._give_up()
            return
        self.scheduler.run_next()

    def _give_up(self) -> None:
        for worker in [worker for worker in self.workers if worker.dead]:
            self.workers.remove(worker)
            for thread in worker.threads:
                thread.resume()

    def fill(self) -> None:
        """Replaces those that are gone, or are going."""
        while sum(not worker.draining for worker in self.workers) < self.size:
            self._count += 1
            self.workers.append(Worker(self, self._count))

    def strike(self) -> None:
        """What befalls whole processes between two looks."""
        for worker in list(self.workers):
            if self.faults.strikes("worker killed", self.ends):
                worker.kill()
            elif self.faults.strikes("worker froze", self.chills):
                worker.freeze(self.chance.choice(self.freezes_ms))
            elif self.faults.strikes("worker cut off", self.cuts):
                worker.cut(self.chance.choice(_CUTS_MS))
            elif self.faults.strikes("worker drained", self.ends):
                worker.drain()
        self._double()

    def _double(self) -> None:
        """The queue delivers messages twice: somebody else gets them as well."""
        for route in ROUTES:
            for message in list(self.stack.queue._messages.get(route, {}).values()):
                if message.body not in self._doubled and self.faults.strikes("message doubled", self.doubles):
                    self._doubled.add(message.body)
                    self.stack.queue.send(route, [message.dispatch])

    @property
    def idle(self) -> bool:
        return not any(worker.busy for worker in self.workers)

    def end(self) -> None:
        """Every process ends, so that no thread outlives its history."""
        for worker in self.workers:
            worker.kill()
        self._give_up()
