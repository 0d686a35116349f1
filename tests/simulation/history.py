"""One random history: the real engine on virtual time over stores that fail, lag and apply what they deny.

Everything follows from the seed. Faults stop before the end, so that what is owed can be told from what is late.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace

from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.adapters.memory import MemoryQueue, SettableClock
from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.domain.execution import Answer, Result, is_end
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.job import Definition, Generation, Job, JobState, Target
from tidewheel.domain.limits import SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.misfire import Misfire, Policy, Reason
from tidewheel.domain.precision import CLAIM_EARLY_MS, Precision
from tidewheel.domain.retry import RetryPolicy
from tidewheel.domain.schedule import At, Cron, Schedule
from tidewheel.domain.wheel import BEYOND, DAYS, HOURS
from tidewheel.engine.define import Define
from tidewheel.engine.ticker import Ticker
from tidewheel.ports import Call, PortError

STORMY_MS = 240_000
CALM_MS = 420_000
SLOW_BUT_ALIVE = 0.9, 1_600
"""Nearly everything lags, but no heartbeat so long that its scheduler lets go: it lives to pass what it missed."""


@dataclass
class Weather:
    """What goes wrong, how often; and a count of what did."""

    rng: random.Random
    stormy: bool = True
    counts: Counter[str] = field(default_factory=Counter)

    def strikes(self, fault: str, probability: float) -> bool:
        if self.stormy and self.rng.random() < probability:
            self.counts[fault] += 1
            return True
        return False


class LaggingExecutor(Executor):
    """Runs work a little later in virtual time, even if whoever asked for it is dead by then."""

    def __init__(self, clock: SettableClock, weather: Weather) -> None:
        self._clock = clock
        self._weather = weather
        self.slow = weather.rng.choice([(0.02, WRITE_BOUND_MS), (0.3, WRITE_BOUND_MS), SLOW_BUT_ALIVE])
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def submit(self, fn, /, *args, **kwargs):
        future: Future[object] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except PortError as error:
                future.set_exception(error)

        lag = self._weather.rng.randrange(0, 60)
        often, longest = self.slow
        if self._weather.strikes("lag", often):
            lag = self._weather.rng.randrange(60, longest)
        heapq.heappush(self._heap, (self._clock.now_ms() + lag, next(self._order), work))
        return future

    def bury(self) -> None:
        """The processes are gone: some of what they had begun was not on its way yet."""
        self._heap = [work for work in self._heap if not self._weather.strikes("died with its process", 0.5)]
        heapq.heapify(self._heap)

    def run_due(self) -> None:
        while self._heap and self._heap[0][0] <= self._clock.now_ms():
            heapq.heappop(self._heap)[2]()


class Faulty:
    """A store whose calls fail: before they are applied, or after."""

    def __init__(self, store: object, weather: Weather, rate: float) -> None:
        self._store, self._weather, self._rate = store, weather, rate

    def __getattr__(self, name: str):
        operation = getattr(self._store, name)

        def call(*args, **kwargs):
            if self._weather.strikes("failed", self._rate):
                raise PortError(name, "-", "refused")
            result = operation(*args, **kwargs)
            if self._weather.strikes("applied, then failed", self._rate):
                raise PortError(name, "-", "applied, then reported as failed")
            return result

        return call


class Choosy:
    """A queue that takes a part of a batch."""

    def __init__(self, queue: MemoryQueue, weather: Weather, rate: float) -> None:
        self._queue, self._weather, self._rate = queue, weather, rate

    def send(self, route, dispatches):
        taken = [not self._weather.strikes("partly refused", self._rate) for _ in dispatches]
        self._queue.send(route, [dispatch for dispatch, good in zip(dispatches, taken, strict=True) if good])
        return taken


class Slow(SettableClock):
    """The API's clock: behind by the time its writes take to land, and by skew."""

    def __init__(self, clock: SettableClock, behind_ms: int) -> None:
        super().__init__(clock.now_ms() - behind_ms)


