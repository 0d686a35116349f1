"""Fairness on virtual time: what a tenant's backlog, or a target that is down, costs the others.

Workers are threads on one clock; what a look at a message costs one of them is time as well. A plain queue gives
messages out in their order. A fair one, as Amazon SQS describes its fair queues, lets those of tenants go first that
have few in flight; it is imitated here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import pytest

from tests.support.memory_stack import START_MS, MemoryStack, every
from tests.support.thread_scheduler import ThreadScheduler
from tidewheel.adapters.memory import InlineExecutor, MemoryQueue, Message
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.fleet.circuit import Tolerance
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Job, Target
from tidewheel.domain.jobs.policies import RetryPolicy
from tidewheel.domain.limits import CIRCUIT_FRESH_MS, CIRCUIT_SPREAD_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.permits.permit import is_void
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.ports import SEND_BATCH, Call, Received
from tidewheel.wire.message import load

BUSY, QUIET = "busy", "quiet"
BACKLOG = 2_000
LIMIT, SLOTS = 20, 40
LOOK_MS, RUN_MS, POLL_MS = 20, SECOND_MS, 200
ROUTE = Route("lambda", "normal")
URL, KEY = "https://api.example/hook", "http:api.example:443/hook"


class FairQueue(MemoryQueue):
    """Gives out first what belongs to the tenant with the fewest messages in flight."""

    @cached_property
    def _tenants(self) -> dict[str, str]:
        return {}

    def _tenant(self, message: Message) -> str:
        if message.receipt not in self._tenants:
            self._tenants[message.receipt] = message.dispatch.tenant
        return self._tenants[message.receipt]

    def _taken(self, route: Route, limit: int, hidden_ms: int) -> list[Message]:
        now = self._clock.now_ms()
        messages = list(self._messages.get(route, {}).values())
        flying = Counter(self._tenant(message) for message in messages if message.visible_ms > now)
        ready = sorted(
            (message for message in messages if message.visible_ms <= now),
            key=lambda message: flying[self._tenant(message)],
        )
        for message in ready[:limit]:
            message.visible_ms = now + hidden_ms
            message.received += 1
        return ready[:limit]


@dataclass
class Timed:
    """A target that takes its time; keeps who called it when, and how many at once."""

    clock: ThreadScheduler
    answers: Callable[[Call], Answer] = lambda _: Answer(Result.SUCCEEDED, 200)
    run_ms: int = RUN_MS
    calls: list[tuple[int, Call]] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)

    def call(self, call: Call) -> Answer:
        self.calls.append((self.clock.now_ms(), call))
        self.running[call.tenant] += 1
        self.most[call.tenant] = max(self.most[call.tenant], self.running[call.tenant])
        self.clock.sleep(self.run_ms)
        self.running[call.tenant] -= 1
        return self.answers(call)


class Fleet:
    """A scheduler, and worker processes with several slots each."""

    def __init__(self, queue: type[MemoryQueue] = MemoryQueue, **stack: object) -> None:
        self.clock = ThreadScheduler(START_MS)
        self.stack = MemoryStack(shards=1, clock=self.clock, **stack)  # type: ignore[arg-type]
        self.stack.queue = queue(self.clock)
        self.target = Timed(self.clock)
        self.stack.caller = self.target  # type: ignore[assignment]

    def start(self, processes: int, slots: int) -> None:
        end_ms = self.clock.now_ms() + 100 * 60 * MINUTE_MS
        self.clock.start(lambda: self.stack.scheduler_loop().run(lambda: end_ms - self.clock.now_ms()))  # type: ignore[arg-type,return-value]
        for _ in range(processes):
            lease_renewer = self.stack.fresh_lease_renewer()
            calls = replace(self.stack.runner.calls, lease_renewer=lease_renewer)
            runner = replace(self.stack.runner, calls=calls, admission=self.stack.fresh_admission())
            consumer = Consumer(runner, self.stack.queue, self.stack.telemetry, load, _threads=InlineExecutor())  # type: ignore[arg-type]
            self.clock.start(lambda lease_renewer=lease_renewer: self._keep(lease_renewer.tick))  # type: ignore[misc]
            for _ in range(slots):
                self.clock.start(lambda consumer=consumer: self._work(consumer))  # type: ignore[misc]

    def _keep(self, tick: Callable[[], None]) -> None:
        while True:
            self.clock.sleep(SECOND_MS)
            tick()

    def _work(self, consumer: Consumer) -> None:
        queue = self.stack.queue
        while True:
            route = next(iter(queue.visible()), None)
            messages = queue.take(route, 1) if route else []
            if route is None or not messages:
                self.clock.sleep(POLL_MS)
                continue
            (message,) = messages
            self.clock.sleep(LOOK_MS)
            received = Received(message.receipt, message.receipt, message.body, route, message.received)
            if not consumer.handle([received]):
                queue.delete(route, [message.receipt])

    def job(self, tenant: str, **fields: object) -> Job:
        def builder(*_: object) -> Definition:
            fields.setdefault("retry", RetryPolicy(max_attempts=1))
            schedule = Schedule(every(365 * 24 * 60 * MINUTE_MS, START_MS + 30 * MINUTE_MS))
            return Definition("job", schedule, Target("http", {"url": URL}), **fields)  # type: ignore[arg-type]

        return self.stack.job_service.create(tenant, builder)

    def send(self, job: Job, count: int) -> list[str]:
        """Messages of so many occurrences that are due."""
        due = [START_MS - number for number in range(count)]
        ids = [str(ExecutionId(job.id, at)) for at in due]
        sent = [Dispatch(job.tenant, id, 1, 1, START_MS, recorded=False) for id in ids]
        for first in range(0, count, SEND_BATCH):
            self.stack.queue.send(ROUTE, sent[first : first + SEND_BATCH])
        return ids

    def called_ms(self, tenant: str) -> list[int]:
        return [at for at, call in self.target.calls if call.tenant == tenant]

    def states(self, tenant: str) -> Counter[State]:
        return Counter(record.state for (whose, _), record in self.stack.world.executions.items() if whose == tenant)


@contextmanager
def fleet(queue: type[MemoryQueue] = MemoryQueue, **stack: object) -> Iterator[Fleet]:
    made = Fleet(queue, **stack)
    yield made
    made.clock.end()


def delay_of_the_quiet_one(made: Fleet) -> int:
    """How long (ms) one job of a tenant waits behind another tenant's backlog."""
    made.send(made.job(BUSY), BACKLOG)
    made.send(made.job(QUIET), 1)
    made.start(processes=4, slots=SLOTS // 4)
    while not made.called_ms(QUIET):
        made.clock.run_until(made.clock.now_ms() + SECOND_MS)
    return made.called_ms(QUIET)[0] - START_MS


def test_without_a_limit_a_backlog_delays_everybody() -> None:
    with fleet() as made:
        delay_ms = delay_of_the_quiet_one(made)
        assert made.target.most[BUSY] == SLOTS
        assert delay_ms > BACKLOG // SLOTS * RUN_MS


def test_with_a_limit_a_backlog_costs_the_others_one_look_at_each_of_its_messages(
    record_property: Callable[[str, object], None],
) -> None:
    """On a plain queue: as many as the limit allows run; the other slots look through the rest of the backlog."""
    with fleet(tenant_concurrency={BUSY: LIMIT}) as made:
        delay_ms = delay_of_the_quiet_one(made)
        bound_ms = BACKLOG * LOOK_MS // (SLOTS - LIMIT) + POLL_MS + LOOK_MS
        assert delay_ms <= bound_ms  # 2.1 s, instead of 51 s
        made.clock.run_until(START_MS + 300 * SECOND_MS)
        assert made.states(BUSY) == {State.SUCCEEDED: BACKLOG}
        assert made.target.most == {BUSY: LIMIT, QUIET: 1}
        assert max(Counter(call.execution for _, call in made.target.calls).values()) == 1
        assert {record.attempt for record in made.stack.world.executions.values()} == {1}
        done_ms = made.called_ms(BUSY)[-1] - START_MS
        least_ms = BACKLOG // LIMIT * RUN_MS
        assert done_ms < 1.2 * least_ms  # a permit goes from one to the next
        world, counts = made.stack.world, made.stack.telemetry.counts
        looks = counts["execution_waiting[reason=permit]"] / BACKLOG
        record_property("figures", f"quiet after {delay_ms} ms, all after {done_ms} ms, {looks} looks in vain each")
        assert looks <= 1
        assert all(is_void(permit, world.executions.get((BUSY, permit.execution))) for permit in world.permits.values())
        assert not any(world.lines.values())


def test_in_a_fair_queue_a_backlog_costs_the_others_one_run() -> None:
    with fleet(FairQueue) as made:
        assert delay_of_the_quiet_one(made) <= RUN_MS + 2 * LOOK_MS + POLL_MS


def test_in_a_fair_queue_and_with_a_limit_it_costs_them_one_look() -> None:
    with fleet(FairQueue, tenant_concurrency={BUSY: LIMIT}) as made:
        assert delay_of_the_quiet_one(made) <= 2 * LOOK_MS + POLL_MS


# --- the scheduler's part -----------------------------------------------------------------------------------

FLOOD_MS, FLOODED_MS, FLOODED_RUN_MS, TIMES = START_MS + 10 * SECOND_MS, 30 * SECOND_MS, 50, 100


def lateness_beside_a_flood(queue: type[MemoryQueue]) -> tuple[list[int], list[int]]:
    """How late (ms) a tenant's run of each second is, while another tenant has a hundred in each, and afterwards."""
    with fleet(queue) as made:
        made.target.run_ms = FLOODED_RUN_MS
        over_ms = FLOOD_MS + FLOODED_MS

        def create(tenant: str, end_ms: int) -> None:
            schedule = Schedule(every(SECOND_MS, FLOOD_MS), FLOOD_MS, end_ms)
            made.stack.job_service.create(tenant, lambda *_: Definition("job", schedule, Target("http", {"url": URL})))

        for _ in range(TIMES):  # first, so that they are first in each second if nobody takes turns
            create(BUSY, over_ms)
        create(QUIET, over_ms + FLOODED_MS)
        made.start(processes=4, slots=SLOTS // 4)
        made.clock.run_until(over_ms + FLOODED_MS + 10 * SECOND_MS)
        late = [(call.nominal_ms, at - call.nominal_ms) for at, call in made.target.calls if call.tenant == QUIET]
        assert len(made.called_ms(BUSY)) == TIMES * FLOODED_MS // SECOND_MS
        return [one for due, one in late if due < over_ms], [one for due, one in late if due >= over_ms]


@pytest.mark.parametrize("queue", [FairQueue, MemoryQueue])
def test_a_flood_of_a_hundred_times_ones_share_costs_the_others_one_run(
    queue: type[MemoryQueue], record_property: Callable[[str, object], None]
) -> None:
    """From the wheel to the target: a slot has to become free. In a plain queue too, since what is sent is mixed."""
    during, afterwards = lateness_beside_a_flood(queue)
    assert min(len(during), len(afterwards)) >= 29
    record_property("figures", f"at most {max(during)} ms late during the flood, {max(afterwards)} ms afterwards")
    assert max(during) <= max(afterwards) + FLOODED_RUN_MS + 2 * LOOK_MS


# --- circuits -----------------------------------------------------------------------------------------------------

DOWN_MS, OPEN_MS, FAILURES = 15 * MINUTE_MS, 10 * MINUTE_MS, 5


@pytest.mark.parametrize("processes", [1, 3])
def test_while_a_circuit_is_open_nobody_is_called_and_afterwards_all_run(processes: int) -> None:
    slots = 4
    with fleet(tolerance=Tolerance(FAILURES, OPEN_MS)) as made:
        made.target.answers = lambda _: Answer(
            *((Result.FAILED, 503) if made.clock.now_ms() < START_MS + DOWN_MS else (Result.SUCCEEDED, 200))
        )
        ids = made.send(made.job(BUSY), 200)
        made.start(processes, slots)
        calls = made.target.calls
        opened: list[int] = []
        while made.clock.now_ms() < START_MS + 23 * MINUTE_MS:
            made.clock.run_until(made.clock.now_ms() + SECOND_MS)
            circuit = made.stack.world.circuits.get((BUSY, KEY))
            until_ms = circuit.open_until_ms if circuit else 0
            if until_ms and until_ms not in opened:
                opened.append(until_ms)
        first, second = opened  # half-open in vain after ten minutes, and with success after twenty
        unaware_ms = CIRCUIT_FRESH_MS + LOOK_MS if processes > 1 else LOOK_MS
        assert [at for at, _ in calls if first - OPEN_MS + unaware_ms < at < first] == []
        assert len([at for at, _ in calls if first <= at < second]) == 1  # the probe
        (probe, *_), after = [at for at, _ in calls if at >= second], [at for at, _ in calls if at >= second]
        assert [at for at in after if probe < at < probe + RUN_MS] == []  # one at a time until it is over
        in_vain = len(calls) - len(after)
        assert in_vain <= FAILURES + (processes * slots - 1) + (processes - 1) * slots * CIRCUIT_FRESH_MS // RUN_MS + 1
        assert made.states(BUSY) == {State.DEAD: in_vain, State.SUCCEEDED: len(ids) - in_vain}
        assert after[-1] < second + 2 * CIRCUIT_SPREAD_MS + MINUTE_MS
        records = made.stack.world.executions.values()
        assert {record.attempt for record in records} == {1}  # to wait used none
        assert max(Counter(call.execution for _, call in calls).values()) == 1
