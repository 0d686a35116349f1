"""Dead letters: what is sent again, what comes back later, what is marked dead, and what is quarantined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.adapters.memory import MemoryLocks
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.executions.transitions import claimed, with_wait_reason
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy
from tidewheel.domain.limits import MAX_RETURNS, MENDABLE_MS, MINUTE_MS, QUARANTINE_CHARS, TAKEOVER_GRACE_MS
from tidewheel.engine.recovery.dead_letter_handler import DeadLetter
from tidewheel.ports import PortError, Refused
from tidewheel.wire.message import dump, load

DUE_MS = START_MS + 30_000
LAST = "given up by the queue after 60 deliveries"


class Bench:
    """A deployment whose wheel stands still, and one job's first occurrence."""

    def __init__(self, **fields: object) -> None:
        self.stack = MemoryStack()
        self.job: Job = self.stack.create(every(60_000, DUE_MS), **{"priority": "high", **fields})
        self.stack.clock.advance(60_000)
        self.route = Route("lambda", "high")
        self.dispatch = self.of(0)

    def of(self, number: int, **changes: object) -> Dispatch:
        due = DUE_MS + number * 60_000
        dispatch = Dispatch(TENANT, str(ExecutionId(self.job.id, due)), 1, 1, due, recorded=False)
        return replace(dispatch, **changes)  # type: ignore[arg-type]

    def mark_dead(self, *bodies: str) -> list[str]:
        return self.stack.dead_letter_handler.handle([DeadLetter(f"m{n}", body) for n, body in enumerate(bodies)])

    def record(self, number: int = 0) -> Execution | None:
        return self.stack.executions.get(TENANT, self.of(number).execution)

    def store(self, record: Execution) -> Execution:
        self.stack.world.executions[TENANT, record.id] = record
        return record

    def running(self) -> Execution:
        now = self.stack.clock.now_ms()
        return self.store(claimed(self.dispatch.blank(), 1, "holder", now, received_ms=now))

    def sent(self, route: Route | None = None) -> list[tuple[Dispatch, int]]:
        """What lies in a queue, with its delay (ms)."""
        messages = self.stack.queue._messages.get(route or self.route, {}).values()
        return [(load(message.body), message.visible_ms - self.stack.clock.now_ms()) for message in messages]

    @property
    def outcomes(self) -> dict[str, int]:
        prefix = "dead_letter_handled[outcome="
        counts = self.stack.telemetry.counts.items()
        return {key.removeprefix(prefix)[:-1]: count for key, count in counts if key.startswith(prefix)}


# --- sent again -----------------------------------------------------------------------------------------------


def test_what_was_never_claimed_goes_to_its_jobs_queue_again() -> None:
    bench = Bench()
    assert bench.mark_dead(dump(bench.dispatch)) == []
    assert bench.sent() == [(replace(bench.dispatch, returns=1), MINUTE_MS)]
    assert bench.record() is None


@pytest.mark.parametrize(("returns", "minutes"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 15)])
def test_it_waits_longer_each_time(returns: int, minutes: int) -> None:
    bench = Bench()
    bench.mark_dead(dump(bench.of(0, returns=returns)))
    assert bench.sent() == [(bench.of(0, returns=returns + 1), minutes * MINUTE_MS)]


def test_the_neighbours_of_a_poisoned_batch_run_and_the_poison_is_set_aside() -> None:
    bench = Bench()
    bodies = [dump(bench.of(0)), "poison", dump(bench.of(1))]
    assert bench.mark_dead(*bodies) == []
    bench.stack.clock.sleep(2 * MINUTE_MS)
    assert bench.stack.effects() == [bench.of(0).execution, bench.of(1).execution]
    (kept,) = bench.stack.world.quarantine.values()
    assert (kept.text, kept.what, kept.key) == ("poison", "message", "m1")
    assert bench.outcomes == {"sent_again": 2, "quarantined": 1}


def test_what_waits_for_its_retry_is_tried_again() -> None:
    bench = Bench()
    bench.stack.caller.answers = lambda _: Answer(Result.FAILED, 503)
    bench.stack.runner.handle(bench.dispatch)
    retry = bench.of(0, attempt=2, recorded=True)
    assert bench.mark_dead(dump(retry), dump(bench.dispatch)) == []  # the second is an attempt that is over
    assert [dispatch for dispatch, _ in bench.sent()] == [replace(retry, returns=1)]
    assert bench.outcomes == {"sent_again": 1, "over": 1}


def test_if_the_queue_refuses_it_the_dead_letter_stays() -> None:
    bench = Bench()
    bench.stack.queue.send = lambda *_: [False]  # type: ignore[method-assign]
    assert bench.mark_dead(dump(bench.dispatch)) == ["m0"]


