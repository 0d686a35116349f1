"""A worker of a tenant whose target fails, or whose permits are few: messages by hand, on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result
from tidewheel.domain.fleet.circuit import Circuit, Phase, Tolerance
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import RetryPolicy
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.permits.line import LineEntry
from tidewheel.domain.permits.permit import Permit, is_void
from tidewheel.domain.wheel.entries import ExecutionEntry, decode
from tidewheel.engine.permits.guard import LineGuard
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.engine.worker.circuit_breaker import CircuitBreaker
from tidewheel.engine.worker.disposition import Disposition
from tidewheel.engine.worker.runner import Runner
from tidewheel.ports import Call, Circuits, PermitLines, Permits

OPEN_MS = 10 * MINUTE_MS
URL, KEY = "https://api.example/hook", "http:api.example:443/hook"
OK, FAILED = Answer(Result.SUCCEEDED, 200, "ok"), Answer(Result.FAILED, 500, "", "HTTP 500")


class Watched:
    """Circuits or permits that count what is asked of them, and fail when they are told to."""

    def __init__(self, inner: Circuits | Permits | PermitLines) -> None:
        self._inner = inner
        self.asked: list[str] = []
        self.fails: Callable[[str], Exception | None] = lambda _: None

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*args: object) -> object:
            self.asked.append(name)
            if error := self.fails(name):
                raise error
            return getattr(self._inner, name)(*args)  # type: ignore[no-any-return]

        return call


class Bench:
    """Messages of one job's occurrences, a second apart."""

    def __init__(self, failures: int = 3, limit: int | None = None, **fields: object) -> None:
        concurrency = {} if limit is None else {TENANT: limit}
        self.stack = MemoryStack(tolerance=Tolerance(failures, OPEN_MS), tenant_concurrency=concurrency)
        self.stack.workers_up = False
        self.stack.layouts.now()
        self.circuits = Watched(self.stack.admission.breaker._circuits)
        self.grants = self.stack.grants
        self.permits = Watched(self.grants.permits)
        self.lines = Watched(self.grants.lines)
        self.watched = replace(self.grants, permits=self.permits, lines=self.lines)  # type: ignore[arg-type]
        self.guard = self.fresh_guard()
        self.admission = self.another()
        fields = {"retry": RetryPolicy(max_attempts=1), "url": URL, **fields}
        self.job: Job = self.stack.create(every(SECOND_MS, START_MS), **fields)
        self.world = self.stack.world

    def another(self) -> AdmissionControl:
        """The admission of another worker process."""
        stack, quota = self.stack, self.stack.fresh_quota()
        return replace(
            stack.admission,
            quota=quota,
            breaker=CircuitBreaker(self.circuits, stack.clock, stack.telemetry, stack.tolerance),  # type: ignore[arg-type]
            limiter=ConcurrencyLimiter(self.watched, stack.running_limits(quota)),
        )

    def fresh_guard(self) -> LineGuard:
        """The line guard of a term that begins now."""
        return LineGuard(self.watched, self.stack.running_limits(self.stack.fresh_quota()))

    def redeployed(self, limit: int) -> None:
        """The deployment has another limit: workers and schedulers start anew."""
        self.stack.tenant_concurrency = {TENANT: limit}
        self.admission, self.guard = self.another(), self.fresh_guard()

    @property
    def runner(self) -> Runner:
        return replace(self.stack.runner, admission=self.admission)

    def dispatch(self, number: int, attempt: int = 1, *, recorded: bool = False) -> Dispatch:
        due = START_MS + number * SECOND_MS
        return Dispatch(TENANT, str(ExecutionId(self.job.id, due)), attempt, 1, due, recorded=recorded)

    def handle(self, number: int, attempt: int = 1, *, recorded: bool = False) -> str:
        """Runs a message; the answer is why it was acknowledged or comes back."""
        return self.disposition(number, attempt, recorded=recorded).why

    def disposition(self, number: int, attempt: int = 1, *, recorded: bool = False) -> Disposition:
        return self.runner.handle(self.dispatch(number, attempt, recorded=recorded))

    def answers(self, *answers: Answer | Callable[[Call], Answer]) -> None:
        """Sets what the target answers to the calls to come; the last one is repeated."""
        left = list(answers)

        def answer(call: Call) -> Answer:
            one = left.pop(0) if len(left) > 1 else left[0]
            return one(call) if callable(one) else one

        self.stack.caller.answers = answer

    def opened(self) -> int:
        """Opens the circuit by failures; the answer is when it may close (ms)."""
        self.answers(FAILED)
        number = 0
        while self.phase is not Phase.OPEN:
            assert self.handle(number) in ("dead", "retrying")
            number += 1
        self.answers(OK)
        self.stack.caller.calls.clear()
        return self.circuit.open_until_ms

    @property
    def now_ms(self) -> int:
        return self.stack.clock.now_ms()

    @property
    def circuit(self) -> Circuit:
        return self.world.circuits.get((TENANT, KEY), Circuit(TENANT, KEY))

    @property
    def phase(self) -> Phase:
        return self.circuit.phase(self.now_ms)

    @property
    def taken(self) -> list[Permit]:
        """The permits that are held, and not void."""
        records = self.world.executions
        held = [permit for permit in self.world.permits.values() if permit.holder]
        return [permit for permit in held if not is_void(permit, records.get((TENANT, permit.execution)))]

    @property
    def line(self) -> list[LineEntry]:
        """Who waits for a permit, in order."""
        return list(self.grants.lines.head(TENANT, 1_000))

    def opened_by_another(self) -> None:
        """Another worker opens the circuit; this one does not know it yet."""
        self.world.circuits[TENANT, KEY] = Circuit(TENANT, KEY, failures=3, open_until_ms=self.now_ms + OPEN_MS)
        self.admission = self.another()

    def woken(self) -> list[Dispatch]:
        """The messages that brought permits, in the order in which they were sent; they are taken from the queue."""
        found: list[Dispatch] = []
        for route in self.stack.queue.visible():
            for message in self.stack.queue.take(route, 1_000):
                self.stack.queue.delete(route, [message.receipt])
                found += [message.dispatch] if message.dispatch.grant else []
        return found

    def record(self, number: int) -> Execution | None:
        return self.world.executions.get((TENANT, self.dispatch(number).execution))

    def entries(self, number: int) -> list[ExecutionEntry]:
        """What waits on the wheel of an execution."""
        return self.entries_of(self.dispatch(number).execution)

    def entries_of(self, id: str) -> list[ExecutionEntry]:
        """What waits on the wheel of the execution of an id."""
        found = [decode(text) for slot in self.world.singles.values() for text in slot.values()]
        return [entry for entry in found if isinstance(entry, ExecutionEntry) and entry.execution == id]

    @property
    def calls(self) -> int:
        return len(self.stack.caller.calls)
