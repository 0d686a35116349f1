"""One random history: the real engine on virtual time over stores that fail, lag, or fail after they applied a write.

Everything follows from the seed. Faults stop before the end, so that what never happens differs from what is late.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import replace

from tests.simulation.faults import (
    Faults,
    FaultyStore,
    HeldUpClock,
    HoldUp,
    LaggingExecutor,
    PartialQueue,
    RefusingQueue,
    StaleLayouts,
)
from tests.simulation.promises import broken_promises
from tests.simulation.settled import MAX_JITTER_MS, MAX_WINDOW_MS, is_settled
from tests.support.fleet import Fleet
from tests.support.instants import first_of
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tests.support.stall import Stall
from tidewheel.adapters.memory import MemoryJobs, MemoryWheel
from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import DEAD_LETTERS, Result, State, is_end
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Job, Target
from tidewheel.domain.jobs.policies import Misfire, Overlap, Policy, RetryPolicy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import SECOND_MS, SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.wheel.levels import BEYOND, DAYS, HOURS
from tidewheel.domain.wheel.shard_layout import Layout
from tidewheel.engine.api.redrive import Redrive, RedrivePlan
from tidewheel.engine.api.services import ApiServices
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.ports import Call, PortError
from tidewheel.wiring.api.services import ApiPorts, services_of

STORMY_MS = 240_000
CALM_MS = 420_000
"""How long (ms) it may take at most, once the faults are over, until everything that was due has happened."""
_REQUEST_RATE = 0.004
"""The probability that someone cancels or redrives, in a step of virtual time."""
FREEZES_MS = (20_000, 35_000, 60_000)
"""For how long (ms) a process may be frozen between two of its steps."""
RETRIED_AFTER_MS = (1_000, 1_000, 16_000, 30_000, 60_000)
"""Delays (ms) of the first retry: the entries of the long ones rest in slots of seconds, not in the late slot."""
QUIET_MS = 30_000
"""How long (ms) a history goes on when nothing should happen any more; longer than any write takes."""


class History:
    """A deployment, its users, its faults and its crashes."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.faults = Faults(self.rng)
        self.start_ms = self._start()
        self.stack = MemoryStack(self.rng.choice([1, 2, 3]), self.start_ms)
        self.executor = LaggingExecutor(self.stack.clock, self.faults)
        self.stack.clock.pump = self._pump
        self.stack.caller.answers = self._answer
        self.rate = self.rng.choice([0.0, 0.01, 0.05])
        self.row_rate = 0.3  # rows are few
        self.end_ms = self.start_ms + STORMY_MS + self.rng.randrange(0, 240_000)
        self.ids: list[str] = []
        self.deleted: set[str] = set()
        self.landed: dict[tuple[str, int], int] = {}
        self.users = self.rng.choice([0.01, 0.01, 0.04])
        self.overlaps = random.Random(f"overlaps of {seed}")  # apart, so that no other choice depends on it
        self.policies: dict[str, set[Overlap]] = {}
        self.requests = random.Random(f"wishes of {seed}")  # what users do with executions; apart, for the same reason
        self.budgets: dict[str, set[int]] = {}
        self.cancelled: dict[str, int] = {}
        self.redriven: dict[str, list[int]] = {}
        self.stack.locks = FaultyStore(self.stack.locks, self.faults, self.rate)
        self.lives_ms = [50, 3_000, 20_000, 50_000]
        self.calm_ms = 0
        self.settling_ms = 60_000  # after the faults: by then all that they delayed has happened
        self.fleet = Fleet(self.stack, self.rng.choice([1, 2, 3]), self._outfit)
        self.stalls = random.Random(f"stalls of {seed}")  # apart, so that no other choice depends on it
        self.stall_rate = 0.12
        self.stall = Stall(self.stack.clock)
        self.refusals = random.Random(f"refusals of {seed}")
        self.never_of = 60
        self.missing_rate = self.refusals.choice([0.0, 0.0, 0.002])
        self.missing_until: dict[Route, int] = {}
        self.holds = random.Random(f"holds of {seed}")  # apart, too
        self.freeze_rate = 0.1
        self._expose()

    def _start(self) -> int:
        """Any time, or shortly before a coarse slot begins, so that it is loaded while there are faults."""
        ring = self.rng.choice([None, None, HOURS, DAYS, BEYOND])
        if ring is None:
            return START_MS
        return ring.start_of(START_MS) + ring.slot_ms - ring.lead_ms - self.rng.randrange(0, STORMY_MS)

    def _expose(self) -> None:
        """Lets all stores that the schedulers, the workers and the users reach stall at once."""
        stack, of = self.stack, self.stall.of
        stack.wheel, stack.jobs, stack.executions = of(stack.wheel), of(stack.jobs), of(stack.executions)
        stack.locks, stack.control = of(stack.locks), of(stack.control)
        stack.layouts, stack.lease_renewer = stack.fresh_layouts(), stack.fresh_lease_renewer()

    # --- what happens -------------------------------------------------------------------------------------

    def play(self) -> None:
        """While there are faults schedulers start, die, freeze and disagree about the time.

        Then each instance gets a scheduler, and all that is due happens.
        """
        for _ in range(self.rng.randrange(1, 6)):
            self._create()
        self._storm()
        self.faults.stormy = False
        self.calm_ms = max(self.stack.clock.now_ms(), *self.missing_until.values(), 0)  # a route may be missing longer
        self.stall.begin(0)
        self._settle()

    def _storm(self) -> None:
        while self.stack.clock.now_ms() < self.start_ms + STORMY_MS:
            self._fill_instances(0.6)
            self._run(self.rng.choice(self.lives_ms))
            self._strike()
            self._stall()
            if self.faults.strikes("resharded", 0.1):
                self.stack.shards = self.rng.choice([1, 2, 4, 7])
            if self.faults.strikes("fleet down", 0.05):
                for number in self.fleet.running:
                    self.fleet.kill(number)
                self.executor.processes_died()
                self._run(self.rng.choice([1_000, 30_000, 600_000]))

    def _settle(self) -> None:
        until = max(self.end_ms, self.stack.clock.now_ms()) + CALM_MS
        while self.stack.clock.now_ms() < until and not is_settled(self):
            self._fill_instances(1.0, most=1)
            self._run(5_000)
        self._run(QUIET_MS)

    def _run(self, duration_ms: int) -> None:
        self.fleet.run_until(self.stack.clock.now_ms() + duration_ms)

    def _fill_instances(self, probability: float, most: int = 3) -> None:
        """Starts schedulers as the watchdog does; sometimes one that is not needed, and sees so."""
        for instance in range(self.fleet.instances):
            if self.rng.random() < probability and self.fleet.at(instance) < most:
                skew = self.rng.randrange(-SKEW_MS // 2, SKEW_MS // 2 + 1)  # any two are at most SKEW_MS apart
                self.fleet.start(instance, skew_ms=skew)

    def _strike(self) -> None:
        for number in self.fleet.running:
            if self.faults.strikes("scheduler crashed", 0.2):
                self.fleet.kill(number)
            elif self.faults.strikes("scheduler froze", 0.1):
                self.fleet.suspend(number, self.rng.choice([2_000, 6_000, 30_000]))

    def _stall(self) -> None:
        """Now and then no store answers anybody for a while: the whole fleet loses them at once."""
        if not self.stall.lasts and self.stalls.random() < self.stall_rate:
            self.faults.counts["whole-fleet store stall"] += 1
            self.stall.begin(self.stalls.choice([1, 3, 4, 6, 15, 30, 60, 120]) * SECOND_MS)

    def _outfit(self, scheduler_loop: SchedulerLoop) -> SchedulerLoop:
        stack, faults, rate = self.stack, self.faults, self.rate
        stores = replace(
            scheduler_loop.stores,
            wheel=FaultyStore(stack.wheel, faults, rate),
            jobs=FaultyStore(stack.jobs, faults, rate),
            executions=FaultyStore(stack.executions, faults, self.row_rate),
        )
        refusing = RefusingQueue(PartialQueue(stack.queue, faults, rate), faults, self._never_taken, self._is_missing)
        queue = self.stall.of(FaultyStore(refusing, faults, rate))
        return replace(scheduler_loop, stores=stores, queue=queue, executor=self.executor)

    def _never_taken(self, dispatch: Dispatch) -> bool:
        """Some messages no queue will ever take, until someone redrives them."""
        if dispatch.execution in self.redriven:
            return False
        return zlib.crc32(f"{self.seed} {dispatch.execution} {dispatch.attempt}".encode()) % self.never_of == 0

    def _is_missing(self, route: Route) -> bool:
        """While there are faults a route is missing for some minutes: mostly it is there again in time."""
        if self.faults.stormy and self.missing_rate and self.refusals.random() < self.missing_rate:
            self.missing_until[route] = self.stack.clock.now_ms() + self.refusals.choice([20, 90, 280, 600]) * SECOND_MS
        return self.stack.clock.now_ms() < self.missing_until.get(route, 0)

    def _pump(self) -> None:
        self.executor.run_due()
        if self.faults.strikes("user", self.users) and not self.stall.lasts:
            self._act()
        if self.faults.stormy and self.requests.random() < _REQUEST_RATE and not self.stall.lasts:
            self._request()
        self.stack.workers_up = not self.faults.strikes("workers paused", 0.05)
        self.stack.pump()

    def _answer(self, call: Call) -> Answer:
        if self.faults.stormy and call.execution in self.redriven and self.requests.random() < 0.5:
            return Answer(Result.FAILED, 500, "", "HTTP 500, as before")
        if self.faults.strikes("worker crashed", 0.03):
            raise RuntimeError("killed between call and finish")
        if self.faults.strikes("target failed", 0.05):
            return Answer(Result.FAILED, 500, "", "HTTP 500")
        return Answer(Result.SUCCEEDED, 200, "ok")

    # --- what users do ------------------------------------------------------------------------------------

    def _api_ports(self) -> ApiPorts:
        control, earliest_ms = self.stack.control, self.stack.clock.now_ms() - WRITE_BOUND_MS - SKEW_MS
        if control.layout() is None:
            control.establish(Layout.first(earliest_ms, self.stack.shards))
        hold_up = self._hold_up()
        clock, world = hold_up.clock, self.stack.world
        return replace(
            self.stack.api_ports,
            jobs=hold_up.of(self.stall.of(MemoryJobs(world, clock))),
            wheel=hold_up.of(self.stall.of(MemoryWheel(world, clock))),
            clock=clock,
            layouts=StaleLayouts(self.stack.layouts, clock),
        )

    def _hold_up(self) -> HoldUp:
        """What befalls the process that serves the next request: its write is slow, or it freezes for longer."""
        held_ms = self.rng.randrange(0, WRITE_BOUND_MS + SKEW_MS) if self.faults.strikes("slow write", 0.3) else 0
        skew_ms = min(held_ms, SKEW_MS)
        if self.faults.stormy and self.holds.random() < self.freeze_rate:
            self.faults.counts["process froze between two steps"] += 1
            held_ms = self.holds.choice(FREEZES_MS)
        clock = HeldUpClock(self.stack.clock, max(0, held_ms - skew_ms), skew_ms)
        return HoldUp(clock, self.holds.randrange(3), self.holds.random() < 0.5)

    def _api(self) -> ApiServices:
        return services_of(self._api_ports())

    def _schedule(self, now: int) -> Schedule:
        timing = self.rng.choice(
            [
                every(self.rng.choice([1_000, 2_000, 7_000, 45_000, 61_000]), now + self.rng.randrange(0, 30_000)),
                Cron(self.rng.choice(["* * * * *", "*/2 * * * *", "*/10 * * * * *", "0 * * * *"]), "Europe/Paris"),
                At(now + self.rng.choice([0, 900, 5_000, 16_000, 40_000, 100_000, 400_000])),
            ]
        )
        return Schedule(timing, None, self.end_ms)

    def _builder(self, id: str, now: int, existing: Definition | None) -> Definition:
        base = existing or Definition("job", None, Target("http", {}))
        overlap = self.overlaps.choice([*Overlap, *[Overlap.ALLOW] * 4])
        self.policies.setdefault(id, set()).add(overlap)
        return replace(
            base,
            schedule=self._schedule(now),
            precision=self.rng.choice(list(Precision)),
            jitter_ms=self.rng.choice([0, 0, 3_000, MAX_JITTER_MS]),
            window_ms=self.rng.choice([0, 0, 5_000, MAX_WINDOW_MS]),
            retry=self._budgeted(id, self._retry()),
            timeout_ms=1_000,
            overlap=overlap,
            misfire=Misfire(
                self.rng.choice(list(Policy)), self.rng.choice([1_000, 10_000, 60_000]), self.rng.choice([1, 5, 1_000])
            ),
        )

    def _retry(self) -> RetryPolicy:
        policy = RetryPolicy(self.rng.choice([1, 3]), base_ms=self.holds.choice(RETRIED_AFTER_MS))
        self.faults.counts["retries delayed by 16 to 60 s"] += policy.base_ms >= RETRIED_AFTER_MS[-3]
        return policy

    def _budgeted(self, id: str, policy: RetryPolicy) -> RetryPolicy:
        self.budgets.setdefault(id, set()).add(policy.max_attempts)
        return policy

    def _create(self) -> None:
        self.ids.append(self._api().jobs.create(TENANT, self._builder).id)

    def _edited(self, job: Job) -> None:
        """Records when an edit became durable: until then the older generation rightly went on."""
        self.landed.setdefault((job.id, job.generation), self.stack.clock.now_ms())

    def _act(self) -> None:
        id = self.rng.choice(self.ids)
        api = self._api()
        actions: list[Callable[[], object]] = [
            self._create,
            lambda: self._edited(api.jobs.edit(TENANT, id, self._builder)),
            lambda: self._edited(api.jobs.pause(TENANT, id)),
            lambda: self._edited(api.jobs.resume(TENANT, id)),
            lambda: api.executions.run(TENANT, id),
        ]
        try:
            if self.rng.random() < 0.05:
                api.jobs.delete(TENANT, id)
                self.deleted.add(id)
            else:
                self.rng.choice(actions)()
        except (NotFound, Conflict):
            return

    def _request(self) -> None:
        """Someone cancels an execution, or one to come, or redrives dead letters; the calls so far are recorded."""
        stack, records = self.stack, list(self.stack.world.executions.values())
        dead = [record for record in records if record.state in DEAD_LETTERS]
        if dead and self.requests.random() < 0.5:
            chosen = self.requests.choice(dead)
            flow = Redrive(stack.jobs, stack.clock, stack.telemetry, stack.wheel_writer)
            for id in flow.run([(chosen.id, chosen)], RedrivePlan({chosen.id: chosen.version}, 10)).ids:
                self.redriven.setdefault(id, []).append(len(stack.caller.calls))
                self.faults.counts["redriven"] += 1
            return
        open_ = [record.id for record in records if not is_end(record.state)]
        id = self.requests.choice([*open_, *self._to_come()] or [""])
        try:
            record = stack.cancel.run(TENANT, id) if id else None
        except (NotFound, Conflict):
            return
        except PortError:  # its lock could not be transferred: as if the API had died before
            record = stack.world.executions.get((TENANT, id))
        if record is not None and (record.cancel or record.state is State.CANCELLED):
            self.cancelled.setdefault(id, len(stack.caller.calls))
            self.faults.counts["cancelled"] += 1

    def _to_come(self) -> list[str]:
        """The next occurrences of some job."""
        job = self.stack.world.jobs.get((TENANT, self.requests.choice(self.ids)))
        first = job.next_nominal(self.stack.clock.now_ms()) if job is not None else None
        if job is None or first is None or job.definition.schedule is None:
            return []
        return [str(ExecutionId(job.id, nominal)) for nominal in first_of(job.definition.schedule, first, 2)]

    def violations(self) -> list[str]:
        """Every broken promise, in words."""
        return broken_promises(self)
