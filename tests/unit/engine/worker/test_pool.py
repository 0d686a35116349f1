"""The loop of a pool's worker: what it takes when, what it gives back, what stops it, and what never does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

import pytest

from tests.support.later import Later
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.memory import InlineExecutor, MemoryQueue
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.fleet.route import PRIORITIES, Route
from tidewheel.domain.fleet.skew import Deviation
from tidewheel.domain.fleet.worker_slots import WorkerSlots
from tidewheel.domain.limits import LEASE_MS, SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.worker import pool
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.lease_renewer import HIDDEN_MS, LeaseRenewer
from tidewheel.engine.worker.pool import HAND_OVER_MS, LISTEN_MS, Pool
from tidewheel.engine.worker.scale_in import IDLE_MS, ScaleInGuard
from tidewheel.ports import Call, PortError, Received
from tidewheel.wire.message import load

FARGATE = "fargate"


@dataclass(frozen=True)
class Asked:
    """One request of the worker for messages."""

    priority: str
    limit: int
    wait_ms: int
    got: int


class Inbox:
    """The queue as the worker asks it; notes each request, and may refuse or have something happen first."""

    def __init__(self, queue: MemoryQueue) -> None:
        self.queue = queue
        self.asked: list[Asked] = []
        self.before: Callable[[str, int], None] = lambda _priority, _wait_ms: None

    def receive(self, route: Route, limit: int, hidden_ms: int, wait_ms: int = 0) -> Sequence[Received]:
        assert (route.pool, hidden_ms) == (FARGATE, HIDDEN_MS)
        self.before(route.priority, wait_ms)
        found = self.queue.receive(route, limit, hidden_ms, wait_ms)
        self.asked.append(Asked(route.priority, limit, wait_ms, len(found)))
        return found

    @property
    def listened(self) -> list[str]:
        return [asked.priority for asked in self.asked if asked.wait_ms]


@dataclass
class Bench:
    """A pool's worker over a deployment in memory."""

    slots: int = 4
    workers: Executor = field(default_factory=InlineExecutor)
    listeners: Executor = field(default_factory=InlineExecutor)
    drain_ms: int = 100_000

    def __post_init__(self) -> None:
        self.stack = MemoryStack()
        self.stack.workers_up = False
        self.inbox = Inbox(self.stack.queue)
        self.guard: ClockGuard | None = None
        self.pool = self.fresh()

    def fresh(self) -> Pool:
        """Another worker process."""
        stack = self.stack
        stack.lease_renewer = stack.fresh_lease_renewer()
        consumer = Consumer(stack.runner, stack.queue, stack.telemetry, load, InlineExecutor(), self.guard)  # type: ignore[arg-type]
        return Pool(
            FARGATE,
            WorkerSlots(self.slots),
            consumer,
            self.inbox,  # type: ignore[arg-type]
            stack.clock,
            Backoff(Random(5)),
            self.workers,
            self.listeners,
            drain_ms=self.drain_ms,
        )

    def job(self, priority: str = "normal", **fields: object) -> str:
        """A job that is due now; returns its name, which its calls show."""
        return self.stack.create(None, pool=FARGATE, priority=priority, **fields).id

    def work(self, rounds: int = 1) -> bool:
        """Runs the worker until every priority was listened to in vain so many times."""
        seen = self.inbox.listened.count("low") + rounds

        def stop(_priority: str, _wait_ms: int) -> None:
            if self.inbox.listened.count("low") >= seen:
                self.pool.stop()

        self.inbox.before = stop
        return self.pool.run()

    @property
    def called(self) -> list[str]:
        return [call.execution.partition("-")[0] for _, call in self.stack.caller.calls]

    @property
    def records(self) -> list[Execution]:
        return list(self.stack.world.executions.values())

    def depth(self) -> int:
        return sum(self.stack.queue.depth(Route(FARGATE, priority)) for priority in PRIORITIES)


class Kept:
    """Whoever scales the fleet: whether the machine is kept."""

    now = False

    def protect(self, _duration_ms: int) -> None:
        self.now = True

    def release(self) -> None:
        self.now = False


