"""A random history with workers that are processes: the same schedulers, faults and users, and calls that last."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from tests.simulation.history import RETRIED_AFTER_MS, History
from tests.simulation.promises import Promises
from tests.simulation.settled import is_settled
from tests.simulation.witness import Cancel
from tests.simulation.workers import Target, Worker, Workers
from tests.support.calls import an_admission
from tests.support.memory_stack import TENANT, PumpedClock, every
from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.domain.executions.states import Result, State, is_end
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition
from tidewheel.domain.jobs.policies import RetryPolicy, Strategy
from tidewheel.domain.limits import ATTEMPTS_KEPT
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.ports import Executions, PortError, Queue

STORMY_MS = 90_000
CALM_MS = 1_200_000
"""How long what is expected may take once the faults are over, at most: three attempts, each at first lost."""
_QUIET_MS = 20_000
_LOOK_MS = 5_000


class WorkersClock(PumpedClock):
    """Virtual time that stops wherever something happens to a worker."""

    workers: Workers | None = None
    _running = False

    def sleep_until(self, instant_ms: int) -> None:
        workers = self.workers
        if workers is not None and not self._running:
            self._running = True
            try:
                while (at_ms := workers.next_ms()) <= instant_ms:
                    self._now_ms = max(self._now_ms, at_ms)
                    workers.run_next()
            finally:
                self._running = False
        super().sleep_until(instant_ms)


class WorkedHistory(History):
    """Everything follows from the seed."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        stack, self.hands = self.stack, random.Random(f"hands of {seed}")
        stack.clock = clock = WorkersClock(self.start_ms)
        clock.pump = self._pump
        stack.queue._clock = stack.layouts.clock = clock
        stack.caller.clock = stack.workers_clock = clock
        self.executor._clock = clock
        stack.wheel._store._clock = clock
        self.stall.clock = clock
        self.plain_locks = self.stall.of(stack.locks._store._store)
        self.maxima: dict[str, int] = {}
        self.heartbeats: dict[str, int] = {}
        self.timeouts_ms = [2_000, 20_000, 90_000]
        self.end_ms = self.start_ms + STORMY_MS + self.hands.randrange(60_000)
        self.workers = clock.workers = Workers(
            self,
            self.hands.choice([1, 2, 3]),
            kills=self.hands.choice([0.0, 0.003, 0.02]),
            freezes=self.hands.choice([0.0, 0.003]),
            lags=self.hands.choice([0.01, 0.1]),
            rate=self.hands.choice([0.0, 0.02, 0.1]),
        )

    def admission(self, worker: Worker, executions: Executions, queue: Queue) -> AdmissionControl:
        """What a worker asks before it claims; here nobody has a limit."""
        return an_admission(worker.clock, self.stack.telemetry)

    def target(self, worker: Worker) -> Target:
        """What a worker calls."""
        return Target(worker)

    # --- what happens -------------------------------------------------------------------------------------

    def play(self) -> None:
        try:
            super().play()
        finally:
            self.workers.end()

    def _storm(self) -> None:
        while self.stack.clock.now_ms() < self.start_ms + STORMY_MS:
            self._fill_instances(0.8)
            if not self.faults.strikes("nobody works", 0.1):
                self.workers.fill()
            self._run(self.hands.choice([500, 3_000, 10_000]))
            self._strike()
            self._stall()
            self.workers.strike()
            if self.faults.strikes("user cancels", 0.4):
                self._cancel()

    def _settle(self) -> None:
        until = max(self.end_ms, self.stack.clock.now_ms()) + CALM_MS
        while self.stack.clock.now_ms() < until and not (is_settled(self, 0) and self.workers.idle):
            self._fill_instances(1.0, most=1)
            self.workers.fill()
            self._run(_LOOK_MS)
            if not self.stall.lasts:
                self.stack.overdue.run()
        self._run(_QUIET_MS)

    def _pump(self) -> None:
        self.executor.run_due()
        if self.faults.strikes("user", self.users / 4) and not self.stall.lasts:
            self._act()

    # --- what users do ------------------------------------------------------------------------------------

    def _schedule(self, now: int) -> Schedule:
        timing = self.rng.choice(
            [
                every(self.rng.choice([2_000, 4_000, 11_000]), now + self.rng.randrange(0, 20_000)),
                Cron(self.rng.choice(["* * * * *", "*/20 * * * * *"]), "Europe/Paris"),
                At(now + self.rng.choice([0, 900, 16_000, 40_000])),
            ]
        )
        return Schedule(timing, None, self.end_ms)

    def _builder(self, id: str, now: int, existing: Definition | None) -> Definition:
        builder = super()._builder(id, now, existing)
        most = self.hands.choice([1, 2, 3])
        self.maxima[id] = max(most, self.maxima.get(id, 0))
        heartbeat_ms = self.hands.choice([0, 4_000, 15_000])
        self.heartbeats[id] = max(heartbeat_ms or 10**9, self.heartbeats.get(id, 0))
        return replace(
            builder,
            jitter_ms=0,
            window_ms=0,
            retry=replace(builder.retry, max_attempts=most, cap_ms=min(builder.retry.cap_ms, RETRIED_AFTER_MS[-1])),
            timeout_ms=self.hands.choice(self.timeouts_ms),
            heartbeat_ms=heartbeat_ms,
            deadline_ms=self.hands.choice([0, 0, 0, 45_000, 180_000]),
        )

    def heartbeat_of(self, execution: str) -> int:
        """The longest silence that the job of an execution ever allowed."""
        return self.heartbeats[ExecutionId.parse(execution).job]

    def _cancel(self) -> None:
        """A user cancels what has not ended, or the next occurrence of a job."""
        world, now = self.stack.world, self.stack.clock.now_ms()
        wanted = [record.id for record in world.executions.values() if not is_end(record.state)]
        wanted += [
            str(ExecutionId(job.id, nominal)) for job in world.jobs.values() if (nominal := job.next_nominal(now))
        ][:1]
        if not wanted:
            return
        id = self.hands.choice(wanted)
        before = world.executions.get((TENANT, id))
        try:
            self.stack.cancel.run(TENANT, id)
        except (Conflict, NotFound, PortError):
            self.faults.counts["cancel refused, or to be repeated"] += 1
        after = world.executions.get((TENANT, id))
        if after is not None and (after.cancel or after.state is State.CANCELLED):
            self.workers.witness.cancels.setdefault(id, Cancel(now, before.attempt if before else 0))

    def violations(self) -> list[str]:
        """Every broken promise, in words."""
        return [
            *self.workers.scheduler.failures,
            *self.workers.witness.broken,
            *self.promises().broken(),
        ]

    def promises(self) -> WorkedPromises:
        """What must hold of it at its end."""
        return WorkedPromises(self, HELD_UP_MS)