def test_what_was_sent_though_it_was_reported_as_failed_is_sent_twice_and_runs_once() -> None:
    bench = Bench()
    send = bench.stack.queue.send

    def applied(*args: object) -> list[bool]:
        send(*args)  # type: ignore[arg-type]
        raise PortError("queue.send", "high", "no answer")

    bench.stack.queue.send = applied  # type: ignore[method-assign,assignment]
    assert bench.mark_dead(dump(bench.dispatch)) == ["m0"]
    bench.stack.queue.send = send  # type: ignore[method-assign]
    assert bench.mark_dead(dump(bench.dispatch)) == []
    assert len(bench.sent()) == 2
    bench.stack.clock.sleep(2 * MINUTE_MS)
    assert bench.stack.effects() == [bench.dispatch.execution]


def test_what_a_deleted_job_left_ends_in_a_worker() -> None:
    bench = Bench()
    bench.store(with_wait_reason(bench.dispatch.blank(), "waits"))
    bench.stack.job_service.delete(TENANT, bench.job.id)
    assert bench.mark_dead(dump(bench.dispatch)) == []
    bench.stack.clock.sleep(2 * MINUTE_MS)
    record = bench.record()
    assert record is not None
    assert record.state is State.CANCELLED


# --- running --------------------------------------------------------------------------------------------------


def test_what_runs_comes_back_until_its_lease_is_over() -> None:
    bench = Bench()
    running = bench.running()
    bench.stack.clock.advance(running.lease_until_ms + TAKEOVER_GRACE_MS - bench.stack.clock.now_ms())
    assert bench.mark_dead(dump(bench.dispatch)) == ["m0"]
    assert (bench.outcomes, bench.record()) == ({"busy": 1}, running)


def test_a_lease_long_over_is_taken_over_by_a_worker_which_records_the_lost_attempt() -> None:
    bench = Bench()
    bench.running()
    bench.stack.clock.advance(10 * MINUTE_MS)
    assert bench.mark_dead(dump(bench.dispatch)) == []
    bench.stack.clock.sleep(2 * MINUTE_MS)
    record = bench.record()
    assert record is not None
    assert (record.state, [each.result for each in record.attempts]) == (
        State.SUCCEEDED,
        [Result.WORKER_LOST, Result.SUCCEEDED],
    )


def test_a_last_attempt_that_was_lost_ends_as_dead() -> None:
    bench = Bench(retry=RetryPolicy(1))
    bench.running()
    bench.stack.clock.advance(10 * MINUTE_MS)
    bench.mark_dead(dump(bench.dispatch))
    bench.stack.clock.sleep(2 * MINUTE_MS)
    record = bench.record()
    assert record is not None
    assert (record.state, [each.result for each in record.attempts]) == (State.DEAD, [Result.WORKER_LOST])


# --- marked_dead ---------------------------------------------------------------------------------------------------


def _absent(_: Bench) -> None:
    pass


def _queued(bench: Bench) -> None:
    bench.store(with_wait_reason(bench.dispatch.blank(), "waits"))


def _lost(bench: Bench) -> None:
    bench.running()
    bench.stack.clock.advance(10 * MINUTE_MS)


@pytest.mark.parametrize(("before", "attempts"), [(_absent, []), (_queued, []), (_lost, [Result.WORKER_LOST])])
def test_what_came_back_too_often_ends_as_dead(before: Callable[[Bench], None], attempts: list[Result]) -> None:
    bench = Bench()
    before(bench)
    assert bench.mark_dead(dump(bench.of(0, returns=MAX_RETURNS))) == []
    record = bench.record()
    assert record is not None
    assert (record.state, record.reason, [each.result for each in record.attempts]) == (State.DEAD, LAST, attempts)
    assert record.finished_ms == bench.stack.clock.now_ms()
    assert (bench.sent(), bench.outcomes) == ([], {"marked_dead": 1})


def test_a_retry_that_came_back_too_often_keeps_its_history() -> None:
    bench = Bench()
    bench.stack.caller.answers = lambda _: Answer(Result.FAILED, 503)
    bench.stack.runner.handle(bench.dispatch)
    bench.mark_dead(dump(bench.of(0, attempt=2, recorded=True, returns=MAX_RETURNS)))
    record = bench.record()
    assert record is not None
    assert (record.state, [each.status for each in record.attempts]) == (State.DEAD, [503])


def test_poison_goes_round_a_bounded_number_of_times() -> None:
    """Its worker dies each time, before the claim."""
    bench = Bench()
    bench.stack.workers_up = False
    dead_letter, rounds = bench.dispatch, 0
    while bench.mark_dead(dump(dead_letter)) == [] and bench.sent():
        rounds += 1
        ((dead_letter, delay_ms),) = bench.sent()
        bench.stack.clock.advance(delay_ms)
        bench.stack.queue._messages.clear()  # delivered ten times, and given up
    record = bench.record()
    assert record is not None
    assert (rounds, record.state) == (MAX_RETURNS, State.DEAD)


def test_another_worker_may_write_before_it_is_marked_dead() -> None:
    bench = Bench()
    bench.stack.executions.swap = lambda *_: bench.running()  # type: ignore[method-assign,assignment]
    assert bench.mark_dead(dump(bench.of(0, returns=MAX_RETURNS))) == ["m0"]
    assert bench.outcomes == {"contended": 1}


# --- the lock -------------------------------------------------------------------------------------------------