class History:
    """A deployment, its weather, its users and its crashes."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.weather = Weather(self.rng)
        self.start_ms = self._start()
        self.stack = MemoryStack(self.rng.choice([1, 2, 3]), self.start_ms)
        self.executor = LaggingExecutor(self.stack.clock, self.weather)
        self.stack.clock.pump = self._pump
        self.stack.caller.answers = self._answer
        self.rate = self.rng.choice([0.0, 0.01, 0.05])
        self.end_ms = self.start_ms + STORMY_MS + self.rng.randrange(0, 240_000)
        self.ids: list[str] = []
        self.deleted: set[str] = set()
        self.landed: dict[tuple[str, int], int] = {}
        self.users = self.rng.choice([0.01, 0.01, 0.04])
        self.lives_ms = [50, 3_000, 20_000, 50_000]
        self.fleet = Fleet(self.stack, self.rng.choice([1, 2, 3]), self._outfit)

    def _start(self) -> int:
        """Somewhere, or shortly before a coarse slot begins, so that its load falls into the storm."""
        ring = self.rng.choice([None, None, HOURS, DAYS, BEYOND])
        if ring is None:
            return START_MS
        return ring.start_of(START_MS) + ring.slot_ms - ring.lead_ms - self.rng.randrange(0, STORMY_MS)

    # --- what happens -------------------------------------------------------------------------------------

    def play(self) -> None:
        """Schedulers come, go, freeze and disagree about the time while the weather is stormy.

        Then each seat is filled and what is owed is settled.
        """
        for _ in range(self.rng.randrange(1, 6)):
            self._create()
        while self.stack.clock.now_ms() < self.start_ms + STORMY_MS:
            self._fill_seats(0.6)
            self._run(self.rng.choice(self.lives_ms))
            self._strike()
            if self.weather.strikes("fleet down", 0.05):
                for number in self.fleet.running:
                    self.fleet.kill(number)
                self.executor.bury()
                self._run(self.rng.choice([1_000, 30_000, 600_000]))
        self.weather.stormy = False
        until = max(self.end_ms, self.stack.clock.now_ms()) + CALM_MS
        while self.stack.clock.now_ms() < until:
            self._fill_seats(1.0)
            self._run(20_000)

    def _run(self, duration_ms: int) -> None:
        self.fleet.run_until(self.stack.clock.now_ms() + duration_ms)

    def _fill_seats(self, probability: float) -> None:
        """What the watchdog does, more or less: a second scheduler for a seat finds out that it is not needed."""
        for seat in range(self.fleet.seats):
            if self.rng.random() < probability:
                skew = self.rng.randrange(-SKEW_MS // 2, SKEW_MS // 2 + 1)  # any two are at most SKEW_MS apart
                self.fleet.start(seat, skew_ms=skew)

    def _strike(self) -> None:
        for number in self.fleet.running:
            if self.weather.strikes("scheduler crashed", 0.2):
                self.fleet.kill(number)
            elif self.weather.strikes("scheduler froze", 0.1):
                self.fleet.suspend(number, self.rng.choice([2_000, 6_000, 30_000]))

    def _outfit(self, ticker: Ticker) -> Ticker:
        stack, weather, rate = self.stack, self.weather, self.rate
        stores = replace(
            ticker.stores,
            wheel=Faulty(stack.wheel, weather, rate),
            jobs=Faulty(stack.jobs, weather, rate),
            executions=Faulty(stack.executions, weather, 0.3),  # rows are few
        )
        queue = Faulty(Choosy(stack.queue, weather, rate), weather, rate)
        return replace(ticker, stores=stores, queue=queue, executor=self.executor)

    def _pump(self) -> None:
        self.executor.run_due()
        if self.weather.strikes("user", self.users):
            self._act()
        self.stack.workers_up = not self.weather.strikes("workers paused", 0.05)
        self.stack.pump()

    def _answer(self, _call: Call) -> Answer:
        if self.weather.strikes("worker crashed", 0.03):
            raise RuntimeError("killed between call and finish")
        if self.weather.strikes("target failed", 0.05):
            return Answer(Result.FAILED, 500, "", "HTTP 500")
        return Answer(Result.SUCCEEDED, 200, "ok")

    # --- what users do ------------------------------------------------------------------------------------

    def _define(self) -> Define:
        self.stack.control.origin(self.stack.clock.now_ms() - WRITE_BOUND_MS - SKEW_MS)
        behind = self.rng.randrange(0, WRITE_BOUND_MS + SKEW_MS) if self.weather.strikes("slow write", 0.3) else 0
        return replace(self.stack.define, clock=Slow(self.stack.clock, behind))

    def _schedule(self, now: int) -> Schedule:
        timing = self.rng.choice(
            [
                every(self.rng.choice([1_000, 2_000, 7_000, 45_000, 61_000]), now + self.rng.randrange(0, 30_000)),
                Cron(self.rng.choice(["* * * * *", "*/2 * * * *", "*/10 * * * * *", "0 * * * *"]), "Europe/Paris"),
                At(now + self.rng.choice([0, 900, 5_000, 16_000, 40_000, 100_000, 400_000])),
            ]
        )
        return Schedule(timing, None, self.end_ms)

    def _draft(self, _id: str, now: int, existing: Definition | None) -> Definition:
        base = existing or Definition("job", None, Target("http", {}))
        return replace(
            base,
            schedule=self._schedule(now),
            precision=self.rng.choice(list(Precision)),
            jitter_ms=self.rng.choice([0, 0, 3_000, 20_000]),
            retry=RetryPolicy(self.rng.choice([1, 3]), base_ms=1_000),
            timeout_ms=1_000,
            misfire=Misfire(
                self.rng.choice(list(Policy)), self.rng.choice([1_000, 10_000, 60_000]), self.rng.choice([1, 5, 1_000])
            ),
        )

    def _create(self) -> None:
        self.ids.append(self._define().create(TENANT, self._draft).id)

    def _edited(self, job: Job) -> None:
        """Notes when an edit really became durable: until then the older generation rightly went on."""
        self.landed.setdefault((job.id, job.generation), self.stack.clock.now_ms())

    def _act(self) -> None:
        id = self.rng.choice(self.ids)
        define = self._define()
        actions: list[Callable[[], object]] = [
            self._create,
            lambda: self._edited(define.edit(TENANT, id, self._draft)),
            lambda: self._edited(define.pause(TENANT, id)),
            lambda: self._edited(define.resume(TENANT, id)),
            lambda: define.run(TENANT, id),
        ]
        try:
            if self.rng.random() < 0.05:
                define.delete(TENANT, id)
                self.deleted.add(id)
            else:
                self.rng.choice(actions)()
        except (NotFound, Conflict):
            return

    # --- what must hold -----------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """Every broken promise, in words."""
        return [
            *self._lost(),
            *self._stood_for(),
            *self._miscounted(),
            *self._unnamed(),
            *self._doubled(),
            *self._early(),
            *self._unsettled(),
        ]

    def _named(self, id: str, *, until_landed: bool = False) -> set[int]:
        """The instants that the job's generations named, each up to the next one's effective time.

        Or up to the moment at which the next one was durable, if that came later: what fired before was right.
        """
        rows = list(self.stack.jobs.generations(TENANT, id, 1).values())
        named: set[int] = set()
        for row, following in itertools.zip_longest(rows, rows[1:]):
            until = following.effective_from_ms if following else 10**15
            if following and until_landed:
                until = max(until, self.landed.get((id, following.number), 10**15) + CLAIM_EARLY_MS)
            named |= set(_instants(row, until))
        return named

    def _lost(self) -> list[str]:
        """Every instant has a record of its own, or lies in a row of the ledger."""
        world = self.stack.world
        records = {id for _, id in world.executions}
        rows: dict[str, list[tuple[int, int]]] = {}
        for row in world.missed.values():
            rows.setdefault(row.job, []).append((row.from_ms, row.until_ms))
        return [
            f"{id}: {nominal - self.start_ms} ms was named and has no account"
            for id in self.ids
            if id not in self.deleted
            for nominal in sorted(self._named(id))
            if str(ExecutionId(id, nominal)) not in records
            and not any(first <= nominal <= last for first, last in rows.get(id, ()))
        ]

    def _stood_for(self) -> list[str]:
        """What was coalesced has a run that stands for it: that of the instant before the range."""
        world = self.stack.world
        return [
            f"{row.id}: no run stands for what was coalesced"
            for row in world.missed.values()
            if row.reason is Reason.COALESCED and row.job not in self.deleted
            for generation in [world.generations[row.tenant, row.job][row.generation]]
            for before in [[at for at in _instants(generation, row.from_ms) if at < row.from_ms][-1:]]
            if not before or (row.tenant, str(ExecutionId(row.job, before[0]))) not in world.executions
        ]

    def _miscounted(self) -> list[str]:
        """A row holds instants of its generation, from the first to the last, as many as it says."""
        world = self.stack.world
        found = []
        for row in world.missed.values():
            generation = world.generations[row.tenant, row.job][row.generation]
            held = [at for at in _instants(generation, row.until_ms + 1) if at >= row.from_ms]
            if [*held[:1], *held[-1:], len(held)] != [row.from_ms, row.until_ms, row.count]:
                found.append(f"{row.id}: says {row.count}, holds {len(held)}")
        return found

    def _unnamed(self) -> list[str]:
        return [
            f"{call.execution}: {call.nominal_ms - self.start_ms} ms ran and no generation named it"
            for _, call in self.stack.caller.calls
            if (id := ExecutionId.parse(call.execution)).origin is Origin.SCHEDULE
            and call.nominal_ms not in self._named(id.job, until_landed=True)
        ]

    def _doubled(self) -> list[str]:
        tokens = Counter((call.execution, call.attempt) for _, call in self.stack.caller.calls)
        return [
            f"{execution}: attempt {n} was called {count} times"
            for (execution, n), count in tokens.items()
            if count > 1
        ]

    def _early(self) -> list[str]:
        return [
            f"{call.execution}: {call.due_ms - at} ms early" for at, call in self.stack.caller.calls if at < call.due_ms
        ]

    def _unsettled(self) -> list[str]:
        return [
            f"{execution.id} still stands at {execution.state}"
            for execution in self.stack.world.executions.values()
            if not is_end(execution.state)
        ]


def _instants(row: Generation, until_ms: int) -> list[int]:
    if row.state is not JobState.ACTIVE or row.schedule is None:
        return []
    found = []
    instant = row.schedule.first_from(row.effective_from_ms)
    while instant is not None and instant < until_ms:
        found.append(instant)
        instant = row.schedule.next_after(instant)
    return found
