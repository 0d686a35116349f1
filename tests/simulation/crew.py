"""Worker processes on virtual time: real flows and keepers; calls that last; stores that fail and lag; any of them may
be killed or freeze at any step, and each has a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.simulation.strands import Killed, Loom, Strand
from tests.simulation.weather import Weather
from tests.simulation.witness import Visit, Witness
from tests.support.calls import an_admission
from tests.support.fleet import Skewed
from tests.support.memory_stack import MemoryStack
from tidewheel.adapters.memory import InlineExecutor
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.fleet.route import ROUTES
from tidewheel.domain.limits import LEASE_MS, SECOND_MS, SKEW_MS, STOP_MS, TAKEOVER_GRACE_MS
from tidewheel.engine.common.immediate_dispatch import Direct
from tidewheel.engine.worker.consumer import Batch
from tidewheel.engine.worker.lease_renewer import HIDDEN_MS, TICK_MS, Keeper
from tidewheel.engine.worker.runner import Run
from tidewheel.ports import Call, PortError, Received
from tidewheel.wire.message import load

if TYPE_CHECKING:
    from tests.simulation.worked import WorkedHistory

CONCURRENCY = 16
CALL_BOUND_MS = 9 * SECOND_MS
"""No call of a store lasts longer, so no lag before or after it is longer than half of that."""
_USUAL_LAG_MS = 40
_CUTS_MS = (5_000, LEASE_MS + TAKEOVER_GRACE_MS + 8_000)
_FREEZES_MS = (1_500, 8_000, LEASE_MS, LEASE_MS + TAKEOVER_GRACE_MS + 3_000, 80_000)


class StrandClock(Skewed):
    """A worker's clock: off by its skew; who sleeps lets the others go on."""

    def __init__(self, worker: Worker, ahead_ms: int) -> None:
        super().__init__(worker.crew.stack.clock, ahead_ms)
        self._worker = worker

    def sleep_until(self, instant_ms: int) -> None:
        if instant_ms > self.now_ms():
            self._worker.wait_until(self.true_of(instant_ms))

    def sleep(self, duration_ms: int) -> None:
        self.sleep_until(self.now_ms() + duration_ms)


class Stepped:
    """A store as a worker reaches it: each call may lag, fail, or be the worker's last step, before or after."""

    def __init__(self, store: object, worker: Worker) -> None:
        self._store, self._worker = store, worker

    def __getattr__(self, name: str):
        operation, worker = getattr(self._store, name), self._worker
        weather, rate = worker.crew.weather, worker.crew.rate

        def call(*args: Any, **kwargs: Any) -> Any:
            worker.step()
            if worker.cut_until_ms > worker.crew.now_ms:
                raise PortError(name, "-", "nobody answers")
            if weather.strikes("store failed a worker", rate):
                worker.troubled_ms = max(worker.troubled_ms, worker.crew.now_ms)
                raise PortError(name, "-", "refused")
            result = operation(*args, **kwargs)
            worker.step()
            if weather.strikes("applied, then failed a worker", rate):
                worker.troubled_ms = max(worker.troubled_ms, worker.crew.now_ms)
                raise PortError(name, "-", "applied, then reported as failed")
            return result

        return call


