"""A random history of executions that wait for permits: the real workers and the real line guard on virtual time.

No wheel turns: messages come to the queue by themselves, and what is put on the wheel is sent when it is due. So a
history costs little, and many thousands can be played.
"""

from __future__ import annotations

import heapq
import itertools
import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tests.simulation.cooperative import CooperativeThread
from tests.simulation.faults import DoublingQueue, Faults, RefusingQueue
from tests.simulation.line_processes import Guard, PickyTarget
from tests.simulation.permit_watch import PermitWatch, PermitWitness, WatchedLines, WatchedPermits
from tests.simulation.witness import Cancel
from tests.simulation.worked import HELD_UP_MS, WorkedPromises
from tests.simulation.workers import Target, Worker, Workers
from tests.support.calls import an_admission
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tests.support.stall import Stall
from tidewheel.adapters.memory import MemoryWheel, SettableClock
from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.states import DEAD_LETTERS, is_end
from tidewheel.domain.fleet.route import PRIORITIES, ROUTES, Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Job
from tidewheel.domain.jobs.job import Target as JobTarget
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy, Strategy
from tidewheel.domain.limits import LINE_IDLE_GUARD_MS, SECOND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.wheel.entries import ExecutionEntry, decode
from tidewheel.engine.api.redrive import Redrive, RedrivePlan
from tidewheel.engine.ends.undeliverable import Undeliverable
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.engine.worker.lease_renewer import TICK_MS
from tidewheel.ports import Executions, PortError, Queue, Refused

CALM_MS = 600 * SECOND_MS
"""How long (ms) it may take at most, once the faults are over, until everything has ended."""
_TURN_MS = 500
_TAKEN_OVER_MS = 5 * SECOND_MS
"""After so long (ms) without a sign of life a scheduler's shards are another's."""