def _locked() -> Bench:
    """A job whose lock an execution holds that no worker can claim, while another waits for it."""
    bench = Bench(overlap=Overlap.QUEUE)
    waiter = bench.store(with_wait_reason(bench.of(1).blank(), "waits"))
    bench.stack.locks.swap(Lock(TENANT, bench.job.id, bench.dispatch.execution, waiter.id, 1, DUE_MS))
    return bench


def _holder(bench: Bench) -> str:
    lock = bench.stack.locks.get(TENANT, bench.job.id)
    assert lock is not None
    return lock.holder


def test_an_execution_that_is_marked_dead_transfers_its_jobs_lock() -> None:
    bench = _locked()
    assert bench.mark_dead(dump(bench.of(0, returns=MAX_RETURNS))) == []
    assert _holder(bench) == bench.of(1).execution
    bench.stack.turn_for(30_000)
    assert bench.stack.effects()[0] == bench.of(1).execution


def test_if_the_handler_died_after_marking_dead_the_lock_is_transferred_when_the_dead_letter_comes_back() -> None:
    bench = _locked()

    class Down(MemoryLocks):
        def swap(self, new: Lock) -> Lock | None:
            raise PortError("locks.swap", new.job, "down")

    bench.stack.locks = Down(bench.stack.world)
    dead_letter = dump(bench.of(0, returns=MAX_RETURNS))
    assert bench.mark_dead(dead_letter) == ["m0"]
    bench.stack.locks = MemoryLocks(bench.stack.world)
    assert _holder(bench) == bench.dispatch.execution
    assert bench.mark_dead(dead_letter) == []
    assert _holder(bench) == bench.of(1).execution


# --- what cannot be understood --------------------------------------------------------------------------------


def test_a_dead_letter_that_cannot_be_quarantined_stays_in_the_queue() -> None:
    bench = Bench()

    def down(_: object) -> None:
        raise PortError("wheel.quarantine", "m0", "down")

    bench.stack.wheel.quarantine = down  # type: ignore[method-assign]
    assert bench.mark_dead("poison", dump(bench.dispatch)) == ["m0"]
    assert len(bench.sent()) == 1


def test_a_dead_letter_that_is_too_long_for_quarantine_stays_in_the_queue() -> None:
    bench = Bench()
    assert bench.mark_dead("x" * (QUARANTINE_CHARS + 1)) == ["m0"]
    assert not bench.stack.world.quarantine
    assert len(bench.stack.telemetry.errors) == 1


def test_a_record_that_cannot_be_read_is_tried_elsewhere_and_then_set_aside() -> None:
    bench = Bench()

    def unreadable(*_: str) -> Execution | None:
        raise Unreadable("execution", "key", "KeyError: 'st'")

    bench.stack.executions.get = unreadable  # type: ignore[method-assign]
    assert bench.mark_dead(dump(bench.dispatch)) == []
    assert [again.returns for again, _ in bench.sent(Route("lambda", "normal"))] == [1]
    last = dump(bench.of(0, returns=MAX_RETURNS))
    assert bench.mark_dead(last) == []
    (kept,) = bench.stack.world.quarantine.values()
    assert (kept.text, kept.what, kept.problem) == (last, "execution", "KeyError: 'st'")


def test_an_unexpected_error_keeps_one_dead_letter_only() -> None:
    bench = Bench()
    get = bench.stack.jobs.get

    def faulty(tenant: str, id: str, *, consistent: bool = False) -> Job | None:
        bench.stack.jobs.get = get  # type: ignore[method-assign]
        raise ZeroDivisionError

    bench.stack.jobs.get = faulty  # type: ignore[method-assign]
    assert bench.mark_dead(dump(bench.of(0)), dump(bench.of(1))) == ["m0"]


# --- what no queue takes -----------------------------------------------------------------------------------------


def refuse_to_send(bench: Bench, *, mendable: bool) -> None:
    def send(route: Route, *_: object) -> list[bool]:
        raise Refused("queue.send", str(route), "AccessDenied", mendable=mendable)

    bench.stack.queue.send = send  # type: ignore[method-assign,assignment]


def test_one_that_is_refused_for_what_it_says_is_set_aside() -> None:
    """Before, it came back until the queue forgot it, and its execution stayed as it was for ever."""
    bench = Bench()
    refuse_to_send(bench, mendable=False)
    assert bench.mark_dead(dump(bench.dispatch)) == []
    record = bench.record()
    assert record is not None
    assert (record.state, "AccessDenied" in record.reason) == (State.DEAD, True)
    assert bench.stack.telemetry.counts["dead_letter_handled[outcome=undeliverable]"] == 1
    assert [item.what for item in bench.stack.world.quarantine.values()] == ["delivery"]


def test_one_whose_queue_is_missing_comes_back_for_a_while() -> None:
    bench = Bench()
    refuse_to_send(bench, mendable=True)
    assert bench.mark_dead(dump(bench.dispatch)) == ["m0"]
    assert bench.record() is None
    bench.stack.clock.advance(MENDABLE_MS)
    assert bench.mark_dead(dump(bench.dispatch)) == []
    record = bench.record()
    assert record is not None
    assert record.state is State.DEAD