HELD_UP_MS = 100_000
"""How long a worker may be held up between its look at a job and its claim: a freeze, and calls that lag."""


class WorkedPromises(Promises):
    """What must hold of the end of it, beside what the witness saw."""

    history: WorkedHistory

    def broken(self) -> list[str]:
        kept: list[Callable[[], list[str]]] = [
            self._forgotten,
            self._brought_back,
            self._lost,
            self._stood_for,
            self._miscounted,
            self._unnamed,
            self._doubled,
            self._early,
            self._misplaced,
            self._unsettled,
            self._too_often,
            self._without_effect,
            self._without_end,
        ]
        return [fault for promise in kept for fault in promise()]

    def _too_often(self) -> list[str]:
        """Calls that no worker's end cut short are no more than the job ever allowed."""
        visits, records = self.history.workers.witness.visits, self.history.stack.world.executions
        return [
            f"{record.id}: {len(counted)} calls, of which {self.history.maxima[record.job]} were allowed"
            for record in records.values()
            for counted in [[visit for visit in visits[record.id] if not visit.drained]]
            if len(counted) > self.history.maxima[record.job]
        ] + [
            f"{record.id}: {record.uncounted_attempts} attempts count as handed over, {handed} were"
            for record in records.values()
            for handed in [sum(each.result is Result.HANDED_OVER for each in record.attempts)]
            if record.uncounted_attempts > handed and len(record.attempts) < ATTEMPTS_KEPT
        ]

    def _without_effect(self) -> list[str]:
        """What succeeded has its effect, once; nothing has two."""
        effects = self.history.workers.witness.effects
        return [
            f"{execution.id}: {execution.state} with {len(effects[execution.id])} effects"
            for execution in self.history.stack.world.executions.values()
            if len(effects[execution.id]) > 1 or (execution.state is State.SUCCEEDED and not effects[execution.id])
        ]

    def _without_end(self) -> list[str]:
        """Nobody works any more on what has ended."""
        return [
            f"{visit.execution}: attempt {visit.attempt} goes on for ever"
            for visits in self.history.workers.witness.visits.values()
            for visit in visits
            if visit.ended_ms is None
        ]