class LineHistory:
    """Everything follows from the seed."""

    STORMY_MS = 60 * SECOND_MS

    def __init__(self, seed: int) -> None:
        self.seed, self.hands = seed, random.Random(f"line of {seed}")
        self.faults = Faults(random.Random(f"faults of the line of {seed}"))
        chance, self.start_ms = self.hands, START_MS
        clock = SettableClock(START_MS)
        self.stack = stack = MemoryStack(1, clock=clock)
        stack.layouts.now()
        self.stall, self.stall_rate = Stall(clock), chance.choice([0.0, 0.02])
        stack.wheel = self.stall.of(MemoryWheel(stack.world, clock))
        stack.executions, stack.jobs = self.stall.of(stack.executions), self.stall.of(stack.jobs)
        stack.locks = self.plain_locks = self.stall.of(stack.locks)
        self.limit = chance.choice([1, 1, 2, 2, 4])
        self.changing = chance.choice([0.0, 0.0, 0.1])
        self.lacks = chance.choice([0.0, 0.05])
        self.refused = chance.choice([0, 0, 12])
        self.rights = chance.choice([0.0, 0.1])
        self.cancels, self.redrives = chance.choice([0.0, 0.3]), chance.choice([0.0, 0.5])
        self.overlaps = chance.choice([[Overlap.ALLOW], [*Overlap]])
        self.deadlines_ms = chance.choice([[0], [0, 0, 20_000, 60_000]])
        self.count = chance.choice([10, 20, 30])
        self.burst = chance.choice([0, 0, 3_000, 20_000])
        self.timeouts_ms, self.guards_die, self.strike_ms, self.doubling = [2_000, 20_000, 60_000], 0.03, 5_000, 0.0
        self.guard_falters = True
        self.maxima: dict[str, int] = {}
        self.lost_rights: set[Route] = set()
        self.workers = Workers(
            self,  # type: ignore[arg-type]
            chance.choice([1, 2, 3]),
            kills=chance.choice([0.0, 0.002, 0.01]),
            freezes=chance.choice([0.0, 0.003]),
            lags=chance.choice([0.0, 0.02, 0.1]),
            rate=chance.choice([0.0, 0.02, 0.1]),
            cuts=0.03,
            chills=0.03,
            ends=0.05,
            short=chance.choice([0.7, 0.95]),
            slow_layouts=0.0,
        )
        self.workers.witness = witness = PermitWitness(self.workers)
        self.watch = witness.permits = PermitWatch(
            stack.world, clock.now_ms, self.workers.scheduler, self.limits, lambda: self.calm_since_ms
        )
        self.guard: Guard | None = None
        self._guard_threads: list[tuple[Guard, CooperativeThread]] = []
        self._events: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self.jobs: list[Job] = []
        self.arrived: list[str] = []

    # --- what it is made of -------------------------------------------------------------------------------

    def admission(self, worker: Worker, executions: Executions, queue: Queue) -> AdmissionControl:
        """What a worker asks before it claims. It may lack the right to send to some queues."""
        worker.limit = self.limit  # type: ignore[attr-defined]
        stack, plain = self.stack, an_admission(worker.clock, self.stack.telemetry)
        grants = PermitGrants(
            worker.stepped(self.stall.of(WatchedPermits(self.watch))),
            worker.stepped(self.stall.of(WatchedLines(self.watch))),
            executions,
            worker.stepped(self.refusing(stack.queue, self.lost_rights)),
            worker.clock,
            stack.entropy,
            stack.telemetry,
        )
        return replace(plain, limiter=ConcurrencyLimiter(grants, RunningLimits({TENANT: self.limit}, plain.quota.of)))

    def target(self, worker: Worker) -> Target:
        """What a worker calls."""
        return PickyTarget(worker)

    def refusing(self, queue: Any, lacks: set[Route] | frozenset[Route] = frozenset()) -> RefusingQueue:
        """The queue, which never takes some messages, and from some processes none of a route."""
        doubling = DoublingQueue(queue, self.faults, self.doubling) if self.doubling else queue
        return RefusingQueue(doubling, self.faults, self._never_taken, lambda route: route in lacks)

    def _never_taken(self, dispatch: Dispatch) -> bool:
        if not self.refused:
            return False
        return zlib.crc32(f"{self.seed} {dispatch.execution}".encode()) % self.refused == 0

    def heartbeat_of(self, _execution: str) -> int:
        """No job of these has a limit of silence."""
        return 10**9

    def limits(self) -> list[int]:
        """The limits that the workers know which live, and that of those that start now."""
        return [worker.limit for worker in self.workers.workers] + [self.limit]  # type: ignore[attr-defined]

    @property
    def calm_since_ms(self) -> int:
        """Since when a scheduler looks at lines undisturbed (ms since the epoch)."""
        guard = self.guard
        return 1 << 62 if guard is None or guard.dead else guard.calm_since_ms

    # --- what happens -------------------------------------------------------------------------------------

    def play(self) -> None:
        try:
            self._prepare()
            self._run_until(self.start_ms + self.STORMY_MS)
            self.faults.stormy = False
            self.stall.begin(0)
            self.lost_rights.clear()
            self._settle()
        finally:
            self.workers.end()
            for guard, thread in self._guard_threads:
                guard.kill()
                thread.resume()

    def _prepare(self) -> None:
        self.jobs = [self.stack.job_service.create(TENANT, self._definition) for _ in range(3)]
        for nominal_ms in self._arrivals():
            job = self.hands.choice(self.jobs)
            id = str(ExecutionId(job.id, nominal_ms))
            self.arrived.append(id)
            sent = Dispatch(TENANT, id, 1, job.generation, nominal_ms, recorded=False)
            late_ms = self.hands.choice([0, 0, self.hands.randrange(4_000)])
            self._at(nominal_ms + late_ms, lambda job=job, sent=sent: self._arrive(job.route, sent))
        self._every(_TURN_MS, self._turn)
        self._every(self.strike_ms, self._strike)
        self._every(TICK_MS, self.watch.sample)
        self._every(SECOND_MS, self._stand)
        self.workers.fill()

    def _arrive(self, route: Route, sent: Dispatch) -> None:
        queue = self.stack.queue
        (DoublingQueue(queue, self.faults, self.doubling) if self.doubling else queue).send(route, [sent])

    def _arrivals(self) -> Iterator[int]:
        """When executions are due: evenly, or many at once; each at another tenth of a second."""
        tenths = (self.burst or self.STORMY_MS) // 100
        count = min(self.count, (self.burst or 10**6) // 100)
        return iter(self.start_ms + 100 * n + SECOND_MS for n in sorted(self.hands.sample(range(tenths), count)))

    def _definition(self, id: str, _now: int, _existing: Definition | None) -> Definition:
        chance = self.hands
        self.maxima[id] = most = chance.choice([1, 2, 3])
        return Definition(
            "job",
            Schedule(every(100, self.start_ms)),
            JobTarget("http", {}),
            priority=chance.choice(PRIORITIES),
            retry=RetryPolicy(most, Strategy.FIXED, base_ms=chance.choice([1_000, 5_000])),
            timeout_ms=chance.choice(self.timeouts_ms),
            overlap=chance.choice(self.overlaps),
            deadline_ms=chance.choice(self.deadlines_ms),
        )

    def _settle(self) -> None:
        until_ms = self.stack.clock.now_ms() + CALM_MS
        while self.stack.clock.now_ms() < until_ms and not self._is_settled():
            self.workers.fill()
            self._run_until(self.stack.clock.now_ms() + SECOND_MS)
        self._run_until(self.stack.clock.now_ms() + LINE_IDLE_GUARD_MS + SECOND_MS)

    def _is_settled(self) -> bool:
        world = self.stack.world
        return (
            self.workers.idle
            and not any(self.stack.queue.depth(route) for route in ROUTES)
            and not any(self._resting())
            and not self.watch.line()
            and all((TENANT, id) in world.executions for id in self.arrived)
            and all(is_end(record.state) for record in world.executions.values())
        )

    def _run_until(self, instant_ms: int) -> None:
        clock, workers = self.stack.clock, self.workers
        while (at_ms := min(self._events[0][0], workers.next_ms())) <= instant_ms:
            clock.sleep_until(at_ms)
            if self._events[0][0] <= workers.next_ms():
                heapq.heappop(self._events)[-1]()
            else:
                workers.run_next()
        clock.sleep_until(instant_ms)

    def _at(self, instant_ms: int, event: Callable[[], object]) -> None:
        heapq.heappush(self._events, (instant_ms, next(self._order), event))

    def _every(self, period_ms: int, event: Callable[[], object]) -> None:
        def again() -> None:
            event()
            self._at(self.stack.clock.now_ms() + period_ms, again)

        self._at(self.start_ms, again)

    # --- the wheel and the scheduler ----------------------------------------------------------------------

    def _resting(self) -> Iterator[tuple[dict[str, str], str, ExecutionEntry]]:
        for singles in self.stack.world.singles.values():
            for key, text in list(singles.items()):
                entry = decode(text)
                if isinstance(entry, ExecutionEntry):
                    yield singles, key, entry

    def _turn(self) -> None:
        """What is due is sent, and what no queue takes set aside."""
        now = self.stack.clock.now_ms()
        for singles, key, entry in [one for one in self._resting() if one[-1].due_ms <= now]:
            sent = Dispatch(TENANT, entry.execution, entry.attempt, entry.generation, entry.due_ms, recorded=True)
            if self._is_set_aside(sent, entry.route):
                del singles[key]

    def _is_set_aside(self, sent: Dispatch, route: Route) -> bool:
        stack = self.stack
        try:
            self.refusing(stack.queue).send(route, [sent])
        except Refused as refusal:
            flow = Undeliverable(stack.jobs, stack.executions, stack.wheel, stack.clock, stack.telemetry, stack.ends)
            with suppress(PortError):
                flow.set_aside(sent, route, refusal)
                return True
            return False
        return True

    def _stand(self) -> None:
        """Some time after the scheduler that looked at lines has died or frozen, another one does."""
        now, guard = self.stack.clock.now_ms(), self.guard
        if guard is None or guard.dead or guard.frozen_until_ms > now + _TAKEN_OVER_MS:
            self.guard = assignee = Guard(self)
            assignee.spawn(assignee.watch_lines)
            self._guard_threads.append((assignee, assignee.threads[0]))

    # --- faults and users ---------------------------------------------------------------------------------

    def _strike(self) -> None:
        if not self.faults.stormy:
            return
        self.workers.strike()
        self.workers.fill()
        if self.guard is not None and self.faults.strikes("scheduler killed", self.guards_die):
            self.guard.kill()
        if self.faults.strikes("all stores stalled", self.stall_rate):
            self.stall.begin(self.hands.choice([1, 4, 15, 60]) * SECOND_MS)
        if self.faults.strikes("limit changed", self.changing):
            self._change_limit()
        self.lost_rights.clear()
        self.lost_rights |= {route for route in ROUTES if self.faults.strikes("right lost", self.rights)}
        if self.faults.strikes("user cancels", self.cancels):
            self._cancel()
        if self.faults.strikes("user redrives", self.redrives):
            self._redrive()

    def _change_limit(self) -> None:
        """A deployment: its workers are replaced."""
        self.limit = self.hands.choice([1, 2, 4])
        for worker in self.workers.workers:
            worker.drain()
        self.workers.fill()

    def _cancel(self) -> None:
        world, now = self.stack.world, self.stack.clock.now_ms()
        wanted = [record.id for record in world.executions.values() if not is_end(record.state)]
        wanted += [entry.execution for entry in world.lines[TENANT].values()]
        if not wanted:
            return
        id = self.hands.choice(wanted)
        before = world.executions.get((TENANT, id))
        try:
            self.stack.cancel.run(TENANT, id)
        except (Conflict, NotFound, PortError):
            return
        after = world.executions.get((TENANT, id))
        if after is not None and after.cancel:
            self.workers.witness.cancels.setdefault(id, Cancel(now, before.attempt if before else 0))

    def _redrive(self) -> None:
        stack = self.stack
        dead = [record for record in stack.world.executions.values() if record.state in DEAD_LETTERS]
        if not dead:
            return
        chosen = self.hands.choice(dead)
        with suppress(PortError):
            flow = Redrive(stack.jobs, stack.clock, stack.telemetry, stack.wheel_writer)
            flow.run([(chosen.id, chosen)], RedrivePlan({chosen.id: chosen.version}, 10))

    # --- what is promised ---------------------------------------------------------------------------------

    def violations(self) -> list[str]:
        """Every broken promise, in words."""
        workers = self.workers
        promises = LinePromises(self, HELD_UP_MS)  # type: ignore[arg-type]
        return [
            *workers.scheduler.failures,
            *workers.witness.broken,
            *self.watch.broken,
            *self.watch.kept(),
            *promises.broken(),
        ]


class LinePromises(WorkedPromises):
    """What must hold of the end of it, beside what was seen."""

    def broken(self) -> list[str]:
        kept = [self._unsettled, self._doubled, self._without_effect, self._without_end, self._gone]
        return [fault for promise in kept for fault in promise()]

    def _gone(self) -> list[str]:
        """What came to the queue has a record."""
        world = self.history.stack.world
        return [f"{id} has no record" for id in self.history.arrived if (TENANT, id) not in world.executions]
