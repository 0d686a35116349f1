"""The decisions of overlap, for any lock and any records: what keeps two runs from standing side by side."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.overlap import Lock, Move, choose_move, displaces_holder, lock_recheck_ms, waits
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import LOCK_IDLE_MS, LOCK_RECHECK_LEAST_MS, LOCK_RECHECK_MOST_MS

JOB = "j0123456789abcdef"
NOW_MS = 1_795_000_000_000
IDS = [str(ExecutionId(JOB, NOW_MS + n * 1_000)) for n in range(5)]


def record(id: str, state: State | None) -> Execution | None:
    return None if state is None else Execution("t", id, state, NOW_MS, 1)


policies = st.sampled_from([policy for policy in Overlap if policy is not Overlap.ALLOW])
states = st.none() | st.sampled_from(State)
locks = st.builds(
    Lock,
    st.just("t"),
    st.just(JOB),
    holder=st.sampled_from(["", *IDS[:4]]),
    waiter=st.sampled_from(["", *IDS[1:]]),
    version=st.integers(1, 9),
    written_ms=st.sampled_from([NOW_MS, NOW_MS - LOCK_IDLE_MS - 1]),
)
scenes = st.tuples(locks, st.sampled_from(IDS), policies, states, states)


@given(scenes)
def test_each_move_has_its_ground(scene: tuple[Lock, str, Overlap, State | None, State | None]) -> None:
    lock, me, policy, held, waited = scene
    assume(lock.holder != me)
    holder = record(lock.holder, held) if lock.holder else None
    waiter = record(lock.waiter, waited) if lock.waiter else None
    over = not lock.holder or (holder is not None and is_end(holder.state))
    called = holder is not None and holder.state in {State.RUNNING, State.OPEN}  # steps of an open run may be called
    is_started = called or (holder is not None and holder.state is State.RETRYING)
    rival = lock.waiter if lock.waiter != me and waits(waiter) else ""
    replaces = policy is Overlap.REPLACE

    step = choose_move(lock, me, policy, holder, waiter, NOW_MS)

    match step.move:
        case Move.TAKE:
            assert over
            assert not rival or (replaces and rival < me)
        case Move.TRANSFER:
            assert over
            assert rival
            assert not replaces or rival > me
        case Move.WAIT:
            assert not over
            assert (called and me > max(lock.holder, rival)) if replaces else (policy is Overlap.QUEUE and not rival)
            assert lock.holder in step.reason
        case Move.SKIP:
            assert not over
            assert not replaces
            assert policy is Overlap.SKIP or rival
            assert lock.holder in step.reason
        case Move.CANCEL_SELF:
            assert not over
            assert replaces
            assert max(lock.holder, rival) > me
        case Move.CANCEL_HOLDER:
            assert not over
            assert not called
            assert replaces
            assert me > max(lock.holder, rival)
            assert me in step.reason
        case Move.EVICT_STALE:
            assert not over
            assert not is_started
            assert lock.written_ms < NOW_MS - LOCK_IDLE_MS


@given(locks, st.sampled_from(list(State)), states)
def test_only_a_newer_run_that_waits_keeps_the_holder_from_going_on(
    lock: Lock, held: State, waited: State | None
) -> None:
    holder = record(lock.holder or IDS[0], held)
    assert holder is not None
    found = displaces_holder(lock, holder, record(lock.waiter, waited))
    assert found == (lock.holder == holder.id and lock.waiter > holder.id and waited is State.QUEUED)


@given(states, st.integers(-(10**7), 10**7))
def test_a_waiter_looks_again_neither_too_soon_nor_too_late(state: State | None, lease_ms: int) -> None:
    holder = record(IDS[0], state)
    if holder is not None:
        holder = replace(holder, lease_until_ms=NOW_MS + lease_ms)
    assert LOCK_RECHECK_LEAST_MS <= lock_recheck_ms(holder, NOW_MS) - NOW_MS <= LOCK_RECHECK_MOST_MS


@given(locks, st.sampled_from(["", *IDS]))
def test_every_write_of_a_lock_raises_its_version(lock: Lock, id: str) -> None:
    given_, awaited = lock.given(id, NOW_MS), lock.awaited(id, NOW_MS)
    assert given_.version == awaited.version == lock.version + 1
    assert (given_.holder, given_.waiter, awaited.holder, awaited.waiter) == (id, "", lock.holder, id)
