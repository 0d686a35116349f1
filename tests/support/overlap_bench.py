"""A job whose runs may not overlap: its messages by hand, its workers' steps one by one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy, Strategy
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.domain.wheel.expansion import execution_firing
from tidewheel.engine.worker.disposition import Action, Disposition
from tidewheel.ports import Call

STEP_MS = 10_000
RUNS = 6
LONG_MS, SOON_MS = 10 * 60_000, 30_000
"""A time-out whose lease outlives all that is due soon: past its lease, a worker holds no lock."""
OK, FAILED = Answer(Result.SUCCEEDED, 200, "ok"), Answer(Result.FAILED, 500, "", "HTTP 500")
GUARDED = [Overlap.SKIP, Overlap.QUEUE, Overlap.REPLACE]


def number_of(run: Call | Execution) -> int:
    """Which of the job's runs it is."""
    return (run.nominal_ms - START_MS) // STEP_MS


class Bench:
    """A job each ten seconds, whose messages are handed to workers one by one."""

    def __init__(self, overlap: Overlap, **fields: object) -> None:
        self.stack = MemoryStack()
        self.stack.workers_up = False
        retry = RetryPolicy(max_attempts=2, strategy=Strategy.FIXED, base_ms=15_000, jitter=0)
        plain = {"overlap": overlap, "timeout_ms": 1_000, "retry": retry, "end": START_MS + RUNS * STEP_MS}
        self.job = self.stack.create(every(STEP_MS), **(plain | fields))

    def turn_for(self, duration_ms: int) -> None:
        """Runs the wheel and the workers, as they are."""
        self.stack.workers_up = True
        self.stack.turn_for(duration_ms)

    def id(self, number: int) -> str:
        return str(ExecutionId(self.job.id, START_MS + number * STEP_MS))

    def message(self, number: int, attempt: int = 1) -> Dispatch:
        due = START_MS + number * STEP_MS
        return Dispatch(TENANT, self.id(number), attempt, self.job.generation, due, recorded=attempt > 1)

    def handle(self, number: int, attempt: int = 1) -> str:
        return self.stack.runner.handle(self.message(number, attempt)).why

    def during(self, *steps: Callable[[], object], answer: Answer = OK) -> list[object]:
        """While the target is called for the first time, all this happens; the answers are what came of it."""
        seen: list[object] = []

        def called(_call: Call) -> Answer:
            self.stack.caller.answers = lambda _call: OK
            seen.extend(step() for step in steps)
            return answer

        self.stack.caller.answers = called
        return seen

    def vanishing(self) -> None:
        """The next worker dies while it calls the target."""

        def called(_call: Call) -> Answer:
            self.stack.caller.answers = lambda _call: OK
            raise RuntimeError("killed")

        self.stack.caller.answers = called

    def record(self, number: int) -> Execution:
        return self.stack.execution_service.get(TENANT, self.id(number))

    def state(self, number: int) -> tuple[State, str]:
        record = self.record(number)
        return record.state, record.reason

    @property
    def lock(self) -> Lock | None:
        return self.stack.locks.get(TENANT, self.job.id)

    @property
    def called(self) -> list[int]:
        """Which runs were called, in order."""
        return [number_of(call) for _, call in self.stack.caller.calls]

    def edit(self, **changes: object) -> None:
        def builder(_id: str, _now: int, existing: Definition | None) -> Definition:
            assert existing is not None
            return replace(existing, **changes)  # type: ignore[arg-type]

        self.job = self.stack.job_service.edit(TENANT, self.job.id, builder)

    def waiting(self) -> list[ExecutionEntry]:
        """What waits on the wheel for attempts."""
        slots = list(self.stack.world.singles)
        entries = [entry for slot in slots for entry in self.stack.wheel.load(slot).singles.values()]
        return [entry for entry in entries if isinstance(entry, ExecutionEntry)]


class Killed(Exception):
    """The worker is gone."""


class Deliveries:
    """The queue between wheel and workers: delivers each message when it is due, and again if it comes back."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._order = itertools.count()
        self._agenda: list[tuple[int, int, Dispatch]] = []
        for number in range(RUNS):
            self._bring(bench.message(number).due_ms, bench.message(number))

    def _bring(self, at_ms: int, dispatch: Dispatch) -> None:
        heapq.heappush(self._agenda, (at_ms, next(self._order), dispatch))

    def deliver(self, within_ms: int = SOON_MS) -> None:
        """The next message, if it is due soon, from its arrival to what becomes of it."""
        stack = self.bench.stack
        if not self._agenda or self._agenda[0][0] > stack.clock.now_ms() + within_ms:
            return
        at_ms, _, dispatch = heapq.heappop(self._agenda)
        stack.clock.sleep_until(at_ms)
        try:
            disposition = stack.runner.handle(dispatch)
        except Killed:
            disposition = Disposition(Action.RETRY_LATER, "killed", 4_000)
        if disposition.action is Action.RETRY_LATER:
            self._bring(stack.clock.now_ms() + disposition.delay_ms, dispatch)
        for entry in self.bench.waiting():
            self._bring(max(entry.due_ms, stack.clock.now_ms() + 1_000), execution_firing(entry).dispatch)
        stack.world.singles.clear()

    def settle(self) -> None:
        while self._agenda:
            self.deliver(within_ms=10**12)


Act = Callable[[Deliveries], None]
Plan = Mapping[int, tuple[Act, bool]]
"""What happens at which of the workers' steps: before it is applied, or (true) after."""


class StepTap:
    """Counts the workers' steps, and lets things happen between them."""

    def __init__(self, deliveries: Deliveries, plan: Plan) -> None:
        self.steps = 0
        self._deliveries, self._plan = deliveries, plan
        stack = deliveries.bench.stack
        parts = {"get": [stack.locks, stack.executions], "swap": [stack.locks, stack.executions]}
        for name, tapped in (parts | {"put": [stack.wheel], "call": [stack.caller]}).items():
            for part in tapped:
                setattr(part, name, self._tapped(getattr(part, name)))

    def _tapped(self, operation: Callable[..., object]) -> Callable[..., object]:
        def tapped(*args: object) -> object:
            self.steps += 1
            act, after = self._plan.get(self.steps, (None, False))
            if act and not after:
                act(self._deliveries)
            result = operation(*args)
            if act and after:
                act(self._deliveries)
            return result

        return tapped
