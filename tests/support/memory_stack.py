"""A whole deployment in memory, on virtual time: the real flows, a target that records its calls, and workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.support.calls import a_quota
from tests.support.runners import a_runner
from tests.support.workflows import KeptWorkflows
from tidewheel.adapters.memory import (
    CountedEntropy,
    InlineExecutor,
    MemoryApiKeys,
    MemoryAudit,
    MemoryCircuits,
    MemoryControl,
    MemoryCounters,
    MemoryExecutions,
    MemoryJobs,
    MemoryLocks,
    MemoryLogs,
    MemoryPermitLines,
    MemoryPermits,
    MemoryQueue,
    MemoryRequests,
    MemoryTallies,
    MemoryTenants,
    MemoryWheel,
    MemoryWorkflows,
    Message,
    RecordingTelemetry,
    SettableClock,
    World,
)
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.fleet.circuit import Tolerance
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.jobs.job import Definition, Job, Target
from tidewheel.domain.jobs.precision import TICK_MS, Precision
from tidewheel.domain.quotas.plans import Plans
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.api.cancel import Cancel
from tidewheel.engine.api.executions import ExecutionService
from tidewheel.engine.api.jobs import JobService
from tidewheel.engine.api.runs.directing import RunDirector
from tidewheel.engine.api.services import ApiServices
from tidewheel.engine.common.quota import Quota
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.orchestration.sender import NodeSender
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.guard import LineGuard
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.engine.recovery.dead_letter_handler import DeadLetterHandler
from tidewheel.engine.recovery.overdue import OverdueCheck
from tidewheel.engine.recovery.passage import Passage
from tidewheel.engine.recovery.reconciler import Reconciler
from tidewheel.engine.scheduler.context import Stores
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.engine.scheduler.term import End
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.engine.worker.circuit_breaker import CircuitBreaker
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.lease_renewer import LeaseRenewer
from tidewheel.engine.worker.runner import Runner
from tidewheel.ports import Call, Clock, Locks, Received
from tidewheel.wire.message import load
from tidewheel.wire.targets import circuit_key
from tidewheel.wiring.api.services import ApiPorts, services_of
from tidewheel.wiring.ends import end_handler
from tidewheel.wiring.wheel_writer import wheel_writer

START_MS = 1_795_000_000_000 - 1_795_000_000_000 % 60_000  # a whole minute in November 2026
TENANT = "default"
TOLERANCE = Tolerance()


class PumpedClock(SettableClock):
    """Virtual time, of which every step runs the workers: ten in a second at least, however long anybody sleeps."""

    def __init__(self, now_ms: int) -> None:
        super().__init__(now_ms)
        self.pump: Callable[[], None] | None = None
        self._pumping = False

    def sleep_until(self, instant_ms: int) -> None:
        if self.pump is None or self._pumping:
            super().sleep_until(instant_ms)
            return
        while True:
            super().sleep_until(min(instant_ms, self._now_ms - self._now_ms % TICK_MS + TICK_MS))
            self._pumping = True
            try:
                self.pump()
            finally:
                self._pumping = False
            if self._now_ms >= instant_ms:
                return

    def sleep(self, duration_ms: int) -> None:
        self.sleep_until(self.now_ms() + duration_ms)


@dataclass
class RecordingCaller:
    """A target: keeps its calls with the time they came, answers what it is told to."""

    clock: SettableClock
    calls: list[tuple[int, Call]] = field(default_factory=list)
    answers: Callable[[Call], Answer] = lambda _call: Answer(Result.SUCCEEDED, 200, "ok")

    def call(self, call: Call) -> Answer:
        self.calls.append((self.clock.now_ms(), call))
        return self.answers(call)

    @property
    def nominal(self) -> list[int]:
        """Nominal times of all calls, in their order."""
        return [call.nominal_ms for _, call in self.calls]


@dataclass
class RecordingLauncher:
    """Counts how often a scheduler was called for."""

    launched: int = 0

    def launch(self, instance: int) -> None:
        self.launched += 1


class MemoryStack:
    """Everything that a deployment has, in memory."""

    def __init__(
        self,
        shards: int = 2,
        now_ms: int = START_MS,
        pace: Pace = LOOP,
        tenant_concurrency: Mapping[str, int] | None = None,
        tolerance: Tolerance = TOLERANCE,
        clock: SettableClock | None = None,
        plans: Plans | None = None,
    ) -> None:
        self.plans = plans or {}
        self.pace, self.tenant_concurrency, self.tolerance = pace, tenant_concurrency or {}, tolerance
        self.clock = clock or PumpedClock(now_ms)
        if isinstance(self.clock, PumpedClock):
            self.clock.pump = self.pump
        self.world = World()
        self.jobs = MemoryJobs(self.world, self.clock)
        self.executions = MemoryExecutions(self.world)
        self.locks: Locks = MemoryLocks(self.world)
        self.wheel = MemoryWheel(self.world, self.clock)
        self.control = MemoryControl()
        self.tenants = MemoryTenants(self.world)
        self.queue = MemoryQueue(self.clock)
        self.shards = shards
        self.layouts = self.fresh_layouts()
        self.telemetry = RecordingTelemetry()
        self.entropy = CountedEntropy()
        self.caller = RecordingCaller(self.clock)
        self.launcher = RecordingLauncher()
        self.logs = MemoryLogs()
        self.lease_renewer = self.fresh_lease_renewer()
        self.admission = self.fresh_admission()
        self.api_quota = self.fresh_quota()
        self.workflows = KeptWorkflows()
        self.workers_up = True
        self.workers_clock: Clock = self.clock
        self._held: list[tuple[int, Route, Message]] = []
        self._owners = 0
        self._stop_ms = 0

    def fresh_layouts(self) -> LayoutCache:
        """What a process that starts now knows of the shards: nothing yet, but how many there are to be."""
        return LayoutCache(self.control, self.clock, self.shards)

    @property
    def api_ports(self) -> ApiPorts:
        return ApiPorts(
            self.jobs,
            self.executions,
            self.wheel,
            self.queue,
            self.clock,
            self.entropy,
            self.telemetry,
            self.layouts,
            self.logs,
            self.locks,
            MemoryCircuits(self.world),
            self.control,
            MemoryRequests(self.world),
            MemoryTenants(self.world),
            MemoryApiKeys(self.world),
            self.api_quota,
            MemoryCounters(self.world),
            MemoryAudit(self.world),
            MemoryPermits(self.world),
            MemoryPermitLines(self.world),
            MemoryTallies(self.world),
            MemoryWorkflows(self.world),
            self.workflows.versions(),
            self.pace,
        )

    @property
    def api(self) -> ApiServices:
        return services_of(self.api_ports)

    @property
    def job_service(self) -> JobService:
        return self.api.jobs

    @property
    def execution_service(self) -> ExecutionService:
        return self.api.executions

    @property
    def runner(self) -> Runner:
        return a_runner(
            self.jobs,
            self.executions,
            self.wheel,
            self.queue,
            {"http": self.caller},
            self.workers_clock,
            self.entropy,
            self.telemetry,
            self.layouts,
            self.locks,
            self.lease_renewer,
            self.admission,
            self.pace,
            versions=self.workflows.versions(),
        )

    def fresh_quota(self) -> Quota:
        """What a process that starts now counts with; it has no tokens yet."""
        return a_quota(self.clock, self.tenants, MemoryCounters(self.world), self.plans)

    def fresh_lease_renewer(self) -> LeaseRenewer:
        """The lease renewer of a new worker process; whoever moves the clock calls its ``tick``."""
        return LeaseRenewer(self.executions, self.queue, self.logs, self.clock, self.telemetry, InlineExecutor())

    def fresh_admission(self) -> AdmissionControl:
        """What a worker process that starts now knows of targets and tenants: nothing yet."""
        quota = self.fresh_quota()
        return AdmissionControl(
            quota,
            CircuitBreaker(MemoryCircuits(self.world), self.clock, self.telemetry, self.tolerance),
            ConcurrencyLimiter(self.grants, self.running_limits(quota)),
            circuit_key,
        )

    def running_limits(self, quota: Quota) -> RunningLimits:
        """How many executions may run at once, as a process knows it."""
        return RunningLimits(self.tenant_concurrency, quota.of)

    @property
    def grants(self) -> PermitGrants:
        return PermitGrants(
            MemoryPermits(self.world),
            MemoryPermitLines(self.world),
            self.executions,
            self.queue,
            self.clock,
            self.entropy,
            self.telemetry,
            self.wheel_writer.put,
        )

    @property
    def wheel_writer(self) -> WheelWriter:
        return wheel_writer(self.wheel, self.queue, self.layouts, self.clock, self.telemetry, self.pace)

    @property
    def ends(self) -> EndHandler:
        return end_handler(
            self.executions,
            self.locks,
            self.clock,
            self.wheel_writer,
            self.telemetry,
            self.jobs,
            self.queue,
            self.workflows.versions(),
        )

    @property
    def dead_letter_handler(self) -> DeadLetterHandler:
        return DeadLetterHandler(
            self.jobs, self.executions, self.wheel, self.queue, self.clock, self.telemetry, self.ends, load
        )

    @property
    def cancel(self) -> Cancel:
        return self.execution_service.canceller

    @property
    def run_director(self) -> RunDirector:
        versions, sender = self.workflows.versions(), NodeSender(self.queue, self.clock, self.wheel_writer.put)
        return RunDirector(self.executions, self.jobs, versions, self.ends, sender, self.clock, self.telemetry)

    @property
    def overdue(self) -> OverdueCheck:
        lines = MemoryPermitLines(self.world)
        passage = Passage(self.wheel, self.control, self.queue, self.layouts, self.telemetry, lines)
        return OverdueCheck(self.executions, self.jobs, passage, self.clock, self.telemetry)

    @property
    def reconcile(self) -> Reconciler:
        return Reconciler(
            self.jobs,
            self.executions,
            self.wheel,
            self.control,
            self.control,
            self.queue,
            self.clock,
            self.telemetry,
            self.layouts,
            MemoryPermitLines(self.world),
        )

    def scheduler_loop(self, version: str = "v1", instance: int = 0, instances: int = 1) -> SchedulerLoop:
        self._owners += 1
        quota = self.fresh_quota()
        stores = Stores(self.wheel, self.jobs, self.executions, self.control, self.control, self.control)
        return SchedulerLoop(
            stores,
            self.queue,
            self.launcher,
            self.clock,
            self.telemetry,
            InlineExecutor(),
            self.fresh_layouts(),
            self.ends,
            f"owner-{self._owners}",
            version,
            instance,
            instances,
            self.pace,
            lambda: LineGuard(self.grants, self.running_limits(quota)),
            tenants=quota.tenants,
        )

    def turn_for(self, duration_ms: int, version: str = "v1") -> End:
        """Runs one scheduler that hands over cleanly after about so long."""
        until = self.clock.now_ms() + duration_ms
        return self.scheduler_loop(version).run(lambda: until - self.clock.now_ms() + 6_000)

    def crash_after(self, duration_ms: int) -> None:
        """Runs one scheduler and kills it between two steps: nothing is handed over."""
        until = self.clock.now_ms() + duration_ms

        def remaining() -> int:
            if self.clock.now_ms() >= until:
                raise Crashed
            return 10**9

        try:
            self.scheduler_loop().run(remaining)
        except Crashed:
            return

    def pump(self) -> None:
        """Lets workers take what is visible; one that came early is held without stopping the clock."""
        if not self.workers_up:
            return
        for route in self.queue.visible():
            self._held += [(message.dispatch.due_ms, route, message) for message in self.queue.take(route, 1_000)]
        if not self._held:
            return
        now = self.workers_clock.now_ms()
        ready = [held for held in self._held if held[0] <= now]
        self._held = [held for held in self._held if held[0] > now]
        for _, route, message in ready:
            self.work(route, message)

    def work(self, route: Route, message: Message) -> None:
        consumer = Consumer(self.runner, self.queue, self.telemetry, load, InlineExecutor())
        kept = consumer.handle(
            [Received(message.receipt, message.receipt, message.body, route, message.received, message.sent_ms)]
        )
        if not kept:
            self.queue.delete(route, [message.receipt])

    def create(self, timing: At | Every | Cron | None, **fields: object) -> Job:
        """A job with an http target; ``url``, ``circuit``, ``start``, ``end`` and the definition's own fields."""
        start, end = fields.pop("start", None), fields.pop("end", None)
        target = Target("http", {name: fields.pop(name) for name in ("url", "circuit") if name in fields})

        def builder(_id: str, _now: int, _existing: Definition | None) -> Definition:
            schedule = None if timing is None else Schedule(timing, start, end)  # type: ignore[arg-type]
            return Definition("job", schedule, target, **fields)  # type: ignore[arg-type]

        return self.job_service.create(TENANT, builder)

    def effects(self) -> Sequence[str]:
        """Execution ids of all calls, in their order."""
        return [call.execution for _, call in self.caller.calls]


class Crashed(Exception):
    """The process is gone."""


def every(interval_ms: int, anchor_ms: int | None = None) -> Every:
    """An interval from its anchor on; without one it counts from the past, and the start is an instant of it."""
    return Every(interval_ms, START_MS - interval_ms if anchor_ms is None else anchor_ms)


__all__ = ["START_MS", "TENANT", "Crashed", "Cron", "MemoryStack", "Precision", "every"]