class StrandExecutor(Executor):
    """Runs each errand on a strand of its own."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._worker.spawn(lambda: fn(*args, **kwargs))
        return Future()


class Worker:
    """A process that takes messages, until it is drained or killed."""

    def __init__(self, crew: Crew, number: int) -> None:
        self.crew, self.number = crew, number
        self.dead = self.draining = False
        self.frozen_until_ms = 0
        self.cut_until_ms = 0
        self.troubled_ms = 0
        self.strands: list[Strand] = []
        self.stack = stack = crew.stack
        most = SKEW_MS // 2
        skew_ms = crew.chance.choice((-most, crew.chance.randrange(-most, most + 1), most))
        self.clock = clock = StrandClock(self, skew_ms)
        executions = Stepped(crew.witness.watch(stack.executions), self)
        self.queue = queue = Stepped(stack.queue, self)
        wheel = Stepped(stack.wheel, self)
        self.keeper = Keeper(executions, queue, stack.logs, clock, stack.telemetry, StrandExecutor(self))
        run = Run(
            Stepped(stack.jobs, self),
            executions,
            wheel,
            {"http": Target(self)},
            clock,
            stack.entropy,
            stack.telemetry,
            stack.layouts,
            Stepped(crew.history.plain_locks, self),
            self.keeper,
            an_admission(executions, clock, stack.telemetry),
            Direct(queue, wheel, clock, stack.telemetry, stack.pace),
        )
        self.batch = Batch(run, queue, stack.telemetry, load, InlineExecutor())
        self.busy = 0

    # --- its steps ----------------------------------------------------------------------------------------

    def wait_until(self, true_ms: int) -> None:
        strand = self.crew.loom.current
        assert strand is not None
        strand.wait_until(true_ms)

    def step(self) -> None:
        """A point at which a process may die, freeze or be held up."""
        if self.dead:
            raise Killed
        weather, now = self.crew.weather, self.crew.now_ms
        if weather.strikes("worker killed at a step", self.crew.kills):
            self.kill()
            raise Killed
        if weather.strikes("worker froze at a step", self.crew.freezes):
            self.freeze(self.crew.chance.choice(_FREEZES_MS))
            self.wait_until(self.frozen_until_ms)
        elif weather.strikes("store lagged", self.crew.lags):
            lag_ms = self.crew.chance.randrange(_USUAL_LAG_MS, CALL_BOUND_MS // 2)
            self.troubled_ms = max(self.troubled_ms, now + lag_ms)
            self.wait_until(now + lag_ms)
        elif self.crew.chance.random() < 0.3:
            self.wait_until(now + self.crew.chance.randrange(1, _USUAL_LAG_MS))

    def freeze(self, duration_ms: int) -> None:
        more = self.crew.chance.randrange(2 * TICK_MS)  # whichever of its threads comes first
        self.frozen_until_ms = max(self.frozen_until_ms, self.crew.now_ms + duration_ms + more)

    def cut(self, duration_ms: int) -> None:
        """Nothing reaches its stores for a while."""
        self.cut_until_ms = max(self.cut_until_ms, self.crew.now_ms + duration_ms)
        self.troubled_ms = max(self.troubled_ms, self.cut_until_ms)

    def kill(self) -> None:
        self.dead = True

    def spawn(self, body: Callable[[], None]) -> None:
        strand = Strand(self.crew.loom, self, body)
        self.strands.append(strand)
        strand.begin(self.crew.now_ms)

    # --- its work -----------------------------------------------------------------------------------------

    def beat(self) -> None:
        """What its loops do four times a second: the keeper ticks, and messages are taken while there is room."""
        if self.dead or self.frozen_until_ms > self.crew.now_ms:
            return
        self.keeper.tick()
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
            if not self.batch.handle([message]):
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
        self.keeper.drain()


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
        worker, crew = self._worker, self._worker.crew
        plan = crew.plan()
        begun_ms = crew.now_ms
        visit = crew.witness.enter(call, worker)
        crew.stack.caller.calls.append((worker.clock.now_ms(), replace(call, progress=None)))
        strand = crew.loom.current
        call.progress.on_stop(lambda: strand.wake_at(crew.now_ms + plan.reacts_ms))
        try:
            stop = self._go_on(call, plan, begun_ms, visit)
        finally:
            crew.witness.leave(visit, worker)
        if stop is not None:
            return Answer(Result.FAILED, reason="ended")
        if plan.duration_ms >= call.timeout_ms:
            return Answer(Result.TIMED_OUT, reason="no answer")
        if plan.answer.result is Result.SUCCEEDED:
            crew.witness.effect(call)
        return plan.answer

    def _go_on(self, call: Call, plan: Plan, begun_ms: int, visit: Visit) -> Stop | None:
        crew, worker = self._worker.crew, self._worker
        end_ms = begun_ms + min(plan.duration_ms, call.timeout_ms)
        count = int(call.progress.restored or 0)
        while crew.now_ms < end_ms:
            if call.progress.stopping is None:
                worker.wait_until(min(end_ms, crew.now_ms + plan.every_ms))
            else:
                worker.wait_until(crew.now_ms + plan.reacts_ms)
            if call.progress.stopping is not None:
                return call.progress.stopping
            if not plan.silent and crew.now_ms < end_ms:
                count += 1
                call.progress.checkpoint(str(count))
                visit.kept, visit.beat_ms = count, crew.now_ms
        return None


@dataclass
class Crew:
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
    loom: Loom = field(default_factory=Loom)
    workers: list[Worker] = field(default_factory=list)
    _count: int = 0
    _doubled: set[str] = field(default_factory=set)
    _beat_ms: int = 0

    def __post_init__(self) -> None:
        self.stack: MemoryStack = self.history.stack
        self.weather: Weather = self.history.weather
        self.chance = self.history.hands
        self.witness = Witness(self)

    @property
    def now_ms(self) -> int:
        return self.stack.clock.now_ms()

    def plan(self) -> Plan:
        """What the target of a call does."""
        chance, stormy = self.chance, self.weather.stormy
        kind = chance.random()
        longest = 1_500 if kind < self.short or not stormy else 15_000 if kind < (1 + self.short) / 2 else 100_000
        answer = Answer(Result.SUCCEEDED, 200, "ok")
        if self.weather.strikes("target failed", 0.15):
            answer = Answer(Result.FAILED, 500, "", "HTTP 500")
        elif self.weather.strikes("target refused", 0.03):
            answer = Answer(Result.FAILED, 404, "", "HTTP 404", retryable=False)
        return Plan(
            chance.randrange(1, longest),
            answer,
            self.weather.strikes("target fell silent", 0.1),
            chance.choice((700, 2_500)),
            chance.randrange(0, STOP_MS),
        )

    # --- time ---------------------------------------------------------------------------------------------

    def next_ms(self) -> int:
        return min(self.loom.next_ms(), self._beat_ms)

    def run_next(self) -> None:
        """What happens next; the clock shows its time."""
        if self._beat_ms <= self.loom.next_ms():
            self._beat_ms = self.now_ms + TICK_MS
            for worker in self.workers:
                worker.beat()
            self._bury()
            return
        self.loom.run_next()

    def _bury(self) -> None:
        for worker in [worker for worker in self.workers if worker.dead]:
            self.workers.remove(worker)
            for strand in worker.strands:
                strand.resume()

    def fill(self) -> None:
        """Replaces those that are gone, or are going."""
        while sum(not worker.draining for worker in self.workers) < self.size:
            self._count += 1
            self.workers.append(Worker(self, self._count))

    def strike(self) -> None:
        """What befalls whole processes between two looks."""
        for worker in list(self.workers):
            if self.weather.strikes("worker killed", self.ends):
                worker.kill()
            elif self.weather.strikes("worker froze", self.chills):
                worker.freeze(self.chance.choice(_FREEZES_MS))
            elif self.weather.strikes("worker cut off", self.cuts):
                worker.cut(self.chance.choice(_CUTS_MS))
            elif self.weather.strikes("worker drained", self.ends):
                worker.drain()
        self._double()

    def _double(self) -> None:
        """The queue delivers messages twice: somebody else gets them as well."""
        for route in ROUTES:
            for message in list(self.stack.queue._messages.get(route, {}).values()):
                if message.body not in self._doubled and self.weather.strikes("message doubled", self.doubles):
                    self._doubled.add(message.body)
                    self.stack.queue.send(route, [message.dispatch])

    @property
    def idle(self) -> bool:
        return not any(worker.busy for worker in self.workers)

    def end(self) -> None:
        """Every process ends, so that no thread outlives its history."""
        for worker in self.workers:
            worker.kill()
        self._bury()