class Frail(WorkedHistory):
    """Three workers that are killed and freeze at every other step."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.size, workers.kills, workers.freezes, workers.lags, workers.rate = 3, 0.03, 0.02, 0.05, 0.02


class Revenant(WorkedHistory):
    """Workers that come back when others have taken over what they had, and calls that last."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.size, workers.kills, workers.freezes, workers.lags, workers.rate = 3, 0.003, 0.01, 0.0, 0.0
        workers.chills, workers.short, workers.cuts = 0.1, 0.1, 0.0


class Numb(WorkedHistory):
    """Workers that freeze at any step for so long that others take over and call before they go on."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.size, workers.kills, workers.freezes, workers.lags, workers.rate = 3, 0.003, 0.01, 0.0, 0.0
        workers.chills, workers.short, workers.cuts = 0.0, 0.1, 0.0
        workers.freezes_ms = (60_000,)


class Torpid(WorkedHistory):
    """Workers that freeze for 20 s at any step, reads of the layout that lag, targets that fail, and retries that come
    20 s later: the slots in which their entries rest may be over when these land."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.size, workers.kills, workers.freezes, workers.lags, workers.rate = 3, 0.0, 0.06, 0.0, 0.0
        workers.ends, workers.cuts, workers.slow_layouts, workers.failing = 0.0, 0.0, 0.5, 0.6
        workers.freezes_ms, workers.chills = (20_000,), 0.0

    def _retry(self) -> RetryPolicy:
        return RetryPolicy(3, Strategy.FIXED, base_ms=20_000)


class Severed(WorkedHistory):
    """Three workers that are cut off from their stores while their targets work on, and do not die of it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.size, workers.kills, workers.freezes, workers.lags, workers.rate = 3, 0.0, 0.0, 0.0, 0.0
        workers.chills, workers.short, workers.cuts, workers.doubles = 0.0, 0.1, 0.15, 0.5
        workers.ends, self.timeouts_ms = 0.0, [90_000]


class Drained(WorkedHistory):
    """Workers that have to end again and again, and long calls that are cancelled; no store fails."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.kills, workers.freezes, workers.lags, workers.rate = 0.0, 0.0, 0.0, 0.0
        workers.chills, workers.short, workers.cuts = 0.0, 0.2, 0.0
        self.stall_rate = 0.0

    def _strike(self) -> None:
        super()._strike()
        for worker in self.workers.workers:
            if self.faults.strikes("worker drained", 0.1):
                worker.drain()
        for _ in range(3):
            if self.faults.strikes("user cancels", 0.4):
                self._cancel()


class Throttled(WorkedHistory):
    """Workers whose every call of a store is refused for seconds, again and again, but never for a whole lease.

    Nothing else befalls them, so whatever a target did successfully is written, and never done twice.
    """

    LONGEST_MS = 4_000

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.kills, workers.freezes, workers.lags, workers.rate = 0.0, 0.0, 0.0, 0.05
        workers.chills, workers.ends, workers.cuts = 0.0, 0.0, 0.0
        self.stall_rate = 0.0

    def _strike(self) -> None:
        super()._strike()
        now = self.stack.clock.now_ms()
        for worker in self.workers.workers:
            rested = worker.cut_until_ms + 2 * self.LONGEST_MS < now
            if rested and self.faults.strikes("worker throttled", 0.7):
                worker.cut(self.hands.randrange(500, self.LONGEST_MS))

    def violations(self) -> list[str]:
        return super().violations() + [
            f"{visit.execution}: attempt {visit.attempt} succeeded, and {after.attempt} was called"
            for visits in self.workers.witness.visits.values()
            for visit, after in pairwise(visits)
            if visit.succeeded
        ]
