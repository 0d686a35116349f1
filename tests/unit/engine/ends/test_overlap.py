"""Overlap: what becomes of a run whose job is still busy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT
from tests.support.overlap_bench import FAILED, STEP_MS, Bench
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import Result, State, is_end
from tidewheel.domain.executions.transitions import finished
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import (
    DAY_MS,
    LEASE_MS,
    LOCK_IDLE_MS,
    LOCK_RECHECK_LEAST_MS,
    RETENTION_MS,
    TAKEOVER_GRACE_MS,
)
from tidewheel.engine.api.ledger import LedgerService
from tidewheel.ports import PortError

# --- skip ---------------------------------------------------------------------------------------------------


def test_allow_pays_nothing() -> None:
    bench = Bench(Overlap.ALLOW)
    seen = bench.during(lambda: bench.handle(1))
    assert bench.handle(0) == "succeeded"
    assert seen == ["succeeded"]
    assert bench.lock is None


def test_skip_leaves_a_run_out_while_another_is_called() -> None:
    bench = Bench(Overlap.SKIP)
    seen = bench.during(lambda: bench.handle(1), lambda: bench.handle(1))
    assert bench.handle(0) == "succeeded"
    assert seen == ["skipped", "duplicate"]
    assert bench.state(1) == (State.SKIPPED, f"{bench.id(0)} was not over")
    assert bench.handle(2) == "succeeded"
    assert bench.called == [0, 2]


def test_skip_leaves_a_run_out_while_another_waits_for_its_retry() -> None:
    bench = Bench(Overlap.SKIP)
    bench.during(answer=FAILED)
    assert [bench.handle(0), bench.handle(1), bench.handle(0, attempt=2), bench.handle(2)] == [
        *("retrying", "skipped", "succeeded", "succeeded")
    ]
    assert bench.called == [0, 0, 2]


def test_the_ledger_says_why_a_run_was_left_out() -> None:
    bench = Bench(Overlap.SKIP)
    bench.during(lambda: bench.handle(1))
    bench.handle(0)
    bench.stack.clock.advance(STEP_MS)
    ledger = LedgerService(bench.stack.jobs, bench.stack.executions, bench.stack.clock)
    lines = ledger.report(TENANT, bench.job.id, START_MS, None).lines
    assert (lines[1].state, lines[1].reason) == ("skipped", f"{bench.id(0)} was not over")


def test_a_run_that_came_early_is_judged_at_its_due_time() -> None:
    """What is in the way a quarter of a second before may be over when it counts."""
    bench = Bench(Overlap.SKIP)
    bench.stack.clock.advance(1)
    bench.handle(0)
    lock = bench.lock
    assert lock is not None
    running = replace(bench.record(0), state=State.RUNNING, lease_until_ms=10**15)
    bench.stack.world.executions[TENANT, running.id] = running
    bench.stack.world.locks[TENANT, bench.job.id] = replace(lock, holder=running.id)
    sleep_until = bench.stack.clock.sleep_until

    def over_meanwhile(instant_ms: int) -> None:
        sleep_until(instant_ms)
        if instant_ms == START_MS + STEP_MS:
            bench.stack.world.executions[TENANT, running.id] = replace(running, state=State.SUCCEEDED)

    bench.stack.clock.sleep_until = over_meanwhile  # type: ignore[method-assign]
    assert bench.handle(1) == "succeeded"


# --- queue --------------------------------------------------------------------------------------------------


def test_queue_lets_one_wait_and_leaves_further_ones_out() -> None:
    bench = Bench(Overlap.QUEUE)
    seen = bench.during(lambda: bench.handle(1), lambda: bench.handle(2), lambda: bench.state(1), lambda: bench.lock)
    bench.handle(0)
    assert seen[:2] == ["queued", "skipped"]
    assert seen[2] == (State.QUEUED, f"waits until {bench.id(0)} has ended")
    assert isinstance(seen[3], Lock)
    assert (seen[3].holder, seen[3].waiter) == (bench.id(0), bench.id(1))
    assert bench.state(2) == (State.SKIPPED, f"{bench.id(0)} was not over, and {bench.id(1)} waited already")


def test_a_waiter_starts_soon_after_the_release() -> None:
    bench = Bench(Overlap.QUEUE, end=START_MS + 2 * STEP_MS)
    bench.stack.clock.advance(STEP_MS)
    bench.during(lambda: bench.handle(1))
    bench.handle(0)
    released = bench.stack.clock.now_ms()
    bench.turn_for(10_000)
    ((_, first), (at, second)) = bench.stack.caller.calls
    assert [first.execution, second.execution] == [bench.id(0), bench.id(1)]
    assert at - released <= 2_000
    assert bench.lock is not None
    assert bench.lock.holder == ""


def test_a_waiter_whose_holder_vanished_finds_out_by_itself() -> None:
    """The message of the one that vanished is gone for good."""
    bench = Bench(Overlap.QUEUE, end=START_MS + 2 * STEP_MS)
    bench.during(lambda: bench.handle(1))
    hold = bench.stack.locks.swap
    bench.stack.locks.swap = lambda new: hold(new) if new.holder == bench.id(0) else _fail()  # type: ignore[method-assign]
    with pytest.raises(PortError):
        bench.handle(0)
    bench.stack.locks.swap = hold  # type: ignore[method-assign]
    bench.stack.world.singles.clear()
    bench.stack.runner.handle(bench.message(1))  # as its entry on the wheel would
    assert bench.called == [0, 1]


def test_a_waiter_looks_again_once_the_holders_lease_is_surely_over() -> None:
    bench = Bench(Overlap.QUEUE, timeout_ms=100_000)
    seen = bench.during(lambda: bench.handle(1), bench.waiting, bench.stack.clock.now_ms)
    bench.handle(0)
    ((entry,), looked_ms) = seen[1:]  # type: ignore[misc]
    assert bench.record(0).lease_until_ms == START_MS + LEASE_MS
    assert LEASE_MS + TAKEOVER_GRACE_MS < LOCK_RECHECK_LEAST_MS
    assert (entry.execution, entry.attempt, entry.due_ms) == (bench.id(1), 1, looked_ms + LOCK_RECHECK_LEAST_MS)


def test_a_look_in_vain_costs_no_write_but_that_of_the_next() -> None:
    bench = Bench(Overlap.QUEUE)
    bench.during(answer=FAILED)
    bench.handle(0)
    bench.handle(1)
    before = bench.record(1), bench.lock
    bench.stack.clock.advance(60_000)
    assert bench.stack.runner.handle(replace(bench.message(1), recorded=True)).why == "queued"
    assert (bench.record(1), bench.lock) == before
    assert max(entry.due_ms for entry in bench.waiting()) == bench.stack.clock.now_ms() + 60_000


# --- replace ------------------------------------------------------------------------------------------------


def test_replace_cancels_a_running_call_and_no_retry_follows() -> None:
    bench = Bench(Overlap.REPLACE, end=START_MS + 2 * STEP_MS)
    bench.stack.clock.advance(STEP_MS)
    seen = bench.during(lambda: bench.handle(1), answer=FAILED)
    assert bench.handle(0) == "cancelled"
    assert seen == ["queued"]
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")
    assert bench.record(0).cancel_ms == START_MS + STEP_MS
    assert len(bench.record(0).attempts) == 1
    bench.turn_for(40_000)
    assert bench.called == [0, 1]
    assert bench.record(1).state is State.SUCCEEDED


def test_replace_leaves_a_call_that_succeeds_its_success() -> None:
    bench = Bench(Overlap.REPLACE, end=START_MS + 2 * STEP_MS)
    bench.stack.clock.advance(STEP_MS)
    bench.during(lambda: bench.handle(1))
    assert bench.handle(0) == "succeeded"
    bench.turn_for(5_000)
    assert bench.called == [0, 1]


def test_a_call_that_ends_while_its_successor_gets_in_line_is_noticed() -> None:
    """Its worker looked for successors just before there was one."""
    bench = Bench(Overlap.REPLACE)
    bench.vanishing()
    with pytest.raises(RuntimeError):
        bench.handle(0)
    swap, running = bench.stack.locks.swap, bench.record(0)

    def ended_just_before(new: Lock) -> Lock | None:
        bench.stack.locks.swap = swap  # type: ignore[method-assign]
        bench.stack.executions.swap(finished(running, State.RETRYING, FAILED, START_MS, START_MS), running.version)
        return swap(new)

    bench.stack.locks.swap = ended_just_before  # type: ignore[method-assign]
    assert bench.handle(1) == "succeeded"
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")


def test_replace_cancels_one_that_waits_for_its_retry_at_once() -> None:
    bench = Bench(Overlap.REPLACE)
    bench.during(answer=FAILED)
    assert [bench.handle(0), bench.handle(1), bench.handle(0, attempt=2)] == ["retrying", "succeeded", "duplicate"]
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")
    assert bench.called == [0, 1]


@pytest.mark.parametrize("recorded", [False, True])
def test_replace_cancels_one_that_has_the_lock_and_has_not_started(*, recorded: bool) -> None:
    bench = Bench(Overlap.REPLACE)
    bench.stack.locks.swap(Lock(TENANT, bench.job.id).given(bench.id(0), START_MS))
    if recorded:
        bench.stack.executions.swap(replace(bench.message(0).blank(), version=1), None)
    assert [bench.handle(1), bench.handle(0)] == ["succeeded", "duplicate"]
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")


def test_the_newest_of_those_that_wait_to_replace_goes_first() -> None:
    bench = Bench(Overlap.REPLACE, end=START_MS + 4 * STEP_MS)
    bench.stack.clock.advance(3 * STEP_MS)
    seen = bench.during(*(lambda n=n: bench.handle(n) for n in (1, 3, 2)))  # type: ignore[misc]
    bench.handle(0)
    assert seen == ["queued", "queued", "cancelled"]
    assert bench.state(1) == bench.state(2) == (State.CANCELLED, f"replaced by {bench.id(3)}")
    bench.turn_for(5_000)
    assert bench.called == [0, 3]


def test_an_older_run_replaces_no_newer_one() -> None:
    bench = Bench(Overlap.REPLACE)
    bench.stack.clock.advance(STEP_MS)
    bench.during(lambda: bench.handle(0), answer=FAILED)
    assert bench.handle(1) == "retrying"
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")
    assert bench.handle(1, attempt=2) == "succeeded"


def test_a_vanished_run_that_is_to_be_replaced_is_not_tried_again() -> None:
    bench = Bench(Overlap.REPLACE)
    bench.vanishing()
    with pytest.raises(RuntimeError):
        bench.handle(0)
    assert bench.handle(1) == "queued"  # its lease stands: it may be calling still
    bench.stack.clock.advance(10**6)
    assert bench.handle(0) == "cancelled"
    assert [attempt.result for attempt in bench.record(0).attempts] == [Result.WORKER_LOST]
    assert bench.handle(1) == "succeeded"


def test_a_late_double_of_what_has_ended_replaces_nothing() -> None:
    bench = Bench(Overlap.REPLACE)
    bench.handle(1)
    bench.during(answer=FAILED)
    assert bench.handle(0) == "retrying"  # it came late, and nothing newer is in its way
    assert bench.handle(1) == "duplicate"
    assert bench.record(0).state is State.RETRYING


# --- by hand, edits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "state"), [(Overlap.SKIP, State.SKIPPED), (Overlap.QUEUE, State.QUEUED), (Overlap.REPLACE, State.QUEUED)]
)
def test_a_run_by_hand_obeys(policy: Overlap, state: State) -> None:
    bench = Bench(policy, end=START_MS + 1)
    ids: list[str] = []

    def by_hand() -> None:
        ids.append(bench.stack.execution_service.run(TENANT, bench.job.id).id)
        bench.stack.runner.handle(Dispatch(TENANT, ids[0], 1, 1, START_MS, recorded=True))

    bench.stack.clock.advance(5)
    bench.during(by_hand)
    bench.handle(0)
    record = bench.stack.execution_service.get(TENANT, ids[0])
    assert record.state is state
    assert bench.id(0) in record.reason
    bench.turn_for(5_000)
    assert is_end(bench.stack.execution_service.get(TENANT, ids[0]).state)


@pytest.mark.parametrize("act", ["delete", "pause", "allow", "skip", "replace"])
@pytest.mark.parametrize("policy", [Overlap.QUEUE, Overlap.REPLACE])
def test_whatever_happens_to_the_job_a_waiter_does_not_stand_for_ever(act: str, policy: Overlap) -> None:
    bench = Bench(policy, end=START_MS + 2 * STEP_MS)
    bench.stack.clock.advance(STEP_MS + 1)

    def change() -> None:
        if act in list(Overlap):
            bench.edit(overlap=Overlap(act))
        elif act == "delete":
            bench.stack.job_service.delete(TENANT, bench.job.id)
        else:
            bench.stack.job_service.pause(TENANT, bench.job.id)

    seen = bench.during(lambda: bench.handle(1), change, answer=FAILED)
    bench.handle(0)
    assert seen[0] == "queued"
    bench.turn_for(400_000)
    ends = {"delete": State.CANCELLED}
    if policy is Overlap.QUEUE:
        ends["skip"] = State.SKIPPED  # the holder waits for its retry, and what has not begun obeys what is in force
    assert bench.record(1).state is ends.get(act, State.SUCCEEDED)
    assert is_end(bench.record(0).state)


def test_a_lock_left_from_before_an_edit_does_not_stand_in_the_way() -> None:
    bench = Bench(Overlap.SKIP)
    bench.during(lambda: bench.edit(overlap=Overlap.ALLOW), answer=FAILED)
    bench.handle(0)
    assert bench.handle(0, attempt=2) == "succeeded"  # under allow nobody looks at the lock
    assert bench.lock is not None
    assert bench.lock.holder == bench.id(0)
    bench.edit(overlap=Overlap.SKIP)
    assert bench.handle(3) == "succeeded"


def test_one_that_has_the_lock_and_is_not_wanted_any_more_lets_go_of_it() -> None:
    bench = Bench(Overlap.SKIP)
    message = bench.message(1)
    bench.stack.locks.swap(Lock(TENANT, bench.job.id).given(bench.id(1), START_MS))
    bench.edit(name="renamed")
    assert bench.stack.runner.handle(message).why == "cancelled"
    assert bench.stack.runner.handle(replace(bench.message(2))).why == "succeeded"
    assert bench.stack.runner.handle(message).why in {"unwanted", "duplicate"}


# --- what is left behind ------------------------------------------------------------------------------------


def test_the_lock_of_one_that_ended_without_letting_go_is_taken_over() -> None:
    bench = Bench(Overlap.SKIP)
    bench.handle(0)
    bench.stack.world.locks[TENANT, bench.job.id] = Lock(TENANT, bench.job.id, holder=bench.id(0), version=7)
    assert bench.handle(1) == "succeeded"


def test_a_message_that_comes_back_after_the_end_lets_go_of_the_lock() -> None:
    bench = Bench(Overlap.SKIP)
    bench.handle(0)
    bench.stack.world.locks[TENANT, bench.job.id] = Lock(TENANT, bench.job.id, holder=bench.id(0), version=7)
    assert bench.handle(0) == "duplicate"
    assert bench.lock is not None
    assert (bench.lock.holder, bench.lock.version) == ("", 8)


@pytest.mark.parametrize("policy", [Overlap.SKIP, Overlap.QUEUE])
def test_a_holder_that_never_begins_is_put_out_after_an_hour(policy: Overlap) -> None:
    bench = Bench(policy)
    bench.stack.locks.swap(Lock(TENANT, bench.job.id).given(bench.id(0), START_MS))
    bench.stack.clock.advance(LOCK_IDLE_MS)
    assert bench.handle(1) == {Overlap.SKIP: "skipped", Overlap.QUEUE: "queued"}[policy]
    bench.stack.clock.advance(LOCK_IDLE_MS + 1)
    assert bench.handle(2) == {Overlap.SKIP: "succeeded", Overlap.QUEUE: "queued"}[policy]
    assert bench.record(0).state is State.CANCELLED
    if policy is Overlap.QUEUE:  # the one that waited longer goes first
        assert [bench.handle(1), bench.handle(2)] == ["succeeded", "succeeded"]


def test_the_lock_of_a_run_that_is_tried_for_weeks_is_kept() -> None:
    bench = Bench(Overlap.SKIP)
    bench.during(answer=FAILED)
    bench.handle(0)
    bench.stack.clock.advance(RETENTION_MS + DAY_MS)
    lock = bench.lock
    assert lock is not None
    assert lock.expires_ms() > bench.stack.clock.now_ms() + RETENTION_MS
    seen = bench.during(lambda: bench.lock)
    bench.handle(0, attempt=2)
    (kept,) = seen
    assert isinstance(kept, Lock)
    assert (kept.holder, kept.written_ms) == (bench.id(0), bench.stack.clock.now_ms())


def test_a_lock_that_nobody_has_is_soon_gone() -> None:
    bench = Bench(Overlap.SKIP)
    bench.handle(0)
    assert bench.lock is not None
    assert bench.lock.expires_ms() == bench.lock.written_ms + DAY_MS


def _fail() -> None:
    raise PortError("locks.swap", "-", "refused")
