"""What follows a call is written as long as the lease is held: no throttle, and no lost answer, repeats the call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy
from tidewheel.domain.limits import LEASE_MS, SECOND_MS
from tidewheel.engine.worker.disposition import Action, Disposition
from tidewheel.ports import Call, Fenced, PortError, Throttled

OK, BROKEN = Answer(Result.SUCCEEDED, 200, "ok"), Answer(Result.FAILED, 500, "", "HTTP 500")
ONCE = RetryPolicy(max_attempts=1)


class Bench:
    """A worker whose stores answer otherwise from the moment its call has returned."""

    def __init__(self, answer: Answer = OK, **fields: Any) -> None:
        self.stack = stack = MemoryStack()
        stack.workers_up = False
        job = stack.create(every(60_000, START_MS + 30_000), **({"retry": ONCE} | fields))
        due = START_MS + 30_000
        self.dispatch = Dispatch(TENANT, str(ExecutionId(job.id, due)), 1, job.generation, due, recorded=False)
        self.troubles: list[Callable[[], None]] = []
        sleep_until = stack.clock.sleep_until

        def ticking(instant_ms: int) -> None:
            sleep_until(instant_ms)
            stack.lease_renewer.tick()

        def called(_call: Call) -> Answer:
            stack.clock.sleep_until = ticking  # type: ignore[method-assign]
            for trouble in self.troubles:
                trouble()
            return answer

        stack.caller.answers = called

    def fails(self, store: str, operation: str, error: type[PortError], *, for_ms: int, applied: bool = False) -> None:
        """After the call, an operation of a store fails for so long; if ``applied``, it is applied nonetheless."""

        def begin() -> None:
            target, until_ms = getattr(self.stack, store), self.stack.clock.now_ms() + for_ms
            real = getattr(target, operation)

            def failing(*args: object) -> object:
                if self.stack.clock.now_ms() >= until_ms:
                    return real(*args)
                if applied:
                    real(*args)
                raise error(f"{store}.{operation}", "x", "no")

            setattr(target, operation, failing)

        self.troubles.append(begin)

    def handle(self) -> Disposition:
        return self.stack.runner.handle(self.dispatch)

    @property
    def outcome(self) -> tuple[State, int, int]:
        """The execution's state, how often its target was called, and its attempts."""
        id = self.dispatch.execution
        record = self.stack.execution_service.get(TENANT, id)
        return record.state, sum(call.execution == id for _, call in self.stack.caller.calls), record.attempt


@pytest.mark.parametrize("error", [PortError, Throttled])
@pytest.mark.parametrize("applied", [False, True], ids=["refused", "applied"])
@pytest.mark.parametrize("for_ms", [300, 5 * SECOND_MS, 20 * SECOND_MS])
def test_a_success_is_written_however_often_the_store_fails(error: type[PortError], applied: bool, for_ms: int) -> None:
    bench = Bench()
    bench.fails("executions", "swap", error, for_ms=for_ms, applied=applied)
    assert bench.handle().action is Action.ACK
    assert bench.outcome == (State.SUCCEEDED, 1, 1)
    assert bench.stack.telemetry.counts["write_after_call_failed"] > 0


def test_the_lease_is_renewed_until_the_finish_is_written() -> None:
    """The store fails for longer than a lease lasts, but for renewals now and then."""
    bench = Bench()
    stack, finishes = bench.stack, 0
    swap = stack.executions.swap

    def refusing(new: Any, expected: int | None) -> Any:
        nonlocal finishes
        if new.state is State.RUNNING or stack.clock.now_ms() > START_MS + 30_000 + 3 * LEASE_MS:
            return swap(new, expected)
        finishes += 1
        raise Throttled("executions.swap", new.id, "slow down")

    stack.executions.swap = refusing  # type: ignore[method-assign]
    assert bench.handle() == Disposition(Action.ACK, "succeeded")
    assert finishes > 3
    assert bench.outcome == (State.SUCCEEDED, 1, 1)


def test_an_entry_of_the_next_attempt_is_put_before_the_finish_however_often_that_fails() -> None:
    bench = Bench(BROKEN, retry=RetryPolicy(max_attempts=2))
    bench.fails("wheel", "put", Throttled, for_ms=8 * SECOND_MS)
    assert bench.handle() == Disposition(Action.ACK, "retrying")
    assert bench.outcome == (State.RETRYING, 1, 1)
    bench.stack.caller.answers = lambda _call: OK
    bench.stack.workers_up = True
    bench.stack.turn_for(60_000)
    assert bench.outcome == (State.SUCCEEDED, 2, 2)


@pytest.mark.parametrize("operation", ["get", "swap"])
def test_the_lock_is_let_go_of_however_often_that_fails(operation: str) -> None:
    bench = Bench(overlap=Overlap.QUEUE)
    bench.fails("locks", operation, Throttled, for_ms=8 * SECOND_MS)
    assert bench.handle().action is Action.ACK
    lock = bench.stack.locks.get(TENANT, bench.stack.jobs.list(TENANT, 1, None).items[0].id)
    assert lock is not None
    assert lock.holder == ""
    assert bench.outcome == (State.SUCCEEDED, 1, 1)


def test_a_lease_that_is_over_leaves_the_rest_to_whoever_takes_over() -> None:
    bench = Bench()
    bench.fails("executions", "swap", Throttled, for_ms=10 * LEASE_MS)
    with pytest.raises(Throttled):
        bench.handle()
    assert bench.stack.clock.now_ms() < START_MS + 30_000 + LEASE_MS + 5 * SECOND_MS, "one more wait at most"
    assert not bench.stack.lease_renewer.held, "a lease that nobody needs any more is not renewed for ever"


def test_a_record_that_is_gone_is_written_by_nobody() -> None:
    bench = Bench()
    bench.fails("executions", "swap", Fenced, for_ms=10 * LEASE_MS)
    with pytest.raises(Fenced):
        bench.handle()


def test_before_the_call_a_failure_brings_the_message_back_at_once() -> None:
    bench = Bench()

    def failing(*_: object) -> None:
        raise Throttled("executions.swap", "x", "no")

    bench.stack.executions.swap = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(Throttled):
        bench.handle()
    assert not bench.stack.caller.calls


def test_a_duplicate_meanwhile_finds_it_busy_and_then_over() -> None:
    bench = Bench()
    seen: list[str] = []
    bench.fails("executions", "swap", Throttled, for_ms=5 * SECOND_MS)
    bench.troubles.append(lambda: seen.append(bench.stack.runner.handle(replace(bench.dispatch, recorded=True)).why))
    assert bench.handle().action is Action.ACK
    seen.append(bench.stack.runner.handle(bench.dispatch).why)
    assert seen == ["busy", "duplicate"]
    assert bench.outcome == (State.SUCCEEDED, 1, 1)