def test_its_machine_is_kept_while_a_message_is_held() -> None:
    bench, kept, seen = Bench(), Kept(), []
    guard = ScaleInGuard(kept, bench.stack.clock, bench.stack.telemetry)

    def called(_call: Call) -> Answer:
        guard.tick()
        seen.append(kept.now)
        return Answer(Result.SUCCEEDED)

    bench.stack.caller.answers = called
    bench.pool._scale_in = guard
    bench.job()
    assert bench.work()
    assert seen == [True]
    bench.stack.clock.advance(IDLE_MS)
    guard.tick()
    assert not kept.now


def test_its_loop_says_that_it_goes_on_while_every_slot_is_busy_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A health check must not have a task ended whose calls take hours."""
    monkeypatch.setattr(pool, "ALIVE_MS", 1)
    workers = ThreadPoolExecutor(1)
    bench = Bench(slots=1, workers=workers)
    looks, enough = [], threading.Event()

    def alive() -> None:
        looks.append(1)
        if len(looks) > 20:
            enough.set()

    def called(_call: Call) -> Answer:
        assert enough.wait(30), "the loop waits for the call"
        bench.pool.stop()
        return Answer(Result.SUCCEEDED)

    bench.stack.caller.answers = called
    bench.pool._alive = alive
    bench.job()
    assert bench.pool.run()
    workers.shutdown()


def test_what_waits_is_run_and_deleted() -> None:
    bench = Bench()
    jobs = {bench.job(priority) for priority in PRIORITIES for _ in range(5)}
    assert bench.work()
    assert set(bench.called) == jobs
    assert len(bench.called) == len(jobs)
    assert {record.state for record in bench.records} == {State.SUCCEEDED}
    assert bench.depth() == 0


def test_with_one_slot_critical_goes_first() -> None:
    bench = Bench(slots=1)
    expected = [bench.job(priority) for priority in reversed(PRIORITIES)][::-1]
    assert bench.work()
    assert bench.called == expected


def test_no_more_is_taken_than_there_are_slots() -> None:
    workers = Later()
    bench = Bench(slots=4, workers=workers, listeners=Later())
    for _ in range(9):
        bench.job("normal")
    bench.pool._fill()
    bench.pool._listen()
    assert len(workers.waiting) == 3  # one of four is critical's
    asks = [(asked.priority, asked.limit) for asked in bench.inbox.asked]
    assert asks == [("critical", 3), ("low", 1), ("high", 3), ("normal", 3)]  # critical leaves the last to low
    assert bench.stack.queue.waiting(Route(FARGATE, "normal")) == 6
    assert bench.pool._listening == {"critical"}
    workers.waiting.pop()[1]()
    bench.pool._handle_events(bench.pool._events.get())
    bench.pool._fill()
    assert len(workers.waiting) == 3
    assert "critical" not in [asked.priority for asked in bench.inbox.asked[4:]]  # somebody listens to it


def test_an_idle_worker_costs_one_long_poll_for_each_priority_at_a_time() -> None:
    bench = Bench()
    assert bench.work(rounds=25)
    first, then = bench.inbox.asked[:4], bench.inbox.asked[4:]
    assert {asked.wait_ms for asked in first} == {0}
    assert {(asked.limit, asked.wait_ms) for asked in then} == {(1, LISTEN_MS)}
    assert len(then) <= 26 * len(PRIORITIES)
    assert len(PRIORITIES) * SECOND_MS / LISTEN_MS <= 1  # a second


def test_what_arrives_while_it_listens_is_run_at_once_and_more_is_looked_for() -> None:
    bench = Bench(listeners=Later())
    listeners = bench.listeners
    assert isinstance(listeners, Later)
    bench.pool._fill()
    bench.pool._listen()
    jobs = [bench.job("high") for _ in range(3)]
    listeners.run(4)
    bench.pool._handle_events(bench.pool._events.get())
    assert bench.called == jobs[:1]
    bench.inbox.asked.clear()
    bench.pool._fill()
    assert bench.called == jobs
    assert [asked.priority for asked in bench.inbox.asked] == ["high"]  # of the others it has just heard nothing


def test_what_a_listener_brings_too_late_goes_back_at_once() -> None:
    workers, listeners = Later(), Later()
    bench = Bench(slots=1, workers=workers, listeners=listeners)
    bench.pool._fill()
    bench.pool._listen()
    bench.job("high")
    bench.job("low")
    listeners.run(4)
    bench.pool._handle_events(bench.pool._events.get())
    assert len(workers.waiting) == 1
    assert bench.stack.queue.waiting(Route(FARGATE, "low")) == 1
    assert bench.stack.telemetry.counts["message_returned[priority=low]"] == 1


def test_a_message_that_cannot_be_given_back_shows_again_when_its_lease_ends() -> None:
    listeners = Later()
    bench = Bench(slots=1, listeners=listeners)
    bench.pool._listen()
    bench.job("high")
    bench.pool.stop()
    bench.stack.queue.hide = refusing  # type: ignore[method-assign]
    listeners.run(4)
    assert bench.pool.run()
    assert bench.stack.queue.waiting(Route(FARGATE, "high")) == 0
    bench.stack.clock.advance(HIDDEN_MS)
    assert bench.stack.queue.waiting(Route(FARGATE, "high")) == 1


def refusing(*_args: object, **_fields: object) -> None:
    raise PortError("queue", "x", "down")


# --- faults -----------------------------------------------------------------------------------------------------


def test_a_queue_that_refuses_is_asked_again_at_a_pace_and_others_go_on() -> None:
    bench = Bench()
    slept: list[int] = []
    sleep, tries = bench.stack.clock.sleep, 6

    def before(priority: str, wait_ms: int) -> None:
        if priority == "normal" and len(slept) < tries:
            slept.append(bench.stack.clock.now_ms())
            raise PortError("queue.receive", "normal", "down")
        if len(bench.called) == len(jobs):
            bench.pool.stop()

    pauses: list[int] = []
    bench.stack.clock.sleep = lambda ms: (pauses.append(ms), sleep(ms))[1]  # type: ignore[method-assign]
    jobs = {bench.job("normal"), bench.job("low")}
    bench.inbox.before = before
    assert bench.pool.run()
    assert set(bench.called) == jobs
    backed_off = [pause for pause in pauses if pause not in {0, 100, LISTEN_MS}]
    assert len(backed_off) == tries
    for pause, longest in zip(backed_off, (400, 800, 1_600, 1_600, 1_600, 1_600), strict=True):
        assert longest // 2 <= pause <= longest
    assert bench.stack.telemetry.counts["receive_failed[priority=normal]"] == tries


def test_a_fault_of_ours_leaves_no_priority_unheard() -> None:
    bench = Bench()
    faults = iter([ZeroDivisionError(), ZeroDivisionError()])

    def before(_priority: str, wait_ms: int) -> None:
        if wait_ms and (fault := next(faults, None)):
            raise fault
        if len(bench.inbox.listened) >= 8:
            bench.pool.stop()

    bench.inbox.before = before
    assert bench.pool.run()
    assert set(bench.inbox.listened) == set(PRIORITIES)
    assert [what for what, _ in bench.stack.telemetry.errors] == ["unexpected error while receiving messages"] * 2


def test_a_message_that_cannot_be_deleted_comes_again_and_finds_that_all_is_done() -> None:
    bench = Bench()
    delete = bench.stack.queue.delete
    bench.stack.queue.delete = refusing  # type: ignore[method-assign]
    bench.job()
    assert bench.work()
    assert bench.depth() == 1
    bench.stack.queue.delete = delete  # type: ignore[method-assign]
    bench.stack.clock.advance(HIDDEN_MS)
    bench.pool = bench.fresh()
    assert bench.work()
    assert (len(bench.called), bench.depth()) == (1, 0)


def test_what_cannot_be_run_now_comes_back_later() -> None:
    bench = Bench()
    bench.job()
    swap = bench.stack.executions.swap
    bench.stack.executions.swap = refusing  # type: ignore[method-assign,assignment]
    assert bench.work()
    assert (bench.called, bench.depth()) == ([], 1)
    bench.stack.executions.swap = swap  # type: ignore[method-assign]
    bench.stack.clock.advance(HIDDEN_MS)
    bench.pool = bench.fresh()
    assert bench.work()
    assert (len(bench.called), bench.depth()) == (1, 0)


class Killed(BaseException):
    """The process is gone, and nothing was tidied up."""


def test_what_a_killed_worker_held_is_taken_over_when_its_lease_has_ended() -> None:
    bench = Bench()
    bench.job()

    def die(_call: Call) -> Answer:
        raise Killed

    bench.stack.caller.answers = die
    with pytest.raises(Killed):
        bench.work()
    killed_ms = bench.stack.clock.now_ms()
    assert bench.stack.queue.waiting(Route(FARGATE, "normal")) == 0
    bench.stack.caller.answers = lambda _call: Answer(Result.SUCCEEDED)
    bench.pool = bench.fresh()
    assert bench.work(rounds=6)
    (record,) = bench.records
    again_ms, call = bench.stack.caller.calls[1]
    assert (record.state, call.attempt) == (State.SUCCEEDED, 2)
    assert record.attempts[0].result is Result.WORKER_LOST
    assert again_ms - killed_ms <= LEASE_MS + TAKEOVER_GRACE_MS + 4 * LISTEN_MS  # here one listens after the other


# --- the clock ----------------------------------------------------------------------------------------------------


class Watchdog:
    """What is known of the clock."""

    def __init__(self, off: bool) -> None:
        self.off = off

    def deviation(self) -> Deviation:
        return Deviation(9_000, 5) if self.off else Deviation(0, 5)


def test_a_worker_whose_clock_is_off_takes_nothing_until_it_is_right() -> None:
    bench = Bench()
    watch, asked = Watchdog(off=True), []
    bench.guard = ClockGuard(watch, bench.stack.clock, bench.stack.telemetry)
    bench.pool = bench.fresh()
    waiting = bench.stack.queue.waiting

    def asks(route: Route) -> int:
        assert not bench.inbox.asked
        asked.append(route)
        watch.off = len(asked) < 3
        return waiting(route)

    bench.stack.queue.waiting = asks  # type: ignore[method-assign]
    job = bench.job()

    def before(_priority: str, _wait_ms: int) -> None:
        bench.stack.queue.waiting = waiting  # type: ignore[method-assign]
        if bench.called:
            bench.pool.stop()

    bench.inbox.before = before
    assert bench.pool.run()
    assert bench.called == [job]
    assert len(asked) == 3


# --- the end ------------------------------------------------------------------------------------------------------


def test_an_idle_worker_ends_at_once() -> None:
    bench = Bench()
    bench.pool.stop()
    assert bench.pool.run()
    assert bench.inbox.asked == []
    assert bench.stack.clock.now_ms() == START_MS


def test_what_runs_may_end_within_the_drain() -> None:
    workers = Later()
    bench = Bench(workers=workers, listeners=Later())
    bench.job()
    bench.pool._fill()
    bench.pool.stop()
    ends_ms = START_MS + 60_000
    bench.stack.clock.pump = lambda: workers.run(1) if bench.stack.clock.now_ms() >= ends_ms else None
    assert bench.pool.run()
    (record,) = bench.records
    assert record.state is State.SUCCEEDED
    assert ends_ms <= bench.stack.clock.now_ms() < ends_ms + SECOND_MS


def test_what_does_not_end_is_handed_over_and_not_counted() -> None:
    """Here its call has not begun when the drain is over; below, with threads, one is under way."""
    workers = Later()
    bench = Bench(workers=workers, listeners=Later(), drain_ms=20_000)
    bench.job()
    bench.pool._fill()
    bench.pool.stop()
    bench.stack.caller.answers = drained
    due_ms = START_MS + 20_000
    bench.stack.clock.pump = lambda: workers.run(1) if bench.stack.clock.now_ms() > due_ms else None
    assert bench.pool.run()
    (record,) = bench.records
    assert (record.state, record.attempt, record.tries) == (State.RETRYING, 1, 0)
    assert record.attempts[0].result is Result.HANDED_OVER
    assert bench.stack.clock.now_ms() < due_ms + HAND_OVER_MS


def drained(call: Call) -> Answer:
    """Keeps where it stands, and ends because it is told to."""
    call.progress.checkpoint("half")
    told = threading.Event()
    call.progress.on_stop(told.set)
    assert told.wait(20)
    return Answer(Result.FAILED, reason="stopped")


def test_a_second_signal_hands_over_at_once() -> None:
    workers = Later()
    bench = Bench(workers=workers, listeners=Later())
    bench.job()
    bench.pool._fill()
    bench.pool.stop()
    bench.pool.stop()
    bench.stack.caller.answers = drained
    bench.stack.clock.pump = lambda: workers.run(1)
    assert bench.pool.run()
    assert bench.records[0].attempts[0].result is Result.HANDED_OVER
    assert bench.stack.clock.now_ms() < START_MS + SECOND_MS


def test_a_call_that_does_not_end_is_given_up_and_said() -> None:
    bench = Bench(workers=Later(), listeners=Later())
    bench.job()
    bench.pool._fill()
    bench.pool.stop()
    assert not bench.pool.run()
    assert bench.stack.clock.now_ms() >= START_MS + 100_000 + HAND_OVER_MS
    ((what, fields),) = bench.stack.telemetry.errors
    assert (what, fields["left"]) == ("not everything was handed over; leases have to end", 1)


def test_a_hand_over_that_cannot_be_written_is_said() -> None:
    workers = Later()
    bench = Bench(workers=workers, listeners=Later())
    bench.job()
    bench.pool._fill()
    bench.pool.stop()
    swaps = iter([bench.stack.executions.swap])

    def once(*args: object) -> object:
        return next(swaps, refusing)(*args)  # type: ignore[operator]

    bench.stack.executions.swap = once  # type: ignore[method-assign,assignment]
    bench.stack.caller.answers = drained
    bench.stack.clock.pump = lambda: workers.run(1) if bench.stack.lease_renewer._draining else None
    assert not bench.pool.run()


def test_what_is_heard_after_the_signal_is_left_to_others() -> None:
    listeners = Later()
    bench = Bench(listeners=listeners)
    bench.pool._fill()
    bench.pool._listen()
    bench.job("critical")
    bench.pool.stop()
    bench.stack.clock.pump = lambda: listeners.run(4)
    assert bench.pool.run()
    assert bench.called == []
    assert bench.stack.queue.waiting(Route(FARGATE, "critical")) == 1


def test_with_real_threads_calls_run_side_by_side_and_the_last_is_handed_over() -> None:
    """Two of three end by themselves; none returns before all have begun. The clock is the system's."""
    bench = Bench()
    stack, clock = bench.stack, SystemClock()
    jobs = [bench.job("critical") for _ in range(3)]
    together = threading.Barrier(len(jobs), timeout=20)

    def answer(call: Call) -> Answer:
        together.wait()
        if not call.execution.startswith(jobs[0]):
            return Answer(Result.SUCCEEDED)
        pool.stop()
        pool.stop()
        return drained(call)

    stack.caller.answers = answer
    stack.clock = stack.workers_clock = clock  # type: ignore[assignment]
    with ThreadPoolExecutor(4) as workers, ThreadPoolExecutor(4) as listeners:
        stack.lease_renewer = LeaseRenewer(
            stack.executions, stack.queue, stack.logs, clock, stack.telemetry, InlineExecutor()
        )
        consumer = Consumer(stack.runner, stack.queue, stack.telemetry, load, InlineExecutor())  # type: ignore[arg-type]
        pool = Pool(FARGATE, WorkerSlots(4), consumer, bench.inbox, clock, Backoff(Random(1)), workers, listeners)  # type: ignore[arg-type]
        assert pool.run()
    states = {record.id.partition("-")[0]: record.state for record in bench.records}
    assert states == {jobs[0]: State.RETRYING, jobs[1]: State.SUCCEEDED, jobs[2]: State.SUCCEEDED}
    assert stack.executions.list(TENANT, jobs[0], 10, None).items[0].checkpoint == "half"  # type: ignore[union-attr]


def test_a_recurring_job_goes_on_in_its_pool() -> None:
    bench = Bench()
    bench.stack.create(every(60_000), pool=FARGATE)
    bench.stack.turn_for(130_000)
    assert bench.work()
    assert len(bench.called) == 3
